//! Stored credentials, sealed by whoever stores them.

use agent_core::credential::{SealedCredential, SecretName, StoredCredential};
use agent_core::id::TenantId;
use agent_core::ports::credentials::{Credentials, Put};
use agent_core::ports::store::StoreError;
use async_trait::async_trait;

use crate::MemoryStore;
use crate::rows::{CredentialRow, State};

impl CredentialRow {
    fn shown(&self) -> StoredCredential {
        StoredCredential {
            name: self.held.name.clone(),
            terms: self.held.terms.clone(),
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
        }
    }
}

#[async_trait]
impl Credentials for MemoryStore {
    async fn put_credential(
        &self,
        new: SealedCredential,
        per_tenant_max: u32,
    ) -> Result<Put, StoreError> {
        put(&mut self.lock(), new, per_tenant_max as usize, self.now())
    }

    async fn list_credentials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<StoredCredential>, StoreError> {
        let state = self.lock();
        let own = state.credentials.iter();
        let own = own.filter(|((owner, _), _)| owner == tenant);
        Ok(own.map(|(_, row)| row.shown()).collect())
    }

    async fn find_credential(
        &self,
        tenant: &TenantId,
        name: &SecretName,
    ) -> Result<Option<StoredCredential>, StoreError> {
        let state = self.lock();
        let row = state.credentials.get(&(tenant.clone(), name.clone()));
        Ok(row.map(CredentialRow::shown))
    }

    async fn find_sealed(
        &self,
        tenant: &TenantId,
        names: &[SecretName],
    ) -> Result<Vec<SealedCredential>, StoreError> {
        let state = self.lock();
        let rows = names
            .iter()
            .filter_map(|name| state.credentials.get(&(tenant.clone(), name.clone())));
        Ok(rows.map(|row| row.held.clone()).collect())
    }

    async fn delete_credential(
        &self,
        tenant: &TenantId,
        name: &SecretName,
    ) -> Result<(), StoreError> {
        let removed = self
            .lock()
            .credentials
            .remove(&(tenant.clone(), name.clone()));
        removed.map(|_| ()).ok_or(StoreError::NotFound)
    }
}

fn put(
    state: &mut State,
    new: SealedCredential,
    per_tenant_max: usize,
    now: i64,
) -> Result<Put, StoreError> {
    if !state.tenants.values().any(|known| *known == new.tenant) {
        return Err(StoreError::NotFound);
    }
    let key = (new.tenant.clone(), new.name.clone());
    if let Some(row) = state.credentials.get_mut(&key) {
        row.held = new;
        row.updated_at_ms = now;
        return Ok(Put::Replaced(row.shown()));
    }
    let own = state.credentials.keys();
    if own.filter(|(owner, _)| *owner == new.tenant).count() >= per_tenant_max {
        return Ok(Put::Full);
    }
    let row = CredentialRow {
        held: new,
        created_at_ms: now,
        updated_at_ms: now,
    };
    let stored = row.shown();
    state.credentials.insert(key, row);
    Ok(Put::Created(stored))
}
