//! Puts and gets, through `object_store`'s local file system with its `fsync` option on: it writes a draft,
//! syncs it, renames it, and syncs every folder whose entries changed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::id::TenantId;
use agent_core::installation::Mark;
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::housekeeping::{Cutoff, OwnedHash, Shelves};
use agent_core::ports::installation::Marks;
use async_trait::async_trait;
use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use tokio::task::spawn_blocking;

use crate::bucket::{hash_of, unavailable};
use crate::{mark, shelf, touch};

/// What a trial writes: a block of most file systems.
const TRIAL_BYTES: usize = 4096;

/// The folder for blobs cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("blob folder {} cannot be made or written to", folder.display())]
pub struct FolderError {
    /// The folder.
    pub folder: PathBuf,
    /// What the file system said.
    #[source]
    pub source: io::Error,
}

/// Blobs in a folder of this machine.
#[derive(Debug)]
pub struct LocalBlobs {
    files: LocalFileSystem,
    folder: PathBuf,
    /// Whether the folder was seen to carry the installation's mark.
    is_marked: AtomicBool,
}

impl LocalBlobs {
    /// Opens the folder, making it if it is not there. Fails at once if nothing can be written there, rather than
    /// at the first put.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, FolderError> {
        let folder = folder.as_ref();
        let failed = |source| FolderError {
            folder: folder.to_owned(),
            source,
        };
        prepare(folder).map_err(failed)?;
        let files = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| failed(io::Error::other(error)))?;
        // Off by default, although a blob must not be lost once a commit names it.
        let files = files.with_fsync(true);
        let folder = folder.to_owned();
        Ok(Self {
            files,
            folder,
            is_marked: AtomicBool::new(false),
        })
    }

    /// Whether the folder still is the one that carried the mark. The mount point that is left when it is unmounted takes writes as
    /// well, and has nothing in it.
    async fn is_the_same(&self) -> Result<(), BlobError> {
        if !self.is_marked.load(Ordering::Acquire) {
            return Ok(());
        }
        self.at_folder(mark::is_there).await
    }

    fn marked(&self) {
        self.is_marked.store(true, Ordering::Release);
    }

    /// Works with the folder where it may block.
    async fn at_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BlobError> {
        let folder = self.folder.clone();
        let done = spawn_blocking(move || work(&folder)).await;
        done.map_err(unavailable)?.map_err(unavailable)
    }

    fn path(&self, key: &Key) -> Result<PathBuf, BlobError> {
        self.files.path_to_filesystem(key).map_err(unavailable)
    }
}

/// Makes the folder, tries to write there, and makes the folder's own name durable.
fn prepare(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    try_writing(folder)?;
    let whole = fs::canonicalize(folder)?;
    match whole.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a file that is not empty: on a full disk an empty one can still be made.
fn try_writing(folder: &Path) -> io::Result<()> {
    // Two processes on one folder must not remove each other's.
    let trial = folder.join(format!(".writable-{}", std::process::id()));
    let written = File::create(&trial).and_then(|mut file| {
        file.write_all(&[0; TRIAL_BYTES])?;
        file.sync_all()
    });
    let removed = match fs::remove_file(&trial) {
        // Processes of two machines may have the same number.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    written.and(removed)
}

/// Where a blob lies below the folder.
fn key(tenant: &TenantId, hash: &BlobHash) -> Key {
    crate::key::key(&Key::default(), tenant, hash)
}

#[async_trait]
impl Blobs for LocalBlobs {
    async fn put(&self, tenant: &TenantId, bytes: Vec<u8>) -> Result<BlobRef, BlobError> {
        let bytes = Bytes::from(bytes);
        let blob = BlobRef {
            hash: hash_of(&bytes).await?,
            bytes: bytes.len() as u64,
        };
        self.is_the_same().await?;
        let key = key(tenant, &blob.hash);
        let path = self.path(&key)?;
        let content = bytes.clone();
        let touched = spawn_blocking(move || touch::renew(&path, &content)).await;
        if !touched.map_err(unavailable)?.map_err(unavailable)? {
            self.files
                .put(&key, bytes.into())
                .await
                .map_err(unavailable)?;
        }
        // It may have gone in between.
        self.is_the_same().await?;
        Ok(blob)
    }

    async fn get(&self, tenant: &TenantId, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
        let missing = || BlobError::Missing { hash: hash.clone() };
        let found = self.files.get(&key(tenant, hash)).await;
        let read = match found {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(object_store::Error::NotFound { .. }) => {
                self.is_the_same().await?;
                return Err(missing());
            }
            Err(error) => return Err(unavailable(error)),
        };
        if hash_of(&bytes).await? == *hash {
            Ok(bytes.into())
        } else {
            Err(BlobError::Corrupt { hash: hash.clone() })
        }
    }

    async fn check(&self) -> Result<(), BlobError> {
        self.is_the_same().await?;
        self.at_folder(try_writing).await
    }
}

#[async_trait]
impl Shelves for LocalBlobs {
    async fn cutoff(&self, age_ms: u64) -> Result<Cutoff, BlobError> {
        let now = self.at_folder(shelf::now_ms).await?;
        Ok(Cutoff(now.saturating_sub_unsigned(age_ms)))
    }

    async fn shard_after(&self, shard: Option<&str>) -> Result<Option<String>, BlobError> {
        let after = shard.map(str::to_owned);
        self.at_folder(move |folder| shelf::shard_after(folder, after.as_deref()))
            .await
    }

    async fn old_in(&self, shard: &str, cutoff: Cutoff) -> Result<Vec<OwnedHash>, BlobError> {
        let shard = shard.to_owned();
        self.at_folder(move |folder| shelf::old_in(folder, &shard, cutoff))
            .await
    }

    async fn remove(&self, (tenant, hash): &OwnedHash, cutoff: Cutoff) -> Result<bool, BlobError> {
        let path = self.path(&key(tenant, hash))?;
        self.at_folder(move |_| shelf::remove(&path, cutoff)).await
    }
}

#[async_trait]
impl Marks for LocalBlobs {
    async fn find_mark(&self) -> Result<Option<Mark>, BlobError> {
        let found = self.at_folder(mark::find).await?;
        if found.is_some() {
            self.marked();
        }
        Ok(found)
    }

    async fn ensure_mark(&self, new: &Mark) -> Result<Mark, BlobError> {
        let new = new.clone();
        let there = self.at_folder(move |folder| mark::ensure(folder, &new));
        let there = there.await?;
        self.marked();
        Ok(there)
    }

    async fn replace_mark(&self, new: &Mark) -> Result<(), BlobError> {
        let new = new.clone();
        self.at_folder(move |folder| mark::replace(folder, &new))
            .await?;
        self.marked();
        Ok(())
    }
}
