//! Where it is kept which blob store and which sealing key a database belongs to.

use async_trait::async_trait;

use crate::id::{BlobStoreId, WebhookId};
use crate::installation::{Installation, Mark};
use crate::ports::blobs::BlobError;
use crate::ports::housekeeping::OwnedHash;
use crate::ports::store::StoreError;
use crate::secret::Sealed;

/// What a database already holds of its blob store and its key, to try them by before it is bound to them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keepsakes {
    /// A sealed secret, and the webhook that it was sealed for.
    pub secret: Option<(WebhookId, Sealed)>,
    /// Blobs that tasks name.
    pub blobs: Vec<OwnedHash>,
}

/// The database's part.
#[async_trait]
pub trait Installations: Send + Sync {
    /// What is stored; nothing until a first process stored it.
    async fn find_installation(&self) -> Result<Option<Installation>, StoreError>;
    /// Stores this unless something is stored. Says what is stored then.
    async fn ensure_installation(&self, new: &Installation) -> Result<Installation, StoreError>;
    /// Stores the blob store's id unless one is stored. Says what is stored then.
    async fn settle_blob_store(&self, id: &BlobStoreId) -> Result<Installation, StoreError>;
    /// Stores this in place of whatever is stored.
    async fn replace_installation(&self, new: &Installation) -> Result<(), StoreError>;
    /// The newest secret and some of the newest blobs.
    async fn keepsakes(&self, blobs_max: u32) -> Result<Keepsakes, StoreError>;
}

/// The blob store's part. The mark is no blob: no sweep sees it.
#[async_trait]
pub trait Marks: Send + Sync {
    /// The mark, if there is one.
    async fn find_mark(&self) -> Result<Option<Mark>, BlobError>;
    /// Writes the mark durably, unless there is one. Says what is there then.
    async fn ensure_mark(&self, new: &Mark) -> Result<Mark, BlobError>;
    /// Writes the mark in place of whatever is there.
    async fn replace_mark(&self, new: &Mark) -> Result<(), BlobError>;
}
