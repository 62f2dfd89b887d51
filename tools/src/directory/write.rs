//! Writing files of a workspace from the host side.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::read::require;
use super::{AccessError, Directory, open_beneath};

/// Names of unfinished files; a command cannot know the next one before it exists, and `EXCL` finds out if it did.
static UNFINISHED: AtomicU64 = AtomicU64::new(0);

const FOLDER_MODE: Mode = Mode::RWXU;

impl Directory {
    /// Makes a file hold these bytes, whole or not at all, with its parent directories. A file that is there keeps its
    /// executable bit unless told otherwise.
    pub fn write(
        &self,
        path: &str,
        bytes: &[u8],
        executable: Option<bool>,
    ) -> Result<(), AccessError> {
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() {
            return Err(AccessError::Kind {
                found: "directory",
                wanted: "file",
            });
        }
        let parent = self.make_folders(parents)?;
        let executable = match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => executable.unwrap_or(false),
            Err(other) => return Err(other.into()),
            Ok(there) => {
                require(&there, FileType::RegularFile, "file")?;
                executable.unwrap_or(there.st_mode & 0o100 != 0)
            }
        };
        let unfinished = format!(
            ".errand-{}-{}",
            std::process::id(),
            UNFINISHED.fetch_add(1, Ordering::Relaxed)
        );
        let outcome = self.write_then_move(&parent, &unfinished, name, bytes, executable);
        if outcome.is_err() {
            let _ = rustix::fs::unlinkat(&parent, unfinished.as_str(), AtFlags::empty());
        }
        outcome
    }

    fn write_then_move(
        &self,
        parent: &OwnedFd,
        unfinished: &str,
        name: &str,
        bytes: &[u8],
        executable: bool,
    ) -> Result<(), AccessError> {
        let mode = if executable {
            Mode::RWXU
        } else {
            Mode::RUSR | Mode::WUSR
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mut file = File::from(open_beneath(parent, unfinished, flags, mode)?);
        file.write_all(bytes)?;
        self.own(file.as_fd(), mode)?;
        rustix::fs::renameat(parent, unfinished, parent, name)?;
        Ok(())
    }

    /// Opens a directory beneath, making what is missing of it.
    pub(crate) fn make_folders(&self, path: &str) -> Result<OwnedFd, AccessError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let mut at = open_beneath(self, "", flags, Mode::empty())?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let made = match rustix::fs::mkdirat(&at, part, FOLDER_MODE) {
                Ok(()) => true,
                Err(rustix::io::Errno::EXIST) => false,
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
