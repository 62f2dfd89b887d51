//! Rows of `task`.

use std::collections::BTreeMap;

use agent_core::budget::{Budget, Spend};
use agent_core::ports::store::StoreError;
use agent_core::step::Step;
use agent_core::task::{Priority, Task, TaskState};

use crate::parts::{BodyRead, BudgetColumns, waiting};
use crate::read::{corrupt, count, parsed, parsed_if_any};
use crate::step::StepRecord;

/// A row of `task`.
#[derive(Debug)]
pub struct TaskRecord {
    pub id: String,
    pub tenant_id: String,
    pub state: String,
    pub wait_kind: Option<String>,
    pub wait_until_ms: Option<i64>,
    pub wait_reason: Option<String>,
    pub version: i64,
    pub seq: i64,
    pub engine: i64,
    pub title: String,
    pub metadata: String,
    pub priority: i64,
    pub spec_text: Option<String>,
    pub spec_blob: Option<String>,
    pub spec_bytes: Option<i64>,
    pub result_text: Option<String>,
    pub result_blob: Option<String>,
    pub result_bytes: Option<i64>,
    pub error: Option<String>,
    pub budget_model_calls: i64,
    pub budget_tool_calls: i64,
    pub budget_tokens: i64,
    pub budget_wall_ms: i64,
    pub spent_model_calls: i64,
    pub spent_tool_calls: i64,
    pub spent_tokens: i64,
    pub spent_wall_ms: i64,
    pub running_since_ms: Option<i64>,
    pub plan_version: i64,
    pub replans: i64,
    pub webhook_id: Option<String>,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
    pub finished_at_ms: Option<i64>,
    /// The database's time when the row was read.
    pub read_at_ms: i64,
    /// Its rows of `step`, a JSON array of objects, if they were read.
    pub steps: Option<String>,
}

/// The submitter's labels, as their column holds them.
pub fn metadata_column(metadata: &BTreeMap<String, String>) -> String {
    let pairs = metadata
        .iter()
        .map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())));
    serde_json::Value::Object(pairs.collect()).to_string()
}

impl TaskRecord {
    /// The task, with its steps if they were read.
    pub fn into_task(self) -> Result<Task, StoreError> {
        const TABLE: &str = "task";
        let name = self.id.as_str();
        let bad = |column| corrupt(TABLE, column, name);
        let steps = self.steps.as_deref().unwrap_or("[]");
        let steps: Vec<StepRecord> = serde_json::from_str(steps).map_err(|_| bad("steps"))?;
        let steps: Result<Vec<Step>, StoreError> = steps.into_iter().map(Step::try_from).collect();
        let mut steps = steps?;
        steps.sort_by_key(|step| step.ordinal);
        let spec = BodyRead {
            text: self.spec_text,
            blob: self.spec_blob,
            bytes: self.spec_bytes,
        };
        let result = BodyRead {
            text: self.result_text,
            blob: self.result_blob,
            bytes: self.result_bytes,
        };
        let wait = waiting(
            self.wait_kind.as_deref(),
            self.wait_until_ms,
            self.wait_reason,
        );
        Ok(Task {
            id: parsed(name, TABLE, "id", name)?,
            tenant: parsed(&self.tenant_id, TABLE, "tenant_id", name)?,
            state: TaskState::from_label(&self.state).ok_or_else(|| bad("state"))?,
            waiting: wait.transpose().map_err(|()| bad("wait_kind"))?,
            version: self.version,
            seq: self.seq,
            engine: count(self.engine, TABLE, "engine", name)?,
            metadata: serde_json::from_str(&self.metadata).map_err(|_| bad("metadata"))?,
            priority: Priority::from_rank(self.priority).ok_or_else(|| bad("priority"))?,
            spec: spec.into_required(TABLE, "spec", name)?,
            result: result.into_stored(TABLE, "result", name)?,
            error: self.error,
            budget: Budget::from(BudgetColumns {
                model_calls: self.budget_model_calls,
                tool_calls: self.budget_tool_calls,
                tokens: self.budget_tokens,
                wall_ms: self.budget_wall_ms,
            }),
            spent: Spend {
                model_calls: self.spent_model_calls,
                tool_calls: self.spent_tool_calls,
                tokens: self.spent_tokens,
                wall_ms: self.spent_wall_ms,
            },
            running_since_ms: self.running_since_ms,
            plan_version: count(self.plan_version, TABLE, "plan_version", name)?,
            replans: count(self.replans, TABLE, "replans", name)?,
            webhook: parsed_if_any(self.webhook_id.as_deref(), TABLE, "webhook_id", name)?,
            title: self.title,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
            finished_at_ms: self.finished_at_ms,
            steps,
            read_at_ms: self.read_at_ms,
        })
    }
}
