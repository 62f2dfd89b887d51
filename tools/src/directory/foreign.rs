//! Writing into a directory that is somebody else's: modes and owners stay as they are found, and nothing is mended there.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::read::require;
use super::{AccessError, Directory, open_beneath};

static UNFINISHED: AtomicU64 = AtomicU64::new(0);
/// What our own umask leaves of it is the mode of what is new.
const NEW: Mode = Mode::from_raw_mode(0o666);
const NEW_EXECUTABLE: Mode = Mode::from_raw_mode(0o777);
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

impl Directory {
    /// Makes a file hold these bytes, whole or not at all, with the directories above it. A file that is there keeps its owner and
    /// its mode but for the bits that make it executable; what is new belongs to whom the directory that it is in belongs to.
    pub fn hand_over(&self, path: &str, bytes: &[u8], executable: bool) -> Result<(), AccessError> {
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.make_folders_alike(parents)?;
        let there = match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => None,
            Err(other) => return Err(other.into()),
            Ok(there) => {
                require(&there, FileType::RegularFile, "file")?;
                Some(there)
            }
        };
        let unfinished = format!(
            ".errand-{}-{}",
            std::process::id(),
            UNFINISHED.fetch_add(1, Ordering::Relaxed)
        );
        let done = (|| {
            let mode = if executable { NEW_EXECUTABLE } else { NEW };
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            let mut file = File::from(open_beneath(&parent, &unfinished, flags, mode)?);
            file.write_all(bytes)?;
            match &there {
                Some(there) => {
                    belong_to(file.as_fd(), there.st_uid, there.st_gid)?;
                    // After the change of owner, which clears bits.
                    rustix::fs::fchmod(&file, mode_of(there, executable))?;
                }
                None => belong_like(file.as_fd(), &parent)?,
            }
            rustix::fs::renameat(&parent, &*unfinished, &parent, name)?;
            Ok(())
        })();
        if done.is_err() {
            let _ = rustix::fs::unlinkat(&parent, &*unfinished, AtFlags::empty());
        }
        done
    }

    /// Removes a file, and the directories above it for as long as they are empty and `goes` says of their path that they may.
    pub fn take_away(&self, path: &str, goes: impl Fn(&str) -> bool) -> Result<(), AccessError> {
        let (parent, name) = self.parent_of(path)?;
        let there = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        require(&there, FileType::RegularFile, "file")?;
        rustix::fs::unlinkat(&parent, name, AtFlags::empty())?;
        let mut folder = path;
        while let Some((above, _)) = folder.rsplit_once('/') {
            folder = above;
            if !goes(folder) {
                break;
            }
            let (parent, name) = self.parent_of(folder)?;
            // One that holds something else stays.
            if rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Opens a directory beneath, making what is missing of it.
    fn make_folders_alike(&self, path: &str) -> Result<OwnedFd, AccessError> {
        let mut at = open_beneath(self, "", FOLDER, Mode::empty())?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let is_new = match rustix::fs::mkdirat(&at, part, NEW_EXECUTABLE) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(other) => return Err(other.into()),
            };
            let next = open_beneath(&at, part, FOLDER, Mode::empty())?;
            if is_new {
                belong_like(next.as_fd(), &at)?;
            }
            at = next;
        }
        Ok(at)
    }
}

/// Whoever runs us as root for somebody else does not want root's files in there. Others make files of their own anyway.
fn belong_like(fresh: impl AsFd, parent: &OwnedFd) -> Result<(), AccessError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let parent = rustix::fs::fstat(parent)?;
    belong_to(fresh, parent.st_uid, parent.st_gid)
}

fn belong_to(fresh: impl AsFd, uid: u32, gid: u32) -> Result<(), AccessError> {
    let found = rustix::fs::fstat(&fresh)?;
    if (found.st_uid, found.st_gid) != (uid, gid) {
        rustix::fs::fchown(fresh, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    Ok(())
}

/// The mode that a file keeps. One that became executable is so for those who may read it.
fn mode_of(there: &Stat, executable: bool) -> Mode {
    let mode = there.st_mode & 0o777;
    Mode::from_raw_mode(match (executable, mode & 0o100 != 0) {
        (true, false) => mode | ((mode & 0o444) >> 2),
        (false, true) => mode & !0o111,
        (true, true) | (false, false) => mode,
    })
}
