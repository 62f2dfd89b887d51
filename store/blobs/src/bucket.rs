//! Puts and gets in a bucket that speaks S3.
//!
//! A put always writes, even what is there already: that renews the object's age, which a sweep goes by, and mends an
//! object that was damaged. S3 shows an object whole or not at all, and a put that answered is durable.

use std::sync::Arc;

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::id::TenantId;
use agent_core::installation::Mark;
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::housekeeping::{Cutoff, OwnedHash, Shelves};
use agent_core::ports::installation::Marks;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use tokio::task::spawn_blocking;

use crate::key::key;
use crate::mark;
use crate::shelf::is_tenant;
use crate::trouble::{Trouble, explain, is_about_the_bucket};

/// What a check writes. It stays: removing it would only make the next check dearer.
const MARKER: &str = ".errand";

/// Blobs below a prefix of a bucket.
#[derive(Debug)]
pub struct BucketBlobs {
    store: Arc<dyn ObjectStore>,
    prefix: Key,
}

impl BucketBlobs {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, prefix: Key) -> Self {
        Self { store, prefix }
    }

    /// Writes the marker, which tells at once whether endpoint, bucket and credentials are right.
    pub(crate) async fn mark(&self) -> Result<(), Trouble> {
        let marker = self.marker();
        let text = Bytes::from_static(b"Errand keeps blobs here.\n");
        let put = self.store.put(&marker, text.into()).await;
        put.map(|_| ()).map_err(explain)
    }
}

pub(crate) fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> BlobError {
    BlobError::Unavailable(error.into())
}

/// Hashing megabytes would hold up everything else on this thread.
pub(crate) async fn hash_of(bytes: &Bytes) -> Result<BlobHash, BlobError> {
    let content = bytes.clone();
    let hashing = spawn_blocking(move || BlobHash::of(&content));
    hashing.await.map_err(unavailable)
}

#[async_trait]
impl Blobs for BucketBlobs {
    async fn put(&self, tenant: &TenantId, bytes: Vec<u8>) -> Result<BlobRef, BlobError> {
        let bytes = Bytes::from(bytes);
        let blob = BlobRef {
            hash: hash_of(&bytes).await?,
            bytes: bytes.len() as u64,
        };
        let place = key(&self.prefix, tenant, &blob.hash);
        let put = self.store.put(&place, bytes.into()).await;
        put.map_err(|error| unavailable(explain(error)))?;
        Ok(blob)
    }

    async fn get(&self, tenant: &TenantId, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
        let found = self.store.get(&key(&self.prefix, tenant, hash)).await;
        let read = match found {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        let bytes = match read {
            Ok(bytes) => bytes,
            // A bucket that is gone may come back; its blobs are not lost for good.
            Err(error @ object_store::Error::NotFound { .. }) if !is_about_the_bucket(&error) => {
                return Err(BlobError::Missing { hash: hash.clone() });
            }
            Err(error) => return Err(unavailable(explain(error))),
        };
        if hash_of(&bytes).await? == *hash {
            Ok(bytes.into())
        } else {
            Err(BlobError::Corrupt { hash: hash.clone() })
        }
    }

    async fn check(&self) -> Result<(), BlobError> {
        self.mark().await.map_err(unavailable)
    }
}

impl BucketBlobs {
    fn marker(&self) -> Key {
        self.prefix.clone().join(MARKER)
    }

    /// The last parts of the prefixes right below one, sorted.
    async fn below(&self, prefix: &Key) -> Result<Vec<String>, BlobError> {
        let listed = self.store.list_with_delimiter(Some(prefix)).await;
        let listed = listed.map_err(|error| unavailable(explain(error)))?;
        let last = |prefix: &Key| prefix.filename().map(str::to_owned);
        let mut names: Vec<String> = listed.common_prefixes.iter().filter_map(last).collect();
        names.sort();
        Ok(names)
    }
}

#[async_trait]
impl Shelves for BucketBlobs {
    /// The service dates what is written, so its time is that of something just written.
    async fn cutoff(&self, age_ms: u64) -> Result<Cutoff, BlobError> {
        self.mark().await.map_err(unavailable)?;
        let written = self.store.head(&self.marker()).await;
        let written = written.map_err(|error| unavailable(explain(error)))?;
        let now = written.last_modified.timestamp_millis();
        Ok(Cutoff(now.saturating_sub_unsigned(age_ms)))
    }

    async fn shard_after(&self, shard: Option<&str>) -> Result<Option<String>, BlobError> {
        for tenant in self.below(&self.prefix).await? {
            let is_over = shard.is_some_and(|shard| shard.split('/').next() > Some(&tenant));
            if is_over || !is_tenant(&tenant) {
                continue;
            }
            for name in self
                .below(&self.prefix.clone().join(tenant.as_str()))
                .await?
            {
                let name = format!("{tenant}/{name}");
                if shard.is_none_or(|shard| name.as_str() > shard) {
                    return Ok(Some(name));
                }
            }
        }
        Ok(None)
    }

    async fn old_in(&self, shard: &str, cutoff: Cutoff) -> Result<Vec<OwnedHash>, BlobError> {
        let Some((tenant, name)) = shard.split_once('/') else {
            return Ok(Vec::new());
        };
        let Ok(owner) = tenant.parse::<TenantId>() else {
            return Ok(Vec::new());
        };
        let prefix = self.prefix.clone().join(tenant).join(name);
        let listed = self.store.list(Some(&prefix));
        let old = listed.try_filter_map(|object| {
            let is_old = object.last_modified.timestamp_millis() < cutoff.0;
            let hash = object
                .location
                .filename()
                .and_then(|name| name.parse().ok());
            let found = hash.filter(|_| is_old).map(|hash| (owner.clone(), hash));
            std::future::ready(Ok(found))
        });
        let old: Result<Vec<OwnedHash>, _> = old.try_collect().await;
        old.map_err(|error| unavailable(explain(error)))
    }

    async fn remove(&self, (tenant, hash): &OwnedHash, cutoff: Cutoff) -> Result<bool, BlobError> {
        let place = key(&self.prefix, tenant, hash);
        match self.store.head(&place).await {
            Ok(found) if found.last_modified.timestamp_millis() >= cutoff.0 => return Ok(false),
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(true),
            Err(error) => return Err(unavailable(explain(error))),
        }
        match self.store.delete(&place).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(true),
            Err(error) => Err(unavailable(explain(error))),
        }
    }
}

impl BucketBlobs {
    fn installation(&self) -> Key {
        self.prefix.clone().join(mark::NAME)
    }

    async fn put_mark(&self, new: &Mark, mode: PutMode) -> Result<(), object_store::Error> {
        let text = Bytes::from(new.to_text());
        let place = self.installation();
        let put = self.store.put_opts(&place, text.into(), mode.into()).await;
        put.map(|_| ())
    }
}

#[async_trait]
impl Marks for BucketBlobs {
    async fn find_mark(&self) -> Result<Option<Mark>, BlobError> {
        let found = self.store.get(&self.installation()).await;
        let read = match found {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        match read {
            Ok(text) => Mark::parse(&text).map(Some).map_err(unavailable),
            Err(error @ object_store::Error::NotFound { .. }) if !is_about_the_bucket(&error) => {
                Ok(None)
            }
            Err(error) => Err(unavailable(explain(error))),
        }
    }

    async fn ensure_mark(&self, new: &Mark) -> Result<Mark, BlobError> {
        match self.put_mark(new, PutMode::Create).await {
            Ok(()) | Err(object_store::Error::AlreadyExists { .. }) => {}
            // A service that knows no conditional writes. Of two databases that meet a new bucket in the same moment the last one
            // then has it, and the other is refused here or at its next start.
            Err(_) if self.find_mark().await?.is_none() => self.replace_mark(new).await?,
            Err(_) => {}
        }
        let found = self.find_mark().await?;
        found.ok_or_else(|| unavailable("the blob store's mark is gone again"))
    }

    async fn replace_mark(&self, new: &Mark) -> Result<(), BlobError> {
        let put = self.put_mark(new, PutMode::Overwrite).await;
        put.map_err(|error| unavailable(explain(error)))
    }
}
