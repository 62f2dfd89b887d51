//! One place on disk: its folder, the lock on it, its uid.
//!
//! `<folder>/<task>/<step>` is ours and locked while the place is held; `files` in it is the workspace and belongs to the
//! place's uid. The lock goes with the process, so a folder that can be locked is a left-over.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_core::ports::workspaces::{Place, Remains};
use rustix::fs::{FlockOperation, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio_util::sync::CancellationToken;

use super::cache::Cache;
use super::ledger::{Account, Ledger};
use super::uids::{UidLease, UidPool};
use crate::directory::Directory;

/// A place that this process holds.
pub(super) struct Held {
    pub directory: Arc<Directory>,
    pub account: Arc<Account>,
    pub home: Home,
    /// Read by whatever works there, written by who wants it to be still.
    pub in_use: Arc<RwLock<()>>,
    pub cache: Mutex<Cache>,
    /// Whether it holds what a manifest said; false while it is being restored.
    pub ready: AtomicBool,
    /// Ends what runs there. Another one takes its place when the files are put back to what a manifest says.
    stop: Mutex<CancellationToken>,
    /// Set when the place is being removed.
    is_over: AtomicBool,
    /// Set when some process there could not be ended.
    has_processes: Arc<AtomicBool>,
    /// Released only after everything above is let go of.
    _uid: Option<UidLease>,
}

/// The right to work in a place. While it lives, the place is neither restored nor removed.
#[derive(Clone)]
pub struct Entered {
    directory: Arc<Directory>,
    account: Option<Arc<Account>>,
    stop: CancellationToken,
    has_processes: Arc<AtomicBool>,
    _in_use: Arc<OwnedRwLockReadGuard<()>>,
    _held: Option<Arc<dyn Send + Sync>>,
}

impl Entered {
    /// The workspace.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Whose it is; nobody's when a sandbox is tried.
    pub(crate) fn owner(&self) -> Option<&Place> {
        self.account.as_deref().map(Account::place)
    }

    /// Where what it holds is noted.
    pub(crate) fn account(&self) -> Option<&Account> {
        self.account.as_deref()
    }

    /// Resolves when the place is being removed and work there has to end.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Cancelled when work there has to end.
    pub(crate) fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Notes that some process there cannot be ended.
    pub(crate) fn leaves_processes(&self) {
        self.has_processes.store(true, Ordering::Release);
    }

    /// A directory that no place owns, for trying a sandbox. `keep` is let go of with it.
    pub(crate) fn apart(directory: Arc<Directory>, keep: Arc<dyn Send + Sync>) -> io::Result<Self> {
        let guard = Arc::new(RwLock::new(()))
            .try_read_owned()
            .map_err(io::Error::other)?;
        Ok(Self {
            directory,
            account: None,
            stop: CancellationToken::new(),
            has_processes: Arc::default(),
            _in_use: Arc::new(guard),
            _held: Some(keep),
        })
    }
}

/// A folder beside the workspaces of a task, and the uid that it belongs to. The folder goes with it.
struct Annex {
    home: Home,
    /// Released when the folder is gone.
    _uid: Option<UidLease>,
}

impl Drop for Annex {
    fn drop(&mut self) {
        if let Err(error) = self.home.remove() {
            let path = self.home.path.display();
            tracing::warn!(%path, %error, "a folder could not be removed; the next start will try again");
        }
    }
}

impl Entered {
    /// A folder beside the workspace of a place, which counts for its task and belongs to a uid of its own. It is removed when
    /// whoever works there has let go of it.
    pub(super) fn beside(
        path: &Path,
        place: &Place,
        uids: Option<&UidPool>,
        ledger: &Arc<Ledger>,
    ) -> io::Result<Self> {
        let home = Home::make(path)?;
        let uid = uids.map(UidPool::take).transpose()?;
        let owner = uid.as_ref().map(UidLease::uid);
        let files = home.path.join("files");
        make_mode(&files, Mode::RWXU)?;
        home.admit(owner)?;
        let annex = Arc::new(Annex { home, _uid: uid });
        let directory = Directory::open(&files, owner)?;
        directory.wipe()?;
        directory.reopen()?;
        let entered = Self::apart(Arc::new(directory), annex)?;
        Ok(Self {
            account: Some(Arc::new(ledger.open(place))),
            ..entered
        })
    }
}

impl Held {
    /// Makes and locks the place's folder, and takes a uid for it. What is in there stays, for `restore` to judge.
    pub fn take(
        folder: &Path,
        place: &Place,
        uids: Option<&UidPool>,
        ledger: &Arc<Ledger>,
    ) -> io::Result<Self> {
        let path = folder.join(place.task.as_str()).join(place.step.as_str());
        let home = Home::make(&path)?;
        let uid = uids.map(UidPool::take).transpose()?;
        let files = home.path.join("files");
        let made = make_mode(&files, Mode::RWXU)?;
        let owner = uid.as_ref().map(UidLease::uid);
        home.admit(owner)?;
        rustix::fs::chmod(&files, Mode::RWXU)?;
        let directory = Directory::open(&files, owner)?;
        if !made {
            // A left-over of another process may belong to a uid that is someone else's by now.
            directory.wipe()?;
        }
        directory.reopen()?;
        Ok(Self {
            directory: Arc::new(directory),
            account: Arc::new(ledger.open(place)),
            home,
            in_use: Arc::default(),
            cache: Mutex::default(),
            ready: AtomicBool::new(false),
            stop: Mutex::default(),
            is_over: AtomicBool::new(false),
            has_processes: Arc::default(),
            _uid: uid,
        })
    }

    fn stop(&self) -> MutexGuard<'_, CancellationToken> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what runs there now. What enters later is not concerned.
    pub fn interrupt(&self) {
        std::mem::take(&mut *self.stop()).cancel();
    }

    /// Ends what runs there, and lets nobody in any more.
    pub fn close(&self) {
        self.is_over.store(true, Ordering::Release);
        self.stop().cancel();
    }

    /// What is left of the processes there, once nobody works there any more.
    pub fn remains(&self) -> Remains {
        if self.has_processes.load(Ordering::Acquire) {
            Remains::Processes
        } else {
            Remains::Nothing
        }
    }

    /// Waits until no one wants it to be still, and enters.
    pub async fn enter(self: &Arc<Self>) -> Option<Entered> {
        let guard = Arc::clone(&self.in_use).read_owned().await;
        let open = self.ready.load(Ordering::Acquire) && !self.is_over.load(Ordering::Acquire);
        // A command can have closed its own workspace, which binds an ordinary user.
        let open = open && self.directory.reopen().is_ok();
        open.then(|| Entered {
            directory: Arc::clone(&self.directory),
            account: Some(Arc::clone(&self.account)),
            stop: self.stop().clone(),
            has_processes: Arc::clone(&self.has_processes),
            _in_use: Arc::new(guard),
            _held: Some(Arc::clone(self) as Arc<dyn Send + Sync>),
        })
    }
}

/// The folder around a workspace, locked.
pub(super) struct Home {
    pub path: PathBuf,
    lock: OwnedFd,
}

/// Someone else may be removing a left-over of the same name just now; that is over soon.
const LOCK_TRIES: u32 = 200;

impl Home {
    fn make(path: &Path) -> io::Result<Self> {
        for _ in 0..LOCK_TRIES {
            if let Some(parent) = path.parent() {
                make_folder(parent)?;
            }
            match make_folder(path).and_then(|()| Self::try_lock(path)) {
                Ok(Some(home)) => return Ok(home),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(None) | Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another process holds the workspace",
        ))
    }

    /// Locks an existing folder, unless someone holds it.
    pub fn try_lock(path: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = rustix::fs::open(path, flags, Mode::empty())?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(other) => return Err(other.into()),
        }
        // It may have been removed between the opening and the locking, and made again by someone else.
        let (ours, there) = (rustix::fs::fstat(&lock)?, rustix::fs::stat(path)?);
        let same = (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino);
        Ok(same.then(|| Self {
            path: path.to_owned(),
            lock,
        }))
    }

    /// Lets no one pass but us and the place's user: a command can open its workspace to everyone, but not this.
    fn admit(&self, owner: Option<u32>) -> io::Result<()> {
        if let Some(uid) = owner {
            rustix::fs::fchown(&self.lock, None, Some(Gid::from_raw(uid)))?;
        }
        rustix::fs::fchmod(&self.lock, Mode::RWXU | Mode::XGRP)?;
        Ok(())
    }

    /// The file system's time, in the unit and with the coarseness of the files' change times.
    pub fn now(&self) -> io::Result<(i64, i64)> {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        };
        let times = Timestamps {
            last_access: now,
            last_modification: now,
        };
        rustix::fs::futimens(&self.lock, &times)?;
        let stat = rustix::fs::fstat(&self.lock)?;
        Ok(crate::directory::StatKey::of(&stat).changed())
    }

    /// Removes the workspace and the folder around it.
    pub fn remove(&self) -> io::Result<()> {
        let files = self.path.join("files");
        match rustix::fs::chmod(&files, Mode::RWXU)
            .map_err(io::Error::from)
            .and_then(|()| Directory::open(&files, None))
        {
            Ok(files) => files.wipe()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        std::fs::remove_dir_all(&self.path)?;
        if let Some(parent) = self.path.parent() {
            // Other steps of the task may be there.
            let _ = std::fs::remove_dir(parent);
        }
        Ok(())
    }
}

/// Makes a folder of our own: others may pass through it, since workspaces below belong to others, and not look into it.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
        std::fs::create_dir_all(parent)?;
    }
    make_mode(path, Mode::RWXU | Mode::XGRP | Mode::XOTH)?;
    Ok(())
}

/// Makes a directory unless it is there, with this mode whatever our umask is.
fn make_mode(path: &Path, mode: Mode) -> io::Result<bool> {
    match rustix::fs::mkdir(path, mode) {
        Ok(()) => {
            rustix::fs::chmod(path, mode)?;
            Ok(true)
        }
        Err(rustix::io::Errno::EXIST) => Ok(false),
        Err(other) => Err(other.into()),
    }
}
