//! The pool of uids, so that no two workspaces share a user.
//!
//! A uid is taken by locking its file in a folder that all workers of a host share, since a uid is the host's, whoever uses it.
//! The kernel drops the lock with the process, so a crash leaves no uid taken, and two processes never take the same one.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, Mode, OFlags};

use crate::options::Options;

/// Uids that workspaces can have.
#[derive(Debug)]
pub struct UidPool {
    folder: PathBuf,
    first: u32,
    count: u32,
    /// Where the next search begins, counted from the first uid: beginning with the first each time would try all that are taken.
    next: AtomicU32,
}

/// The right to use one uid, until it is dropped.
#[derive(Debug)]
pub struct UidLease {
    uid: u32,
    _lock: OwnedFd,
}

impl UidLease {
    /// The uid.
    pub fn uid(&self) -> u32 {
        self.uid
    }
}

impl UidPool {
    /// The pool, if this process may change users; an ordinary user has none and everything is his.
    pub fn for_this_process(options: &Options) -> io::Result<Option<Arc<Self>>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let (first, count) = (options.uid_first, options.uid_count);
        let last = first.checked_add(count).map(|end| end - 1);
        // Below 1000 are the system's own users; 65534 is everyone whom the kernel cannot name.
        let safe = count > 0
            && last.is_some_and(|last| {
                first >= 1000 && !(first..=last).contains(&65534) && last < u32::MAX - 1
            });
        if !safe {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the uid pool {first} + {count} is empty or holds uids of the system (tools.uid_first, tools.uid_count)"
                ),
            ));
        }
        let folder = options.uid_locks.clone();
        own_folder(&folder).map_err(|error| {
            let shown = folder.display();
            io::Error::new(
                error.kind(),
                format!(
                    "the folder {shown}, in which uids are locked, cannot be used: {error}; set tools.uid_locks to one that belongs to root and that all workers of this host share"
                ),
            )
        })?;
        Ok(Some(Arc::new(Self {
            folder,
            first,
            count,
            next: AtomicU32::new(0),
        })))
    }

    /// Takes a uid that no one uses.
    pub fn take(&self) -> io::Result<UidLease> {
        let from = self.next.fetch_add(1, Ordering::Relaxed) % self.count;
        for uid in (from..self.count).chain(0..from).map(|at| self.first + at) {
            if let Some(lock) = try_lock(&self.folder.join(uid.to_string()))? {
                return Ok(UidLease { uid, _lock: lock });
            }
        }
        Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!("all {} uids of the pool are in use", self.count),
        ))
    }
}

/// Makes the folder, or refuses one in which somebody else could lock files away or put links.
fn own_folder(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match rustix::fs::mkdir(folder, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let found = std::fs::symlink_metadata(folder)?;
    if found.is_dir() && found.uid() == 0 && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "it is not a folder that only root can write to",
    ))
}

fn try_lock(path: &Path) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(other) => Err(other.into()),
    }
}
