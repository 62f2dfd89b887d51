//! Tasks as callers see them: in full for one, in short for lists.

use std::collections::BTreeMap;

use agent_core::budget::{Budget, Spend};
use agent_core::delivery::rfc3339;
use agent_core::journal::{ReadError, load_json};
use agent_core::ports::store::Artifact;
use agent_core::task::{Task, TaskResult, TaskSpec, Waiting};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::links::task_path;
use super::state::{TaskStateName, WaitKindName};
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

/// The limits of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// Model calls.
    pub model_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Tokens, input and output together.
    pub tokens: u64,
    /// Running time in milliseconds.
    pub wall_ms: u64,
}

impl From<Budget> for BudgetView {
    fn from(budget: Budget) -> Self {
        Self {
            model_calls: budget.model_calls,
            tool_calls: budget.tool_calls,
            tokens: budget.tokens,
            wall_ms: budget.wall_ms,
        }
    }
}

/// What a task has used, the current running time included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpentView {
    /// Model calls.
    pub model_calls: i64,
    /// Tool calls.
    pub tool_calls: i64,
    /// Tokens, input and output together.
    pub tokens: i64,
    /// Running time in milliseconds.
    pub wall_ms: i64,
}

impl From<Spend> for SpentView {
    fn from(spent: Spend) -> Self {
        Self {
            model_calls: spent.model_calls,
            tool_calls: spent.tool_calls,
            tokens: spent.tokens,
            wall_ms: spent.wall_ms,
        }
    }
}

/// What became of one acceptance criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CriterionView {
    /// Key of the step that it belongs to.
    pub step: String,
    /// The criterion in words.
    pub criterion: String,
    /// Whether it holds; null when no machine can tell.
    pub holds: Option<bool>,
    /// What was found.
    pub found: String,
}

/// What a finished task gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResultView {
    /// The answer in words, Markdown.
    pub answer: String,
    /// The answer as data, when a result schema was given.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// Every acceptance criterion with what became of it.
    pub criteria: Vec<CriterionView>,
    /// What was asked for and is not done, one sentence each.
    pub not_done: Vec<String>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookView {
    /// Identity.
    pub id: String,
    /// The signing secret: only in the answer that accepted the task, and only if the server made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
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
    /// Schema of the result's `data`.
    #[schema(value_type = Option<Object>)]
    pub result_schema: Option<Value>,
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
        Some(stored) => Some(result_view(load(app, task, stored).await?)),
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
        result_schema: spec.result_schema,
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
    let unreadable = |error: &dyn std::fmt::Display| {
        tracing::error!(task.id = %task.id, %error, "a stored body cannot be read");
        Problem::internal()
    };
    match load_json(app.parts.blobs.as_ref(), &task.tenant, stored).await {
        Ok(value) => serde_json::from_value(value).map_err(|error| unreadable(&error)),
        Err(ReadError::Blob(error)) => Err(error.into()),
        Err(ReadError::Undecodable(error)) => Err(unreadable(&error)),
    }
}

fn result_view(result: TaskResult) -> ResultView {
    let criteria = result.criteria.into_iter().map(|verdict| CriterionView {
        step: verdict.step,
        criterion: verdict.criterion,
        holds: verdict.holds,
        found: verdict.found,
    });
    ResultView {
        answer: result.answer,
        data: result.data,
        criteria: criteria.collect(),
        not_done: result.not_done,
    }
}
