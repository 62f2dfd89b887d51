//! The blob store as the rules see it.

use async_trait::async_trait;

use crate::blob::{BlobHash, BlobRef};
use crate::id::TenantId;

/// Why a blob could not be put or had.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Nothing is stored under this name.
    #[error("blob {hash} is missing")]
    Missing {
        /// Its name.
        hash: BlobHash,
    },
    /// What is stored does not match its name.
    #[error("blob {hash} is corrupt")]
    Corrupt {
        /// Its name.
        hash: BlobHash,
    },
    /// The blob store cannot be reached, or its disk is full; the same call may work later.
    #[error("blob store unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Immutable bytes by hash, apart for each tenant.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores bytes durably and names them. Putting the same bytes again is harmless.
    async fn put(&self, tenant: &TenantId, bytes: Vec<u8>) -> Result<BlobRef, BlobError>;
    /// The bytes under a name, checked against it.
    async fn get(&self, tenant: &TenantId, hash: &BlobHash) -> Result<Vec<u8>, BlobError>;
    /// Tries whether it takes writes now.
    async fn check(&self) -> Result<(), BlobError> {
        Ok(())
    }
}
