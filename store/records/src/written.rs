//! Rows as commits write them, many at a time: each kind goes to the database as one JSON array of objects, so that a batch of any
//! size is one statement whose text does not change. The names are those of the columns.

use std::borrow::Cow;

use serde::Serialize;

/// A task that is accepted.
#[derive(Debug, Serialize)]
pub struct NewTaskRow<'a> {
    pub id: &'a str,
    pub tenant_id: &'a str,
    pub state: &'static str,
    pub engine: i64,
    pub title: Cow<'a, str>,
    pub metadata: String,
    pub spec_text: Option<&'a str>,
    pub spec_blob: Option<&'a str>,
    pub spec_bytes: Option<i64>,
    pub budget_model_calls: i64,
    pub budget_tool_calls: i64,
    pub budget_tokens: i64,
    pub budget_wall_ms: i64,
    pub webhook_id: Option<&'a str>,
    pub priority: i64,
}

/// What a decision makes of a task, and by what right.
#[derive(Debug, Serialize)]
pub struct DecidedRow<'a> {
    pub tenant_id: &'a str,
    pub task_id: &'a str,
    /// Absent when the owner decided.
    pub job_id: Option<&'a str>,
    pub fence: Option<i64>,
    pub version: i64,
    pub state: &'static str,
    pub wait_kind: Option<&'a str>,
    pub wait_until_ms: Option<i64>,
    pub wait_reason: Option<Cow<'a, str>>,
    pub events: i64,
    pub model_calls: i64,
    pub tool_calls: i64,
    pub tokens: i64,
    pub wall_ms: i64,
    pub budget_model_calls: i64,
    pub budget_tool_calls: i64,
    pub budget_tokens: i64,
    pub budget_wall_ms: i64,
    pub plan_version: i64,
    pub replans: i64,
    pub running_since_ms: Option<i64>,
    pub result_text: Option<&'a str>,
    pub result_blob: Option<&'a str>,
    pub result_bytes: Option<i64>,
    pub error: Option<Cow<'a, str>>,
    /// 1 when the new state is final.
    pub is_final: i64,
}

/// A step of a new plan.
#[derive(Debug, Serialize)]
pub struct NewStepRow<'a> {
    pub tenant_id: &'a str,
    pub task_id: &'a str,
    pub id: &'a str,
    pub ordinal: i64,
    pub plan_version: i64,
    pub key: &'a str,
    pub title: Cow<'a, str>,
    pub state: &'static str,
    pub depends_on: String,
    pub spec_text: Option<&'a str>,
    pub spec_blob: Option<&'a str>,
    pub spec_bytes: Option<i64>,
    pub outcome_text: Option<&'a str>,
    pub outcome_blob: Option<&'a str>,
    pub outcome_bytes: Option<i64>,
    pub snapshot: Option<&'a str>,
    pub wait_kind: Option<&'a str>,
    pub wait_until_ms: Option<i64>,
    pub wait_reason: Option<Cow<'a, str>>,
}

/// A step's new state.
#[derive(Debug, Serialize)]
pub struct ChangedStepRow<'a> {
    pub tenant_id: &'a str,
    pub task_id: &'a str,
    pub id: &'a str,
    pub state: &'static str,
    pub wait_kind: Option<&'a str>,
    pub wait_until_ms: Option<i64>,
    pub wait_reason: Option<Cow<'a, str>>,
    pub outcome_text: Option<&'a str>,
    pub outcome_blob: Option<&'a str>,
    pub outcome_bytes: Option<i64>,
    pub snapshot: Option<&'a str>,
}

/// A message that is to be sent.
#[derive(Debug, Serialize)]
pub struct NewDeliveryRow<'a> {
    pub tenant_id: &'a str,
    pub task_id: &'a str,
    pub id: &'a str,
    pub webhook_id: &'a str,
    pub kind: &'a str,
    pub body: Cow<'a, str>,
    pub state: &'static str,
    pub at_ms: i64,
}

/// A job that is made.
#[derive(Debug, Serialize)]
pub struct NewJobRow<'a> {
    pub tenant_id: &'a str,
    pub task_id: &'a str,
    pub id: &'a str,
    pub kind: &'static str,
    pub step_id: Option<&'a str>,
    pub delivery_id: Option<&'a str>,
    pub priority: i64,
    /// When it may be claimed; absent when it is ready at once.
    pub run_at_ms: Option<i64>,
    pub created_at_ms: i64,
    /// The job whose turn it inherits, if that is there.
    pub parent_id: Option<&'a str>,
    /// Its turn otherwise.
    pub vtag: i64,
    pub behind: i64,
    /// Whom it is handed to at once, if it may be.
    pub worker_name: Option<&'a str>,
    pub worker_epoch: Option<i64>,
}
