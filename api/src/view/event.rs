//! Events as callers see them: the envelope, and the public part alone.

use agent_core::event::Event;
use agent_core::id::TenantId;
use agent_core::journal::{ReadError, load_json};
use agent_core::ports::blobs::{BlobError, Blobs};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::problem::Problem;

/// One row of a task's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its number in the task's log: from 1, without gaps.
    pub seq: i64,
    /// When it was committed, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The format of `data`.
    pub v: u32,
    /// What happened.
    #[schema(example = "step.started")]
    pub kind: String,
    /// Id of the step that it belongs to.
    pub step: Option<String>,
    /// More about it; its fields depend on the kind, and new ones may come.
    #[schema(value_type = Object)]
    pub data: Value,
}

impl EventView {
    /// The view of an event. A body that is damaged leaves `data` empty: a number is never dropped.
    pub(crate) async fn of(
        blobs: &dyn Blobs,
        tenant: &TenantId,
        event: Event,
    ) -> Result<Self, Problem> {
        let data = match load_json(blobs, tenant, &event.public).await {
            Ok(data) => data,
            Err(ReadError::Blob(BlobError::Unavailable(cause))) => {
                return Err(BlobError::Unavailable(cause).into());
            }
            Err(error) => {
                tracing::error!(%error, seq = event.seq, "an event's public part cannot be read");
                json!({})
            }
        };
        Ok(Self {
            seq: event.seq,
            at_ms: event.at_ms,
            v: event.v,
            kind: event.kind,
            step: event.step.map(|step| step.to_string()),
            data,
        })
    }
}
