//! Puts and gets in a bucket that speaks S3.
//!
//! A put always writes, even what is there already: that renews the object's age, which a sweep goes by, and mends an
//! object that was damaged. S3 shows an object whole or not at all, and a put that answered is durable.

use std::sync::Arc;

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::id::TenantId;
use agent_core::ports::blobs::{BlobError, Blobs};
use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::task::spawn_blocking;

use crate::key::key;
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
        let marker = self.prefix.clone().join(MARKER);
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
