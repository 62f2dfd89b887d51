//! Rows of `api_key` and `idempotency`.

use agent_core::key::ApiKey;
use agent_core::ports::store::StoreError;

use crate::read::parsed;

/// A row of `api_key`, without its hash.
#[derive(Debug)]
pub struct KeyRecord {
    pub id: String,
    pub tenant_id: String,
    pub name: String,
    pub shown: String,
    pub created_at_ms: i64,
    pub revoked_at_ms: Option<i64>,
}

impl TryFrom<KeyRecord> for ApiKey {
    type Error = StoreError;

    fn try_from(row: KeyRecord) -> Result<Self, StoreError> {
        Ok(Self {
            id: parsed(&row.id, "api_key", "id", &row.id)?,
            tenant: parsed(&row.tenant_id, "api_key", "tenant_id", &row.id)?,
            name: row.name,
            shown: row.shown,
            created_at_ms: row.created_at_ms,
            revoked_at_ms: row.revoked_at_ms,
        })
    }
}

/// What an idempotency key was used for.
#[derive(Debug)]
pub struct RecallRecord {
    /// Hash of the request.
    pub request: String,
    /// The task it made.
    pub task_id: String,
}
