//! What the store knows of the blob store and the sealing key that belong to it.

use agent_core::id::BlobStoreId;
use agent_core::installation::Installation;
use agent_core::ports::installation::{Installations, Keepsakes};
use agent_core::ports::store::StoreError;
use async_trait::async_trait;

use crate::MemoryStore;

#[async_trait]
impl Installations for MemoryStore {
    async fn find_installation(&self) -> Result<Option<Installation>, StoreError> {
        Ok(self.lock().installation.clone())
    }

    async fn ensure_installation(&self, new: &Installation) -> Result<Installation, StoreError> {
        let mut state = self.lock();
        Ok(state
            .installation
            .get_or_insert_with(|| new.clone())
            .clone())
    }

    async fn settle_blob_store(&self, id: &BlobStoreId) -> Result<Installation, StoreError> {
        let mut state = self.lock();
        let stored = state.installation.as_mut().ok_or(StoreError::Corrupt {
            table: "installation",
            column: "number",
            row: "1".to_owned(),
        })?;
        stored.blob_store.get_or_insert_with(|| id.clone());
        Ok(stored.clone())
    }

    async fn replace_installation(&self, new: &Installation) -> Result<(), StoreError> {
        self.lock().installation = Some(new.clone());
        Ok(())
    }

    async fn keepsakes(&self, blobs_max: u32) -> Result<Keepsakes, StoreError> {
        let state = self.lock();
        let secret = state.webhooks.values().next_back();
        let blobs = state.blobs.iter().rev().take(blobs_max as usize);
        Ok(Keepsakes {
            secret: secret.map(|webhook| (webhook.id.clone(), webhook.secret.clone())),
            blobs: blobs
                .map(|(_, tenant, hash)| (tenant.clone(), hash.clone()))
                .collect(),
        })
    }
}
