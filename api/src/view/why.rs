//! Why a task is where it is, as callers see it.

use agent_core::delivery::rfc3339;
use agent_core::explain::{Cause, HeldBy, Reason, Subject};
use agent_core::queue::OpenCall;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::state::{TaskStateName, names};

names! {
    /// What keeps something from being done yet.
    CauseName of Cause {
        /// A worker is at work on it.
        Held,
        /// The worker that holds it fell silent; others take over when its lease lapses.
        HolderSilent,
        /// It can be taken up, and workers are there.
        Queued,
        /// It can be taken up, and no worker is there.
        NoWorker,
        /// It needs other steps.
        Steps,
        /// It waits for an answer from a person.
        Input,
        /// It waits for a person's decision about a call.
        Approval,
        /// A limit of the budget is reached.
        Budget,
        /// The model's provider is in trouble.
        Provider,
        /// It waits for a point in time.
        Timer,
        /// A machine could not go on with it.
        Capacity,
        /// The receiver of a message did not take it; it is sent again.
        Receiver,
        /// No receiver took a message, and it was given up.
        Undelivered,
        /// Workers died on it again and again, and it was set aside.
        Quarantined,
        /// Its row cannot be read, and it was set aside.
        Unreadable,
        /// It was being done when the task ended; what became of it is not recorded.
        CutOff,
        /// Nothing carries it: a fault of the program.
        Lost,
    }
}

/// Who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HolderView {
    /// The worker.
    pub worker: String,
    /// Which life of that worker, from 1.
    pub epoch: i64,
    /// How long ago it was last heard of; null when that is not known.
    pub heartbeat_age_ms: Option<i64>,
}

/// A tool call whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallView {
    /// The call.
    pub id: String,
    /// The tool's name.
    pub tool: String,
    /// When it was first begun, or found to be unknown, as RFC 3339.
    pub since: String,
    /// The same in milliseconds since the epoch.
    pub since_ms: i64,
    /// When it was begun last, as RFC 3339: later for a call that is made again.
    pub last_begun: String,
    /// The same in milliseconds since the epoch.
    pub last_begun_ms: i64,
}

impl From<OpenCall> for CallView {
    fn from(call: OpenCall) -> Self {
        Self {
            id: call.call.into(),
            tool: call.tool,
            since: rfc3339(call.since_ms),
            since_ms: call.since_ms,
            last_begun: rfc3339(call.last_begun_ms),
            last_begun_ms: call.last_begun_ms,
        }
    }
}

/// One open thing, and why it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonView {
    /// What is open: `plan`, `step`, `report`, `delivery`, `call` or `task`.
    pub what: String,
    /// The step.
    pub step: Option<String>,
    /// The step's name inside the plan.
    pub key: Option<String>,
    /// The message.
    pub delivery: Option<String>,
    /// Its job.
    pub job: Option<String>,
    /// What keeps it.
    pub cause: CauseName,
    /// Whether it goes on by itself.
    pub passes: bool,
    /// Who holds it.
    pub holder: Option<HolderView>,
    /// When it goes on by itself, as RFC 3339.
    pub until: Option<String>,
    /// The same in milliseconds since the epoch.
    pub until_ms: Option<i64>,
    /// Keys of the steps that it waits for.
    pub waits_for: Vec<String>,
    /// The tool call that is being made, or about which a decision is wanted.
    pub call: Option<CallView>,
    /// Retries that were charged.
    pub attempts: i64,
    /// How often a worker died on it.
    pub crashes: i64,
    /// What is the matter.
    pub explanation: String,
    /// What to do.
    pub advice: String,
}

/// Why a task is where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhyView {
    /// The task.
    pub task: String,
    /// Where it stands.
    pub state: TaskStateName,
    /// When this was looked at, as RFC 3339.
    pub at: String,
    /// The same in milliseconds since the epoch.
    pub at_ms: i64,
    /// How long ago any worker was last heard of; null when none runs.
    pub heartbeat_age_ms: Option<i64>,
    /// What is open. Empty when the task has ended and everybody was told.
    pub reasons: Vec<ReasonView>,
}

impl From<HeldBy> for HolderView {
    fn from(held: HeldBy) -> Self {
        Self {
            worker: held.worker.0,
            epoch: held.epoch,
            heartbeat_age_ms: held.heartbeat_age_ms,
        }
    }
}

impl From<Reason> for ReasonView {
    fn from(reason: Reason) -> Self {
        let passes = reason.passes();
        let (mut step, mut key, mut delivery) = (None, None, None);
        let what = match reason.subject {
            Subject::Plan => "plan",
            Subject::Step { id, key: name } => {
                (step, key) = (Some(id.to_string()), Some(name));
                "step"
            }
            Subject::Report => "report",
            Subject::Delivery(id) => {
                delivery = Some(id.to_string());
                "delivery"
            }
            Subject::Call(_) => "call",
            Subject::Task => "task",
        };
        Self {
            what: what.to_owned(),
            step,
            key,
            delivery,
            job: reason.job.map(String::from),
            cause: reason.cause.into(),
            passes,
            holder: reason.holder.map(HolderView::from),
            until: reason.until_ms.map(rfc3339),
            until_ms: reason.until_ms,
            waits_for: reason.waits_for,
            call: reason.call.map(CallView::from),
            attempts: reason.attempts,
            crashes: reason.crashes,
            explanation: reason.explanation,
            advice: reason.advice,
        }
    }
}
