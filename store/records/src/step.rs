//! Rows of `step`.

use agent_core::id::StepId;
use agent_core::ports::store::StoreError;
use agent_core::step::{Step, StepState};
use serde::Deserialize;

use crate::parts::{BodyRead, waiting};
use crate::read::{corrupt, count, parsed, parsed_if_any};

/// A row of `step`.
#[derive(Debug, Deserialize)]
pub struct StepRecord {
    pub id: String,
    pub ordinal: i64,
    pub plan_version: i64,
    pub key: String,
    pub title: String,
    pub state: String,
    pub depends_on: String,
    pub spec_text: Option<String>,
    pub spec_blob: Option<String>,
    pub spec_bytes: Option<i64>,
    pub outcome_text: Option<String>,
    pub outcome_blob: Option<String>,
    pub outcome_bytes: Option<i64>,
    pub snapshot: Option<String>,
    pub wait_kind: Option<String>,
    pub wait_until_ms: Option<i64>,
    pub wait_reason: Option<String>,
}

/// The ids of the steps that a step needs, as its column holds them.
pub fn depends_on_column(ids: &[StepId]) -> String {
    let ids: serde_json::Value = ids.iter().map(StepId::as_str).collect();
    ids.to_string()
}

impl TryFrom<StepRecord> for Step {
    type Error = StoreError;

    fn try_from(row: StepRecord) -> Result<Self, StoreError> {
        const TABLE: &str = "step";
        let name = row.id.as_str();
        let bad = |column| corrupt(TABLE, column, name);
        let spec = BodyRead {
            text: row.spec_text,
            blob: row.spec_blob,
            bytes: row.spec_bytes,
        };
        let outcome = BodyRead {
            text: row.outcome_text,
            blob: row.outcome_blob,
            bytes: row.outcome_bytes,
        };
        let wait = waiting(row.wait_kind.as_deref(), row.wait_until_ms, row.wait_reason);
        Ok(Self {
            id: parsed(name, TABLE, "id", name)?,
            ordinal: count(row.ordinal, TABLE, "ordinal", name)?,
            plan_version: count(row.plan_version, TABLE, "plan_version", name)?,
            state: StepState::from_label(&row.state).ok_or_else(|| bad("state"))?,
            depends_on: serde_json::from_str(&row.depends_on).map_err(|_| bad("depends_on"))?,
            spec: spec.into_required(TABLE, "spec", name)?,
            outcome: outcome.into_stored(TABLE, "outcome", name)?,
            snapshot: parsed_if_any(row.snapshot.as_deref(), TABLE, "snapshot", name)?,
            waiting: wait.transpose().map_err(|()| bad("wait_kind"))?,
            key: row.key,
            title: row.title,
        })
    }
}
