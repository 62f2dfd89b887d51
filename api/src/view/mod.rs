//! Views: what callers see of what is stored.
//!
//! Each view is a type of its own. Nothing of the core is serialised by accident: a new field of a stored type
//! stays unseen until somebody adds it here.

mod artifact;
mod budget;
mod computer;
mod dead;
mod event;
mod links;
mod live;
mod network;
mod policy;
mod receipt;
mod result;
mod secret;
mod state;
mod step;
mod task;
mod why;

pub use artifact::ArtifactView;
pub use budget::{BudgetView, SpentView};
pub use computer::{ComputerView, WorkerComputerView};
pub use dead::{DeadKindName, DeadView, RequeuedView};
pub use event::EventView;
pub(crate) use links::percent;
pub use links::{artifact_path, task_path};
pub use live::{LiveBrowserView, LiveDialogView, LiveHelpView, LiveTabView};
pub use network::{NetworkModeName, NetworkView};
pub use policy::{ApprovalsName, FilesFromName, PolicyView};
pub use receipt::{CancelledView, EffectView, GoneView, ReceiptView, StepNameView, StoppedView};
pub use result::{CriterionView, ResultView};
pub use secret::SecretView;
pub use state::{PriorityName, StepStateName, TaskStateName, WaitKindName};
pub use step::{PlanView, StepView};
pub use task::{FileView, LinksView, TaskSummary, TaskView, WaitingView, WebhookView};
pub(crate) use task::{full, summary};
pub use why::{CauseName, HolderView, ReasonView, WhyView};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where the next page begins; null when this is the last.
    pub next: Option<String>,
}
