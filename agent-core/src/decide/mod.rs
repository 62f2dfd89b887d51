//! Decisions: what a task becomes when something has happened to it.
//!
//! [`decide`] is a pure function of the task as it was read, what happened, the time and a source of ids. It never
//! fails half-way: either the input is legal in this state and the answer says everything that changes, or it is
//! refused and nothing does. The store saves a decision only if the task has not moved since it was read, so a
//! decision that was made from old news is made again, never merged.

pub mod applied;
pub mod commit;
mod draft;
pub mod for_owner;
mod owner;
mod plan;
mod quarantine;
mod report;
mod step;
mod wait;

use crate::budget::{Budget, Limit, Spend};
use crate::call::CallDecided;
use crate::delivery::NewDelivery;
use crate::event::NewEvent;
use crate::id::{CallId, StepId};
use crate::job::JobAfter;
use crate::plan::{Plan, StepSpec};
use crate::policy::Label;
use crate::ports::entropy::Entropy;
use crate::ports::store::{CallState, JobChanges};
use crate::report::Verdict;
use crate::step::{StepOutcome, StepState};
use crate::task::{Task, TaskResult, TaskState, WaitKind, Waiting};

use draft::Draft;
pub use quarantine::SetAside;

/// How many times a failed plan is replaced by a new one.
pub const REPLANS_MAX: u32 = 1;

/// Something that happened to a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A worker took up a job: the step's, or (with `None`) the plan or report job.
    Claimed {
        /// The step.
        step: Option<StepId>,
        /// Whether the step's log shows that it was begun before.
        begun: bool,
        /// How often a worker died on the job so far.
        crashes: u32,
    },
    /// The planner made a plan without faults.
    PlanAccepted {
        /// The plan.
        plan: Plan,
    },
    /// The planner could not make one.
    PlanFailed {
        /// Why, in one sentence.
        reason: String,
    },
    /// A step called `finish`.
    StepSucceeded {
        /// The step.
        step: StepId,
        /// What it reports.
        result: String,
        /// Whose words that can hold.
        label: Label,
    },
    /// A step cannot be finished.
    StepFailed {
        /// The step.
        step: StepId,
        /// Why, in one sentence.
        reason: String,
        /// Whose words that can hold.
        label: Label,
    },
    /// A job cannot go on for now.
    Waited {
        /// The step, or `None` for the plan or report job.
        step: Option<StepId>,
        /// Why.
        wait: Wait,
    },
    /// The report was written.
    Reported {
        /// The answer in words.
        answer: String,
        /// The answer as data.
        data: Option<serde_json::Value>,
        /// What the checks found.
        criteria: Vec<Verdict>,
        /// What is not done, one sentence each.
        not_done: Vec<String>,
    },
    /// The owner ends the task.
    CancelRequested {
        /// Why, if it was said.
        reason: Option<String>,
    },
    /// The owner settles a call with an unknown outcome, or says whether one that was held is made. Whoever brings this has
    /// read in the log, at the version that the decision is committed on, that the step waits for exactly that.
    CallDecided {
        /// The step.
        step: StepId,
        /// What is decided.
        decided: CallDecided,
    },
    /// Workers died on a job again and again without getting further. Comes from the worker that claimed it next.
    Quarantined {
        /// The step, or `None` for the plan or report job.
        step: Option<StepId>,
        /// What is known about the job.
        aside: SetAside,
    },
    /// The owner lets a job go on that was set aside.
    Requeued {
        /// The step, or `None` for the plan or report job.
        step: Option<StepId>,
        /// The job.
        job: crate::id::JobId,
    },
    /// A place of the tool is free for which a step waits. Comes from the worker that has the place.
    PlaceFreed {
        /// The step.
        step: StepId,
    },
    /// The owner changes the limits.
    BudgetRaised {
        /// The limits from now on.
        budget: Budget,
    },
}

/// A wait as a worker asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What is waited for.
    pub kind: WaitKind,
    /// What happened and what to do.
    pub reason: String,
    /// When to look again; absent when only a person can end the wait.
    pub delay_ms: Option<u64>,
    /// The limit that was reached, for kind `budget`.
    pub limit: Option<Limit>,
    /// What was charged for the call that is not made, to be given back.
    pub refund: Spend,
}

impl Input {
    /// A short name for logs and tables.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Claimed { step: None, .. } => "task job claimed",
            Self::Claimed { step: Some(_), .. } => "step claimed",
            Self::PlanAccepted { .. } => "plan accepted",
            Self::PlanFailed { .. } => "plan failed",
            Self::StepSucceeded { .. } => "step succeeded",
            Self::StepFailed { .. } => "step failed",
            Self::Waited { step: None, .. } => "task job waits",
            Self::Waited { step: Some(_), .. } => "step waits",
            Self::Reported { .. } => "reported",
            Self::CancelRequested { .. } => "cancel requested",
            Self::BudgetRaised { .. } => "budget raised",
            Self::Quarantined { step: None, .. } => "task job quarantined",
            Self::Quarantined { step: Some(_), .. } => "step quarantined",
            Self::Requeued { step: None, .. } => "task job requeued",
            Self::Requeued { step: Some(_), .. } => "step requeued",
            Self::CallDecided { .. } => "call decided",
            Self::PlaceFreed { .. } => "place freed",
        }
    }

    /// Whether it comes from the plan or report job.
    fn is_of_task_job(&self) -> bool {
        match self {
            Self::Claimed { step, .. }
            | Self::Waited { step, .. }
            | Self::Quarantined { step, .. }
            | Self::Requeued { step, .. } => step.is_none(),
            Self::PlanAccepted { .. } | Self::PlanFailed { .. } | Self::Reported { .. } => true,
            Self::StepSucceeded { .. }
            | Self::StepFailed { .. }
            | Self::CancelRequested { .. }
            | Self::BudgetRaised { .. }
            | Self::CallDecided { .. }
            | Self::PlaceFreed { .. } => false,
        }
    }

    /// Whether it comes under no job: from the task's owner, or from a worker that does not hold the step.
    pub fn is_from_outside(&self) -> bool {
        matches!(
            self,
            Self::CancelRequested { .. }
                | Self::BudgetRaised { .. }
                | Self::CallDecided { .. }
                | Self::Requeued { .. }
                | Self::PlaceFreed { .. }
        )
    }
}

/// The input is not legal in this state. Late news, not an error of the program: whoever brought it stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{input} is refused in state {}: {reason}", state.label())]
pub struct Refused {
    /// The task's state.
    pub state: TaskState,
    /// What happened.
    pub input: &'static str,
    /// Why it is not legal.
    pub reason: String,
}

/// A step that a plan adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedStep {
    /// Identity.
    pub id: StepId,
    /// Position in the task.
    pub ordinal: u32,
    /// The plan that brought it.
    pub plan_version: u32,
    /// `ready` or `blocked`.
    pub state: StepState,
    /// The steps that it needs.
    pub depends_on: Vec<StepId>,
    /// What to do.
    pub spec: StepSpec,
}

/// A step's new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedStep {
    /// The step.
    pub id: StepId,
    /// Its state from now on.
    pub state: StepState,
    /// Why it waits.
    pub waiting: Option<Waiting>,
    /// How it ended, when it ended now.
    pub outcome: Option<StepOutcome>,
}

/// The task's new state.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedTask {
    /// State.
    pub state: TaskState,
    /// Why it waits.
    pub waiting: Option<Waiting>,
    /// Limits.
    pub budget: Budget,
    /// Version of the plan in force.
    pub plan_version: u32,
    /// Plans replaced so far.
    pub replans: u32,
    /// When it became running.
    pub running_since_ms: Option<i64>,
    /// What it gives back, when it ended now.
    pub result: Option<TaskResult>,
    /// Why it failed or was cancelled, when it ended now.
    pub error: Option<String>,
}

/// Everything that changes, to be committed together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The task.
    pub task: ChangedTask,
    /// What to add to the task's counters.
    pub charge: Spend,
    /// Steps that a new plan adds.
    pub new_steps: Vec<AddedStep>,
    /// Steps that change.
    pub steps: Vec<ChangedStep>,
    /// Other jobs.
    pub jobs: JobChanges,
    /// Tool calls whose outcome is known now.
    pub settled: Vec<(CallId, CallState)>,
    /// The job under which this was decided.
    pub own_job: JobAfter,
    /// Messages to be sent.
    pub deliveries: Vec<NewDelivery>,
    /// Events, in order.
    pub events: Vec<NewEvent>,
}

/// What `task` becomes when `input` happens at `now_ms`.
///
/// # Errors
/// [`Refused`] when the input is not legal in the task's state.
pub fn decide(
    task: &Task,
    input: Input,
    now_ms: i64,
    entropy: &dyn Entropy,
) -> Result<Decision, Refused> {
    let label = input.label();
    let refuse = |reason: &str| {
        Err(Refused {
            state: task.state,
            input: label,
            reason: reason.to_owned(),
        })
    };
    if task.state.is_final() {
        return refuse("the task has ended");
    }
    let from_outside = input.is_from_outside();
    let claims = matches!(input, Input::Claimed { .. } | Input::Quarantined { .. });
    if task.state == TaskState::Queued && !from_outside && !claims {
        return refuse("no worker has begun the task");
    }
    if task.state == TaskState::Waiting && !from_outside && !claims {
        return refuse("the task waits");
    }
    if input.is_of_task_job()
        && let Some(step) = task.steps.iter().find(|step| step.state.is_carried())
    {
        // Steps at work and a plan or report job never exist together: the task would go on twice.
        return refuse(&format!("step {} is {}", step.key, step.state.label()));
    }
    let draft = Draft::new(task, now_ms, entropy);
    let decided = match input {
        Input::Claimed {
            step: None,
            crashes,
            ..
        } => Ok(wait::task_job_claimed(draft, crashes)),
        Input::Claimed {
            step: Some(step),
            begun,
            crashes,
        } => step::claimed(draft, &step, begun, crashes),
        Input::PlanAccepted { plan } => plan::accepted(draft, plan),
        Input::PlanFailed { reason } => Ok(plan::failed(draft, &reason)),
        Input::StepSucceeded {
            step,
            result,
            label,
        } => step::succeeded(draft, &step, (result, label)),
        Input::StepFailed {
            step,
            reason,
            label,
        } => step::failed(draft, &step, (reason, label)),
        Input::Waited { step: None, wait } => Ok(wait::task_job_waits(draft, &wait)),
        Input::Waited {
            step: Some(step),
            wait,
        } => step::waits(draft, &step, &wait),
        Input::Reported {
            answer,
            data,
            criteria,
            not_done,
        } => report::reported(
            draft,
            TaskResult {
                answer,
                data,
                criteria,
                not_done,
            },
        ),
        Input::CancelRequested { reason } => Ok(owner::cancelled(draft, reason)),
        Input::BudgetRaised { budget } => Ok(owner::budget_raised(draft, budget)),
        Input::Quarantined { step, aside } => quarantine::quarantined(draft, step.as_ref(), aside),
        Input::Requeued { step, job } => quarantine::requeued(draft, step.as_ref(), job),
        Input::CallDecided { step, decided } => owner::call_decided(draft, &step, decided),
        Input::PlaceFreed { step } => step::place_freed(draft, &step),
    };
    decided
        .map(Draft::into_decision)
        .or_else(|reason| refuse(&reason))
}
