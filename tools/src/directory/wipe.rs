//! Emptying a workspace, whatever foreign code made of it.
//!
//! A tree can be nested deeper than we have descriptors or stack, so what lies too deep is moved up and removed in
//! another round.

use std::ffi::CStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::walk::{DEPTH_MAX, names};
use super::{Directory, open_beneath};

/// A tree of a million levels would take this many rounds; more means that someone still makes them.
const ROUNDS_MAX: usize = 20_000;

impl Directory {
    /// Removes everything in the directory, but not the directory.
    pub fn wipe(&self) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let top = open_beneath(self, "", flags, Mode::empty())?;
        for _ in 0..ROUNDS_MAX {
            let mut moved = 0;
            self.wipe_level(&top, &top, 0, &mut moved)?;
            if moved == 0 {
                return Ok(());
            }
        }
        Err(io::Error::other("the directory cannot be emptied"))
    }

    /// Removes one thing of a directory of the tree, whatever it is.
    pub fn remove(&self, parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let top = open_beneath(self, "", flags, Mode::empty())?;
        let parent = parent.try_clone_to_owned()?;
        let mut moved = 0;
        self.remove_one(&top, &parent, name, 0, &mut moved)?;
        // What lay too deep is at the top now, and may be deep itself.
        for _ in 0..ROUNDS_MAX {
            if moved == 0 {
                return Ok(());
            }
            moved = 0;
            for name in names(&top)? {
                if name.to_bytes().starts_with(MOVED) {
                    self.remove_one(&top, &top, &name, 0, &mut moved)?;
                }
            }
        }
        Err(io::Error::other("the entry cannot be removed"))
    }

    fn wipe_level(
        &self,
        top: &OwnedFd,
        at: &OwnedFd,
        depth: usize,
        moved: &mut usize,
    ) -> io::Result<()> {
        for name in names(at)? {
            self.remove_one(top, at, &name, depth, moved)?;
        }
        Ok(())
    }

    fn remove_one(
        &self,
        top: &OwnedFd,
        at: &OwnedFd,
        name: &CStr,
        depth: usize,
        moved: &mut usize,
    ) -> io::Result<()> {
        let stat = match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            other => other?,
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return ignore_missing(rustix::fs::unlinkat(at, name, AtFlags::empty()));
        }
        let below = self.enter(at, name, &stat)?;
        if depth < DEPTH_MAX {
            self.wipe_level(top, &below, depth + 1, moved)?;
            return ignore_missing(rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR));
        }
        *moved += 1;
        let mut higher = MOVED.to_vec();
        higher.extend_from_slice(format!("{}-{moved}", stat.st_ino).as_bytes());
        Ok(rustix::fs::renameat(at, name, top, higher)?)
    }
}

/// What is moved up gets a name with a control character: no manifest can hold it, so a snapshot never sees it.
const MOVED: &[u8] = b".errand\x01";

fn ignore_missing(outcome: rustix::io::Result<()>) -> io::Result<()> {
    match outcome {
        Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(other) => Err(other.into()),
    }
}
