//! The lock on the data folder, and the stable name that it protects.
//!
//! Two workers with one name would take each other's jobs, and two servers on one SQLite file would not see each
//! other's hints, so the folder belongs to one process at a time. The lock ends with the process, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use agent_core::job::WorkerName;
use anyhow::{Context, Result, bail};
use data_encoding::HEXLOWER;

use crate::config::Paths;
use crate::entropy::random_bytes;

/// The held lock.
#[derive(Debug)]
pub struct FolderLock {
    _folder: File,
    /// One SQLite file serves one process, also when two data folders name it.
    _database: Option<File>,
}

/// Takes the lock, or says who has to go first.
pub fn take(paths: &Paths, database: Option<&Path>) -> Result<FolderLock> {
    let folder = lock(&paths.lock(), || {
        format!(
            "another errand process uses the data folder {}; stop it, or choose another folder with --data-dir",
            paths.folder().display()
        )
    })?;
    let database = database.map(|file| {
        let mut name = file.as_os_str().to_owned();
        name.push(".lock");
        lock(Path::new(&name), || {
            format!(
                "another errand process serves the database {}; stop it, or use PostgreSQL",
                file.display()
            )
        })
    });
    Ok(FolderLock {
        _folder: folder,
        _database: database.transpose()?,
    })
}

fn lock(path: &Path, held: impl Fn() -> String) -> Result<File> {
    let shown = path.display();
    let opened = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path);
    let file = opened.with_context(|| format!("could not open {shown}"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(held()),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("could not lock {shown}"))
        }
    }
}

/// The worker's name, made at the first start and kept.
pub fn worker_name(paths: &Paths, _lock: &FolderLock) -> Result<WorkerName> {
    let path = paths.worker_name();
    if let Some(name) = read(&path)? {
        return Ok(WorkerName(name));
    }
    let name = format!("worker-{}", HEXLOWER.encode(&random_bytes()[..8]));
    std::fs::write(&path, &name).with_context(|| format!("could not write {}", path.display()))?;
    Ok(WorkerName(name))
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("could not read {}", path.display())),
    }
}
