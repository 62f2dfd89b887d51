//! Going through a workspace, entry by entry, without following links.
//!
//! Foreign code may change the tree while we walk, nest it as deep as it likes and give entries any name, so a walk is
//! bounded in depth, holds one descriptor a level, and takes every entry's facts from the entry itself.

use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};

use super::{AccessError, Directory, open_beneath};

/// Directories nest no deeper than this in anything we keep.
pub const DEPTH_MAX: usize = 64;

/// What identifies one state of a file. Its change time cannot be set by a program, so equal keys mean equal content,
/// but for changes within one tick of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatKey {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl StatKey {
    pub(crate) fn of(stat: &Stat) -> Self {
        let nanoseconds = |value| i64::try_from(value).unwrap_or(0);
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size,
            modified: (stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
            changed: (stat.st_ctime, nanoseconds(stat.st_ctime_nsec)),
        }
    }

    /// When the file was last changed, by the file system's clock.
    pub(crate) fn changed(&self) -> (i64, i64) {
        self.changed
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Folder,
    /// A link, a pipe, a socket or a device: never kept.
    Other(&'static str),
}

/// One entry of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path; `None` if a manifest cannot name it.
    pub path: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// Its size.
    pub bytes: u64,
    /// The space it takes.
    pub disk_bytes: u64,
    /// Whether this is its only name.
    pub only_name: bool,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// What identifies its state.
    pub key: StatKey,
    /// How many directories it lies in, below the start.
    pub depth: usize,
}

/// An entry together with where it is, for those who change what they find.
pub struct Walk<'a> {
    /// The entry.
    pub found: Found,
    /// The directory that it is in.
    pub parent: BorrowedFd<'a>,
    /// Its name there.
    pub name: &'a CStr,
}

/// What to do after an entry.
pub enum Next {
    /// Go on, into it if it is a directory.
    Enter,
    /// Go on, but not into it.
    Pass,
}

type Visit<'a, T> = dyn FnMut(&Walk<'_>) -> Result<Next, ControlFlow<T>> + 'a;

impl Directory {
    /// Visits what is below `start`, in order of names, directories before their content. The visitor may end the walk
    /// with a value. Directories below [`DEPTH_MAX`] are visited and not entered.
    pub fn walk<T>(&self, start: &str, visit: &mut Visit<'_, T>) -> Result<Option<T>, AccessError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let top = open_beneath(self, start, flags, Mode::empty())?;
        match self.level(&top, Some(start), 0, visit) {
            Ok(()) => Ok(None),
            Err(Halt::Asked(value)) => Ok(Some(value)),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    fn level<T>(
        &self,
        at: &OwnedFd,
        path: Option<&str>,
        depth: usize,
        visit: &mut Visit<'_, T>,
    ) -> Result<(), Halt<T>> {
        for name in names(at)? {
            // What vanished in the meantime was never there, as far as we are concerned.
            let Ok(stat) = rustix::fs::statat(at, &name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let entry = Walk {
                found: found(join(path, &name), &stat, depth),
                parent: at.as_fd(),
                name: &name,
            };
            let next = match visit(&entry) {
                Ok(next) => next,
                Err(ControlFlow::Break(value)) => return Err(Halt::Asked(value)),
                Err(ControlFlow::Continue(())) => Next::Pass,
            };
            let enter = matches!(next, Next::Enter) && entry.found.kind == Kind::Folder;
            if enter && depth < DEPTH_MAX {
                let Ok(below) = self.enter(at, &name, &stat) else {
                    continue;
                };
                self.level(&below, entry.found.path.as_deref(), depth + 1, visit)?;
            }
        }
        Ok(())
    }

    /// Opens a directory of the tree. An ordinary user is bound by the modes that a command left, so they are mended.
    pub(super) fn enter(
        &self,
        at: &OwnedFd,
        name: &CStr,
        stat: &Stat,
    ) -> Result<OwnedFd, rustix::io::Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if self.mends && self.owner.is_none() && stat.st_mode & 0o700 != 0o700 {
            let place = rustix::fs::openat(
                at,
                name,
                OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                Mode::empty(),
            )?;
            let through = format!("/proc/self/fd/{}", place.as_raw_fd());
            rustix::fs::chmod(&through, Mode::RWXU)?;
        }
        rustix::fs::openat(at, name, flags, Mode::empty())
    }
}

enum Halt<T> {
    Asked(T),
    Failed(AccessError),
}

impl<T, E: Into<AccessError>> From<E> for Halt<T> {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The names in a directory, sorted.
pub(super) fn names(at: &OwnedFd) -> rustix::io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(at)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn join(parent: Option<&str>, name: &CStr) -> Option<String> {
    let (parent, name) = (parent?, name.to_str().ok()?);
    let path = if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}/{name}")
    };
    agent_core::workspace::check_path(&path)
        .is_ok()
        .then_some(path)
}

fn found(path: Option<String>, stat: &Stat, depth: usize) -> Found {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        other @ (FileType::Symlink
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown) => Kind::Other(kind_name(other)),
    };
    Found {
        path,
        kind,
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        disk_bytes: u64::try_from(stat.st_blocks)
            .unwrap_or(0)
            .saturating_mul(512),
        only_name: stat.st_nlink == 1,
        executable: stat.st_mode & 0o100 != 0,
        key: StatKey::of(stat),
        depth,
    }
}

pub(super) fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "symbolic link",
        FileType::Fifo => "pipe",
        FileType::Socket => "socket",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        FileType::Unknown => "thing of unknown kind",
    }
}
