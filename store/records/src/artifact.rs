//! Rows of `artifact`.

use agent_core::blob::BlobRef;
use agent_core::ports::store::{Artifact, StoreError};

use crate::read::{corrupt, parsed, parsed_if_any};

/// A row of `artifact`.
#[derive(Debug)]
pub struct ArtifactRecord {
    pub id: String,
    pub name: String,
    pub blob: String,
    pub bytes: i64,
    pub media_type: String,
    pub step_id: Option<String>,
    pub created_at_ms: i64,
}

impl TryFrom<ArtifactRecord> for Artifact {
    type Error = StoreError;

    fn try_from(row: ArtifactRecord) -> Result<Self, StoreError> {
        const TABLE: &str = "artifact";
        Ok(Self {
            id: parsed(&row.id, TABLE, "id", &row.id)?,
            blob: BlobRef {
                hash: parsed(&row.blob, TABLE, "blob", &row.id)?,
                bytes: u64::try_from(row.bytes).map_err(|_| corrupt(TABLE, "bytes", &row.id))?,
            },
            step: parsed_if_any(row.step_id.as_deref(), TABLE, "step_id", &row.id)?,
            name: row.name,
            media_type: row.media_type,
            created_at_ms: row.created_at_ms,
        })
    }
}
