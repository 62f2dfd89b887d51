//! Tenants and API keys. Only hashes of keys are held.

use agent_core::id::{KeyId, TenantId};
use agent_core::key::ApiKey;
use agent_core::ports::store::{Keys, NewKey, StoreError};
use async_trait::async_trait;

use crate::MemoryStore;

#[async_trait]
impl Keys for MemoryStore {
    async fn ensure_tenant(&self, id: &TenantId, name: &str) -> Result<TenantId, StoreError> {
        let mut state = self.lock();
        let tenant = state.tenants.entry(name.to_owned());
        Ok(tenant.or_insert_with(|| id.clone()).clone())
    }

    async fn create_key(&self, key: NewKey) -> Result<(), StoreError> {
        let stored = ApiKey {
            id: key.id.clone(),
            tenant: key.tenant,
            name: key.name,
            shown: key.shown,
            created_at_ms: self.now(),
            revoked_at_ms: None,
        };
        self.lock().keys.insert(key.id, (key.hash, stored));
        Ok(())
    }

    async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<ApiKey>, StoreError> {
        let state = self.lock();
        let keys = state.keys.values().map(|(_, key)| key);
        // By id, which is by age.
        Ok(keys.filter(|key| key.tenant == *tenant).cloned().collect())
    }

    async fn revoke_key(&self, tenant: &TenantId, key: &KeyId) -> Result<(), StoreError> {
        let now = self.now();
        let mut state = self.lock();
        let row = state.keys.get_mut(key);
        let (_, key) = row
            .filter(|(_, key)| key.tenant == *tenant)
            .ok_or(StoreError::NotFound)?;
        key.revoked_at_ms.get_or_insert(now);
        Ok(())
    }

    async fn find_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let state = self.lock();
        let found = state.keys.values().find(|(stored, _)| stored == hash);
        Ok(found.map(|(_, key)| key.clone()))
    }
}
