//! A task as it is stored: state, budget, plan and result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blob::{BlobHash, BlobRef, Stored};
use crate::budget::{Budget, Spend};
use crate::credential::SecretName;
use crate::id::{TaskId, TenantId, WebhookId};
use crate::network::Network;
use crate::policy::{FilesFrom, Label, TaskPolicy};
use crate::step::{Step, StepState};

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Accepted, and no worker has begun it.
    Queued,
    /// A worker has begun it.
    Running,
    /// Nothing moves until a budget is raised, a person decides, a provider recovers, or a time has come.
    Waiting,
    /// Done: every step succeeded and no criterion failed.
    Succeeded,
    /// Some of it is done, and the result says what is not.
    Partial,
    /// Nothing useful came of it, and the error says why.
    Failed,
    /// Ended by its owner.
    Cancelled,
}

impl TaskState {
    /// All states, in the order of a task's life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Succeeded,
        Self::Partial,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The state's name in the API and the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.label() == label)
    }

    /// Whether the task can never change again.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Partial | Self::Failed | Self::Cancelled
        )
    }
}

/// Which jobs come first. Within one priority tenants take turns.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others.
    High,
    /// What nobody said anything about.
    #[default]
    Normal,
    /// When nothing else is there to do.
    Low,
}

impl Priority {
    /// All priorities, first come first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// The priority's name in the API.
    pub fn label(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// The priority with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.label() == label)
    }

    /// Its place in the order, as the database stores it.
    pub fn rank(self) -> i64 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }

    /// The priority of this place.
    pub fn from_rank(rank: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.rank() == rank)
    }
}

/// What a waiting task or step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitKind {
    /// An answer from a person.
    Input,
    /// A person's decision about one call.
    Approval,
    /// A raised budget.
    Budget,
    /// The model's provider.
    Provider,
    /// A point in time.
    Timer,
    /// A place on a worker.
    Capacity,
}

impl WaitKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Input,
        Self::Approval,
        Self::Budget,
        Self::Provider,
        Self::Timer,
        Self::Capacity,
    ];

    /// The kind's name in the API and the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Approval => "approval",
            Self::Budget => "budget",
            Self::Provider => "provider",
            Self::Timer => "timer",
            Self::Capacity => "capacity",
        }
    }

    /// The kind with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    /// Whether a person has to act before the wait can end, so that the submitter must be told.
    pub fn needs_a_person(self) -> bool {
        matches!(self, Self::Input | Self::Approval | Self::Budget)
    }
}

/// Why something waits, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What it waits for.
    pub kind: WaitKind,
    /// When it will look again by itself, in milliseconds since the epoch; absent when only a person can end it.
    pub until_ms: Option<i64>,
    /// One sentence for people: what happened and what to do.
    pub reason: String,
}

/// A file that came with the goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its path in the workspace.
    pub name: String,
    /// Its content.
    pub blob: BlobRef,
}

/// What the submitter asked for. Written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The goal in the submitter's words.
    pub goal: String,
    /// Files that came with it.
    #[serde(default)]
    pub files: Vec<Attachment>,
    /// Names of the tools that may be used; absent means all that this installation has.
    #[serde(default)]
    pub tools: Option<Vec<String>>,
    /// Names of the stored secrets that the task may use. A task without any is written as it was before there were secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretName>,
    /// JSON Schema that the result's `data` must satisfy.
    #[serde(default)]
    pub result_schema: Option<Value>,
    /// What of the network it may reach; absent where nothing was said, which gives commands none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// What it says about consent.
    #[serde(default, skip_serializing_if = "TaskPolicy::is_default")]
    pub policy: TaskPolicy,
    /// Manifest of the workspace that the first steps start from.
    pub snapshot: BlobHash,
}

impl TaskSpec {
    /// Whose words its first steps begin with.
    pub fn label(&self) -> Label {
        if self.files.is_empty() || self.policy.files == FilesFrom::User {
            Label::User
        } else {
            Label::Outside
        }
    }

    /// Whether it holds data that are not everybody's.
    pub fn is_private(&self) -> bool {
        !self.files.is_empty() || !self.secrets.is_empty()
    }
}

/// What a finished task gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The answer in words, Markdown.
    pub answer: String,
    /// The answer as data, when the submitter gave a schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Every acceptance criterion with what became of it.
    #[serde(default)]
    pub criteria: Vec<crate::report::Verdict>,
    /// What was asked for and is not done, one sentence each.
    #[serde(default)]
    pub not_done: Vec<String>,
}

/// One task with its steps: what decisions are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Identity.
    pub id: TaskId,
    /// Owner.
    pub tenant: TenantId,
    /// Where it stands.
    pub state: TaskState,
    /// Why it waits, in state `waiting`.
    pub waiting: Option<Waiting>,
    /// Rises with every transition; a commit made from an older version is refused.
    pub version: i64,
    /// The number of its last event.
    pub seq: i64,
    /// The rules it was begun under.
    pub engine: u32,
    /// The first line of the goal, at most 200 characters, for lists.
    pub title: String,
    /// The submitter's own labels.
    pub metadata: BTreeMap<String, String>,
    /// The priority of its jobs.
    pub priority: Priority,
    /// A [`TaskSpec`] as JSON.
    pub spec: Stored,
    /// A [`TaskResult`] as JSON, in a final state.
    pub result: Option<Stored>,
    /// Why it failed, in one sentence.
    pub error: Option<String>,
    /// Limits.
    pub budget: Budget,
    /// Use so far.
    pub spent: Spend,
    /// When it last became `running`; absent in every other state.
    pub running_since_ms: Option<i64>,
    /// Version of the plan in force; 0 before there is one.
    pub plan_version: u32,
    /// How many times the plan was replaced after a failure.
    pub replans: u32,
    /// Where its outcome is to be sent.
    pub webhook: Option<WebhookId>,
    /// Acceptance, in milliseconds since the epoch by the database's clock.
    pub created_at_ms: i64,
    /// Last change.
    pub updated_at_ms: i64,
    /// When it reached its final state.
    pub finished_at_ms: Option<i64>,
    /// All steps of all plan versions, by ordinal.
    pub steps: Vec<Step>,
    /// The database's time when this was read; decisions use it as their "now".
    pub read_at_ms: i64,
}

impl Task {
    /// The step with this id.
    pub fn step(&self, id: &crate::id::StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// Use so far, with the running time up to `now_ms`.
    pub fn spent_at(&self, now_ms: i64) -> Spend {
        let running = self
            .running_since_ms
            .map_or(0, |since| now_ms.saturating_sub(since).max(0));
        self.spent.plus(Spend {
            wall_ms: running,
            ..Spend::default()
        })
    }

    /// Whether any step of the task succeeded.
    pub fn has_success(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.state == StepState::Succeeded)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// As the release before secrets wrote it.
    const BEFORE_SECRETS: &str = r#"{"goal":"g","files":[],"tools":["shell"],"result_schema":null,"snapshot":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}"#;

    #[test]
    fn an_older_task_has_no_secrets_and_one_without_any_is_written_as_before() {
        let mut spec: TaskSpec = serde_json::from_str(BEFORE_SECRETS).unwrap();
        assert_eq!(spec.secrets, Vec::<SecretName>::new());
        assert_eq!(serde_json::to_string(&spec).unwrap(), BEFORE_SECRETS);
        spec.secrets = vec!["github".parse().unwrap()];
        let written = serde_json::to_string(&spec).unwrap();
        assert!(written.contains(r#""secrets":["github"]"#), "{written}");
        let read: TaskSpec = serde_json::from_str(&written).unwrap();
        assert_eq!(read, spec);
    }
}
