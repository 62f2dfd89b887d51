//! Writing files of a workspace from the host side.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::read::require;
use super::rename::move_to_free;
use super::{AccessError, Directory, open_beneath};

/// Names of unfinished files; a command cannot know the next one before it exists, and `EXCL` finds out if it did.
static UNFINISHED: AtomicU64 = AtomicU64::new(0);

const FOLDER_MODE: Mode = Mode::RWXU;

/// A file that is being written under a name of its own. It is removed again unless it is kept.
pub(crate) struct Unfinished {
    /// To be written to.
    pub file: File,
    parent: OwnedFd,
    /// What it is called until it is kept; taken once it is.
    called: Option<String>,
    name: String,
    mode: Mode,
}

impl Directory {
    /// Makes a file hold these bytes, whole or not at all, with its parent directories. A file that is there keeps its
    /// executable bit unless told otherwise.
    pub fn write(
        &self,
        path: &str,
        bytes: &[u8],
        executable: Option<bool>,
    ) -> Result<(), AccessError> {
        let mut unfinished = self.begin(path, executable)?;
        unfinished.file.write_all(bytes)?;
        self.keep(unfinished, true)
    }

    /// Begins a file that is to come to be at a path, with its parent directories. What is there must be a file, if anything
    /// is; it keeps its executable bit unless told otherwise.
    pub(crate) fn begin(
        &self,
        path: &str,
        executable: Option<bool>,
    ) -> Result<Unfinished, AccessError> {
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() {
            return Err(AccessError::Kind {
                found: "directory",
                wanted: "file",
            });
        }
        let parent = self.make_folders(parents)?;
        let executable = match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => executable.unwrap_or(false),
            Err(other) => return Err(other.into()),
            Ok(there) => {
                require(&there, FileType::RegularFile, "file")?;
                executable.unwrap_or(there.st_mode & 0o100 != 0)
            }
        };
        let called = format!(
            ".errand-{}-{}",
            std::process::id(),
            UNFINISHED.fetch_add(1, Ordering::Relaxed)
        );
        let mode = if executable {
            Mode::RWXU
        } else {
            Mode::RUSR | Mode::WUSR
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = File::from(open_beneath(&parent, &called, flags, mode)?);
        Ok(Unfinished {
            file,
            parent,
            called: Some(called),
            name: name.to_owned(),
            mode,
        })
    }

    /// Gives a file that is whole its place. What is there is replaced only if that is asked for.
    pub(crate) fn keep(
        &self,
        mut unfinished: Unfinished,
        replace: bool,
    ) -> Result<(), AccessError> {
        self.own(unfinished.file.as_fd(), unfinished.mode)?;
        let (parent, name) = (&unfinished.parent, unfinished.name.as_str());
        if let Some(called) = &unfinished.called {
            if replace {
                rustix::fs::renameat(parent, called.as_str(), parent, name)?;
            } else {
                move_to_free(parent, called, parent, name)?;
            }
        }
        unfinished.called = None;
        Ok(())
    }

    /// Opens a directory beneath, making what is missing of it.
    pub(crate) fn make_folders(&self, path: &str) -> Result<OwnedFd, AccessError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let mut at = open_beneath(self, "", flags, Mode::empty())?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let made = match rustix::fs::mkdirat(&at, part, FOLDER_MODE) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(other) => return Err(other.into()),
            };
            let next = open_beneath(&at, part, flags, Mode::empty())?;
            if made {
                self.own(next.as_fd(), FOLDER_MODE)?;
            }
            at = next;
        }
        Ok(at)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(called) = self.called.take() {
            // The workspace may be gone with all that is in it.
            let _ = rustix::fs::unlinkat(&self.parent, called.as_str(), AtFlags::empty());
        }
    }
}
