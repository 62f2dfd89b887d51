//! A step of a plan as it is stored: its place in the graph, its state, its outcome.

use serde::{Deserialize, Serialize};

use crate::blob::{BlobHash, Stored};
use crate::id::StepId;
use crate::policy::Label;
use crate::task::Waiting;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Some step that it depends on has not succeeded.
    Blocked,
    /// Its job is in the queue.
    Ready,
    /// A worker has begun it.
    Running,
    /// It waits for a budget, a provider or a person, and holds no worker.
    Waiting,
    /// Finished with a result.
    Succeeded,
    /// Ended without a result.
    Failed,
    /// Never begun, because something that it depends on failed or a new plan replaced it.
    Skipped,
    /// Ended by a cancel.
    Cancelled,
}

impl StepState {
    /// All states, in the order of a step's life.
    pub const ALL: [Self; 8] = [
        Self::Blocked,
        Self::Ready,
        Self::Running,
        Self::Waiting,
        Self::Succeeded,
        Self::Failed,
        Self::Skipped,
        Self::Cancelled,
    ];

    /// The state's name in the API and the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.label() == label)
    }

    /// Whether the step can never change again.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Skipped | Self::Cancelled
        )
    }

    /// Whether the step has a job that carries it.
    pub fn is_carried(self) -> bool {
        matches!(self, Self::Ready | Self::Running | Self::Waiting)
    }
}

/// One step of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Identity.
    pub id: StepId,
    /// Position in the task, from 0, over all plan versions.
    pub ordinal: u32,
    /// The plan version that brought it, from 1.
    pub plan_version: u32,
    /// Its name inside the plan, unique in the task: `rank-candidates`.
    pub key: String,
    /// One line for people.
    pub title: String,
    /// Where it stands.
    pub state: StepState,
    /// The steps whose results it needs.
    pub depends_on: Vec<StepId>,
    /// A [`StepSpec`](crate::plan::StepSpec) as JSON.
    pub spec: Stored,
    /// A [`StepOutcome`] as JSON, once the step has ended.
    pub outcome: Option<Stored>,
    /// Manifest of its files after the last call that changed them.
    pub snapshot: Option<BlobHash>,
    /// Why it waits, in state `waiting`.
    pub waiting: Option<Waiting>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// What the step reports to the steps after it.
    pub result: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Whose words these can hold.
    #[serde(default)]
    pub label: Label,
    /// The word of the marks that they stand between in prompts: drawn at the end of the step, so that nothing of the step can
    /// have known it.
    #[serde(default)]
    pub mark: String,
}
