//! Where stored credentials are kept, sealed. No verb gives back a value in the clear: who needs one opens it with the sealer.
//!
//! What holds for every implementation: a tenant is in every predicate, and a verb that only shows credentials does not even read
//! what is sealed.

use async_trait::async_trait;

use crate::credential::{SealedCredential, SecretName, StoredCredential};
use crate::id::TenantId;
use crate::ports::store::StoreError;

/// What became of a credential that was to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Created(StoredCredential),
    /// It is in the place of one of the same name, whose age it keeps.
    Replaced(StoredCredential),
    /// The tenant has as many as it may have. Nothing was changed.
    Full,
}

/// Stored credentials.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Stores a credential in place of any of its name, unless the tenant has `per_tenant_max` others. A damaged one is replaced
    /// too. An unknown tenant is [`StoreError::NotFound`].
    async fn put_credential(
        &self,
        new: SealedCredential,
        per_tenant_max: u32,
    ) -> Result<Put, StoreError>;
    /// All credentials of a tenant, by name.
    async fn list_credentials(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<StoredCredential>, StoreError>;
    /// One of them.
    async fn find_credential(
        &self,
        tenant: &TenantId,
        name: &SecretName,
    ) -> Result<Option<StoredCredential>, StoreError>;
    /// Those of these names that are there, in the order of the names, as of one moment.
    async fn find_sealed(
        &self,
        tenant: &TenantId,
        names: &[SecretName],
    ) -> Result<Vec<SealedCredential>, StoreError>;
    /// Removes one. [`StoreError::NotFound`] where there is none.
    async fn delete_credential(
        &self,
        tenant: &TenantId,
        name: &SecretName,
    ) -> Result<(), StoreError>;
}
