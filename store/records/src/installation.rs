//! The row of `installation`, and what it is tried by.

use agent_core::id::WebhookId;
use agent_core::installation::Installation;
use agent_core::ports::store::StoreError;
use agent_core::secret::Sealed;

use crate::read::{parsed, parsed_if_any};

/// The row of `installation`.
#[derive(Debug)]
pub struct InstallationRecord {
    /// `id`.
    pub id: String,
    /// `sealed`.
    pub sealed: Vec<u8>,
    /// `blob_store`.
    pub blob_store: Option<String>,
}

impl TryFrom<InstallationRecord> for Installation {
    type Error = StoreError;

    fn try_from(row: InstallationRecord) -> Result<Self, StoreError> {
        const TABLE: &str = "installation";
        let store = row.blob_store.as_deref();
        Ok(Self {
            id: parsed(&row.id, TABLE, "id", &row.id)?,
            sealed: Sealed(row.sealed),
            blob_store: parsed_if_any(store, TABLE, "blob_store", &row.id)?,
        })
    }
}

/// A webhook's sealed secret.
#[derive(Debug)]
pub struct SealedRecord {
    /// The webhook's id.
    pub id: String,
    /// `secret`.
    pub secret: Vec<u8>,
}

impl TryFrom<SealedRecord> for (WebhookId, Sealed) {
    type Error = StoreError;

    fn try_from(row: SealedRecord) -> Result<Self, StoreError> {
        let id = parsed(&row.id, "webhook", "id", &row.id)?;
        Ok((id, Sealed(row.secret)))
    }
}
