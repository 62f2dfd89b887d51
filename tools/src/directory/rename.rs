//! Giving a file or a directory of a workspace another name.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use super::walk::kind_name;
use super::{AccessError, Directory, open_beneath};

impl Directory {
    /// Moves a file or a directory to a path, with the directories above it. What is there is kept, unless both are files and
    /// `replace` is set: then it is replaced in one step. Says whether it was a directory.
    pub fn rename(&self, from: &str, to: &str, replace: bool) -> Result<bool, AccessError> {
        let (source, source_name) = self.parent_of(from)?;
        let moved = rustix::fs::statat(&source, source_name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_folder = match FileType::from_raw_mode(moved.st_mode) {
            FileType::RegularFile => false,
            FileType::Directory => true,
            other @ (FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown) => {
                return Err(AccessError::Kind {
                    found: kind_name(other),
                    wanted: "file or directory",
                });
            }
        };
        if is_folder
            && to
                .strip_prefix(from)
                .is_some_and(|below| below.starts_with('/'))
        {
            return Err(AccessError::Path("a directory cannot be moved into itself"));
        }
        let (parents, name) = to.rsplit_once('/').unwrap_or(("", to));
        let target = self.make_folders(parents)?;
        match rustix::fs::statat(&target, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => move_to_free(&source, source_name, &target, name)?,
            Err(other) => return Err(other.into()),
            Ok(there) if is_same(&there, &moved) && from == to => {}
            Ok(there) => {
                may_replace(&there, is_folder, replace)?;
                if is_same(&there, &moved) {
                    // Two names of one file: the kernel would leave both.
                    rustix::fs::unlinkat(&source, source_name, AtFlags::empty())?;
                } else {
                    rustix::fs::renameat(&source, source_name, &target, name)?;
                }
            }
        }
        Ok(is_folder)
    }

    /// The directory that a path is in, and its name there.
    pub(super) fn parent_of<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), AccessError> {
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        Ok((open_beneath(self, parents, flags, Mode::empty())?, name))
    }
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn may_replace(there: &Stat, is_folder: bool, replace: bool) -> Result<(), AccessError> {
    let found = FileType::from_raw_mode(there.st_mode);
    if found == FileType::RegularFile && replace && !is_folder {
        return Ok(());
    }
    Err(AccessError::Taken {
        found: kind_name(found),
    })
}

/// Something may have come to be there since it was looked at, so the kernel looks again, where the file system can.
pub(super) fn move_to_free(
    source: &OwnedFd,
    source_name: &str,
    target: &OwnedFd,
    name: &str,
) -> Result<(), AccessError> {
    match rustix::fs::renameat_with(source, source_name, target, name, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::renameat(source, source_name, target, name)?;
        }
        Err(Errno::EXIST) => return Err(AccessError::Taken { found: "file" }),
        other => other?,
    }
    Ok(())
}
