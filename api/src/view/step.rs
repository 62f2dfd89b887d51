//! The plan and its steps as callers see them.

use agent_core::step::Step;
use agent_core::task::Task;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::state::StepStateName;
use super::task::WaitingView;

/// The plan in force, and all steps that there ever were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// Its number, from 1; it rises when a plan is replaced.
    pub version: u32,
    /// Steps of all plans, in order.
    pub steps: Vec<StepView>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Identity.
    #[schema(example = "step_01890000000070008000000000000000")]
    pub id: String,
    /// Name inside the task.
    #[schema(example = "rank-candidates")]
    pub key: String,
    /// One line for people.
    pub title: String,
    /// The plan that brought it.
    pub plan_version: u32,
    /// Where it stands.
    pub state: StepStateName,
    /// Keys of the steps that it needs.
    pub depends_on: Vec<String>,
    /// Why it waits.
    pub waiting: Option<WaitingView>,
}

impl PlanView {
    /// The plan of a task, once there is one.
    pub(crate) fn of(task: &Task) -> Option<Self> {
        (task.plan_version > 0).then(|| Self {
            version: task.plan_version,
            steps: task.steps.iter().map(|step| view(task, step)).collect(),
        })
    }
}

fn view(task: &Task, step: &Step) -> StepView {
    let key_of = |id| task.step(id).map(|needed| needed.key.clone());
    StepView {
        id: step.id.to_string(),
        key: step.key.clone(),
        title: step.title.clone(),
        plan_version: step.plan_version,
        state: step.state.into(),
        depends_on: step.depends_on.iter().filter_map(key_of).collect(),
        waiting: step.waiting.as_ref().map(WaitingView::of),
    }
}
