//! Tasks as callers see them: in full for one, in short for lists.

use std::collections::BTreeMap;
use std::fmt;

use agent_core::delivery::rfc3339;
use agent_core::journal::{ReadError, load_json};
use agent_core::ports::store::Artifact;
use agent_core::task::{Task, TaskSpec, Waiting};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::budget::{BudgetView, SpentView};
use super::links::task_path;
use super::network::NetworkView;
use super::policy::PolicyView;
use super::result::ResultView;
use super::state::{PriorityName, TaskStateName, WaitKindName};
use super::step::PlanView;
use crate::app::App;
use crate::problem::Problem;

/// Why something waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingView {
    /// What it waits for.
    pub kind: WaitKindName,
    /// When it looks again by itself, as RFC 3339; null when only a person can end the wait.
    pub until: Option<String>,
    /// The same in milliseconds since the epoch.
    pub until_ms: Option<i64>,
    /// What happened and what to do.
    pub reason: String,
}

impl WaitingView {
    pub(crate) fn of(waiting: &Waiting) -> Self {
        Self {
            kind: waiting.kind.into(),
            until: waiting.until_ms.map(rfc3339),
            until_ms: waiting.until_ms,
            reason: waiting.reason.clone(),
        }
    }
}

/// A file that came with the goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileView {
    /// Its path in the workspace.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// The webhook of a task.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookView {
    /// Identity.
    pub id: String,
    /// The signing secret: only in the answer that accepted the task, and only if the server made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

// Written by hand, so that the secret reaches no log.
impl fmt::Debug for WebhookView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookView")
            .field("id", &self.id)
            .field("secret", &self.secret.as_ref().map(|_| "***"))
            .finish()
    }
}

/// Where to go from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinksView {
    /// The task itself.
    #[serde(rename = "self")]
    pub itself: String,
    /// Its log.
    pub events: String,
    /// Its artifacts.
    pub artifacts: String,
    /// To end it.
    pub cancel: String,
    /// To change its limits.
    pub budget: String,
}

/// A task in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskSummary {
    /// Identity.
    #[schema(example = "task_01890000000070008000000000000000")]
    pub id: String,
    /// The first line of the goal.
    pub title: String,
    /// Where it stands.
    pub state: TaskStateName,
    /// Why it waits, in state `waiting`.
    pub waiting: Option<WaitingView>,
    /// The submitter's own labels.
    pub metadata: BTreeMap<String, String>,
    /// Which tasks come first.
    pub priority: PriorityName,
    /// Limits.
    pub budget: BudgetView,
    /// Use so far.
    pub spent: SpentView,
    /// Why it failed or was cancelled, in one sentence.
    pub error: Option<String>,
    /// The number of its last event.
    pub seq: i64,
    /// Acceptance, as RFC 3339.
    pub created_at: String,
    /// Acceptance, in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// Last change, as RFC 3339.
    pub updated_at: String,
    /// Last change, in milliseconds since the epoch.
    pub updated_at_ms: i64,
    /// End, as RFC 3339.
    pub finished_at: Option<String>,
    /// End, in milliseconds since the epoch.
    pub finished_at_ms: Option<i64>,
    /// Where to go from here.
    pub links: LinksView,
}

/// A task in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    /// What lists show too.
    #[serde(flatten)]
    pub summary: TaskSummary,
    /// The goal as it was given.
    pub goal: String,
    /// Files that came with it.
    pub files: Vec<FileView>,
    /// Tools that may be used; null means all that the server offers.
    pub tools: Option<Vec<String>>,
    /// Names of the stored secrets that it may use.
    pub secrets: Vec<String>,
    /// Schema of the result's `data`.
    #[schema(value_type = Option<Object>)]
    pub result_schema: Option<Value>,
    /// What of the network it may reach; null where the submit said nothing, which gives commands none.
    pub network: Option<NetworkView>,
    /// What the submit said about consent.
    pub policy: PolicyView,
    /// The plan, once there is one.
    pub plan: Option<PlanView>,
    /// The result, in a final state.
    pub result: Option<ResultView>,
    /// How many artifacts it has.
    pub artifacts: usize,
    /// Its webhook, if it has one.
    pub webhook: Option<WebhookView>,
}

/// The view of a task for lists.
pub(crate) fn summary(task: &Task) -> TaskSummary {
    let path = task_path(&task.id);
    TaskSummary {
        id: task.id.to_string(),
        title: task.title.clone(),
        state: task.state.into(),
        waiting: task.waiting.as_ref().map(WaitingView::of),
        metadata: task.metadata.clone(),
        priority: task.priority.into(),
        budget: task.budget.into(),
        spent: task.spent_at(task.read_at_ms).into(),
        error: task.error.clone(),
        seq: task.seq,
        created_at: rfc3339(task.created_at_ms),
        created_at_ms: task.created_at_ms,
        updated_at: rfc3339(task.updated_at_ms),
        updated_at_ms: task.updated_at_ms,
        finished_at: task.finished_at_ms.map(rfc3339),
        finished_at_ms: task.finished_at_ms,
        links: LinksView {
            events: format!("{path}/events"),
            artifacts: format!("{path}/artifacts"),
            cancel: format!("{path}/cancel"),
            budget: format!("{path}/budget"),
            itself: path,
        },
    }
}

/// The view of one task, with what its row only names.
pub(crate) async fn full(app: &App, task: &Task) -> Result<TaskView, Problem> {
    let spec: TaskSpec = load(app, task, &task.spec).await?;
    let result = match &task.result {
        Some(stored) => Some(ResultView::of(load(app, task, stored).await?)),
        None => None,
    };
    let artifacts: Vec<Artifact> = app.parts.store.artifacts(&task.tenant, &task.id).await?;
    let files = spec.files.into_iter().map(|file| FileView {
        name: file.name,
        bytes: file.blob.bytes,
    });
    Ok(TaskView {
        summary: summary(task),
        goal: spec.goal,
        files: files.collect(),
        tools: spec.tools,
        secrets: spec.secrets.into_iter().map(String::from).collect(),
        result_schema: spec.result_schema,
        network: spec.network.map(NetworkView::from),
        policy: spec.policy.into(),
        plan: PlanView::of(task),
        result,
        artifacts: artifacts.len(),
        webhook: task.webhook.as_ref().map(|id| WebhookView {
            id: id.to_string(),
            secret: None,
        }),
    })
}

async fn load<T: DeserializeOwned>(
    app: &App,
    task: &Task,
    stored: &agent_core::blob::Stored,
) -> Result<T, Problem> {
    let unreadable = |error: &dyn fmt::Display| {
        tracing::error!(task.id = %task.id, %error, "a stored body cannot be read");
        Problem::internal()
    };
    match load_json(app.parts.blobs.as_ref(), &task.tenant, stored).await {
        Ok(value) => serde_json::from_value(value).map_err(|error| unreadable(&error)),
        Err(ReadError::Blob(error)) => Err(error.into()),
        Err(ReadError::Undecodable(error)) => Err(unreadable(&error)),
    }
}
