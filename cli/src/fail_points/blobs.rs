//! Points around the writes of the blob store.

use std::sync::Arc;

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::id::TenantId;
use agent_core::ports::blobs::{BlobError, Blobs as Port};
use async_trait::async_trait;

use super::FailPoints;

/// See the module's description.
pub struct Blobs {
    pub inner: Arc<dyn Port>,
    pub points: Arc<FailPoints>,
}

#[async_trait]
impl Port for Blobs {
    async fn put(&self, tenant: &TenantId, bytes: Vec<u8>) -> Result<BlobRef, BlobError> {
        let put = self.inner.put(tenant, bytes);
        self.points.around("blob.put", put).await
    }

    async fn get(&self, tenant: &TenantId, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
        self.inner.get(tenant, hash).await
    }
}
