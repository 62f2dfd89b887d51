//! Events: the rows of a task's log, which is its only history.
//!
//! Each kind is one struct. When it is written, the fields that [`EventKind::public_fields`] names go into the public
//! part, which any reader of the task may see; all others go into the private part. A new field is therefore
//! private until somebody decides otherwise.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::blob::{BlobRef, Stored};
use crate::browser::BrowserActed;
use crate::budget::{Budget, Limit};
use crate::call::{CallDecided, ToolReturned};
use crate::id::{ArtifactId, CallId, DeliveryId, StepId};
use crate::network::NetworkUsed;
use crate::plan::Plan;
use crate::policy::{CallHeld, Consent, Label};
use crate::ports::model::{CallProblem, Usage};
use crate::ports::tool::EffectClass;
use crate::queue::{JobQuarantined, JobRecovered, JobRequeued, JobStopped};
use crate::task::{TaskResult, TaskSpec, WaitKind};

/// The format of the bodies that this version writes.
pub const EVENT_FORMAT: u32 = 1;

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number in the task's log, from 1, without gaps.
    pub seq: i64,
    /// When it was committed, by the database's clock.
    pub at_ms: i64,
    /// The format of its bodies.
    pub v: u32,
    /// Its kind; a kind that this version does not know is kept as text.
    pub kind: String,
    /// The step it belongs to.
    pub step: Option<StepId>,
    /// JSON object that any reader of the task may see.
    pub public: Stored,
    /// JSON object for the worker alone.
    pub private: Stored,
}

/// An event to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub body: EventBody,
    /// The step it belongs to.
    pub step: Option<StepId>,
}

/// An event to be written, with its bodies split and long ones already put into blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedEvent {
    /// Its kind.
    pub kind: EventKind,
    /// The step it belongs to.
    pub step: Option<StepId>,
    /// JSON object that any reader of the task may see.
    pub public: Stored,
    /// JSON object for the worker alone.
    pub private: Stored,
}

/// The body cannot be read as its kind.
#[derive(Debug, thiserror::Error)]
#[error("could not read event of kind {kind}: {reason}")]
pub struct Undecodable {
    /// The kind in the row.
    pub kind: String,
    /// What was wrong.
    pub reason: String,
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $label:literal public [$($public:literal),*];)*) => {
        /// What kind of event a row is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind { $($(#[$doc])* $name,)* }

        impl EventKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The kind's name in the API and the database.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// The kind with this name.
            pub fn from_label(label: &str) -> Option<Self> {
                match label { $($label => Some(Self::$name),)* _ => None }
            }

            /// The fields that any reader of the task may see.
            pub fn public_fields(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($public),*],)* }
            }
        }

        /// The content of an event.
        #[derive(Debug, Clone, PartialEq)]
        pub enum EventBody { $($(#[$doc])* $name($name),)* }

        impl EventBody {
            /// Its kind.
            pub fn kind(&self) -> EventKind {
                match self { $(Self::$name(_) => EventKind::$name,)* }
            }

            fn to_object(&self) -> Map<String, Value> {
                let value = match self { $(Self::$name(body) => serde_json::to_value(body),)* };
                match value {
                    Ok(Value::Object(map)) => map,
                    // Every body is a struct with string keys, which always serialises to an object.
                    Ok(_) | Err(_) => Map::new(),
                }
            }

            fn from_object(kind: EventKind, map: Map<String, Value>) -> Result<Self, serde_json::Error> {
                let value = Value::Object(map);
                match kind { $(EventKind::$name => serde_json::from_value(value).map(Self::$name),)* }
            }
        }

        $(impl From<$name> for EventBody {
            fn from(body: $name) -> Self { Self::$name(body) }
        })*
    };
}

events! {
    /// The task was accepted.
    TaskSubmitted = "task.submitted" public ["title", "file_names", "budget"];
    /// A worker began the task.
    TaskStarted = "task.started" public [];
    /// A plan was accepted.
    PlanAccepted = "plan.accepted" public ["plan_version", "steps"];
    /// No usable plan could be had.
    PlanFailed = "plan.failed" public ["reason"];
    /// A worker began a step.
    StepStarted = "step.started" public ["key", "title"];
    /// A worker took a step up again after a crash, a hand-over or a wait.
    StepResumed = "step.resumed" public ["key"];
    /// The model answered.
    ModelReplied = "model.replied" public ["job", "turn", "model", "usage", "finish", "tool_names"];
    /// A tool call is about to be made.
    ToolIntended = "tool.intended" public ["call", "tool", "effect", "outside", "summary", "label", "consent"];
    /// A tool call came back.
    ToolReturned = "tool.returned" public ["call", "tool", "ok", "duration_ms", "isolation", "enforced", "changed_files", "label", "programs"];
    /// What a tool call tried to reach over the network, and what was decided.
    NetworkUsed = "network.used" public ["call", "tool", "decisions", "beyond"];
    /// What a browser did to a page, and how the page looked afterwards.
    BrowserActed = "browser.acted" public ["call", "tool", "action", "url", "title", "target", "image"];
    /// It is not known whether a tool call had its effect.
    ToolUnknown = "tool.unknown" public ["call", "tool", "reason", "asked", "decide_by_ms"];
    /// A tool call was not made, because it needs its owner's consent, or a person who does something first.
    CallHeld = "call.held" public ["call", "tool", "summary", "reason", "asked", "decide_by_ms", "content", "help"];
    /// It was decided about a call: whether one that was held is made, or how to go on after one with an unknown outcome.
    CallDecided = "call.decided" public ["call", "tool", "decision", "note"];
    /// The agent tells the user something.
    NoteAdded = "note.added" public ["text"];
    /// A file was handed to the submitter.
    ArtifactPublished = "artifact.published" public ["artifact", "name", "bytes", "media_type"];
    /// A step finished with a result.
    StepSucceeded = "step.succeeded" public ["key", "label"];
    /// A step ended without a result.
    StepFailed = "step.failed" public ["key", "reason"];
    /// A step waits.
    StepWaiting = "step.waiting" public ["key", "wait", "until_ms", "reason"];
    /// The whole task waits.
    TaskWaiting = "task.waiting" public ["wait", "until_ms", "reason"];
    /// The task goes on after a wait.
    TaskResumed = "task.resumed" public ["reason"];
    /// A worker took up a job on which others have died.
    JobRecovered = "job.recovered" public ["crashes"];
    /// Workers died on a job again and again; it was set aside until somebody requeues it.
    JobQuarantined = "job.quarantined" public ["job", "job_kind", "crashes", "reason", "last_events"];
    /// A job that was set aside goes on.
    JobRequeued = "job.requeued" public ["job"];
    /// The budget was changed.
    BudgetRaised = "budget.raised" public ["budget"];
    /// The task ended.
    TaskFinished = "task.finished" public ["state", "result", "error"];
    /// What a worker held when the task was cancelled runs no more.
    JobStopped = "job.stopped" public ["job", "by", "gone"];
    /// A webhook message was tried.
    DeliveryAttempted = "delivery.attempted" public ["delivery", "attempt", "status", "outcome", "next_in_ms", "error", "crashes"];
}

/// See [`EventKind::TaskSubmitted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskSubmitted {
    /// First line of the goal.
    pub title: String,
    /// Names of the attached files.
    pub file_names: Vec<String>,
    /// Limits.
    pub budget: Budget,
    /// Everything that was asked for.
    pub spec: TaskSpec,
}

/// See [`EventKind::TaskStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskStarted {}

/// A step as a plan event lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Identity.
    pub id: StepId,
    /// Name inside the plan.
    pub key: String,
    /// One line for people.
    pub title: String,
    /// Keys of the steps it depends on.
    pub depends_on: Vec<String>,
}

/// See [`EventKind::PlanAccepted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanAccepted {
    /// Number of this plan, from 1.
    pub plan_version: u32,
    /// The steps that it adds.
    pub steps: Vec<PlannedStep>,
    /// The plan as it was accepted.
    pub plan: Plan,
}

/// See [`EventKind::PlanFailed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFailed {
    /// Why, in one sentence.
    pub reason: String,
}

/// See [`EventKind::StepStarted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepStarted {
    /// Name inside the plan.
    pub key: String,
    /// One line for people.
    pub title: String,
}

/// See [`EventKind::StepResumed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResumed {
    /// Name inside the plan.
    pub key: String,
}

/// One call as the model asked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    /// Identity inside Errand.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// The arguments, normalised; the raw text when they could not be read.
    pub arguments: Value,
    /// Why it cannot be run; the model is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<CallProblem>,
}

/// See [`EventKind::ModelReplied`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReplied {
    /// `plan`, `step` or `report`.
    pub job: String,
    /// The number of this turn in its job, from 1.
    pub turn: u32,
    /// The model that answered.
    pub model: String,
    /// What it used, if it was said.
    pub usage: Option<Usage>,
    /// Why it stopped.
    pub finish: String,
    /// Names of the tools it asked for.
    pub tool_names: Vec<String>,
    /// The visible answer.
    pub text: Option<String>,
    /// The thought, kept apart from the answer.
    pub thought: Option<crate::ports::model::Thought>,
    /// The calls it asked for.
    pub calls: Vec<RecordedCall>,
}

/// See [`EventKind::ToolIntended`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolIntended {
    /// Identity.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// What repeating it would do.
    pub effect: EffectClass,
    /// Whether it may have an effect outside the sandbox.
    #[serde(default)]
    pub outside: bool,
    /// One line for people: the tool and what it works on.
    pub summary: String,
    /// Whose words the step had read before.
    #[serde(default)]
    pub label: Label,
    /// Why it was made although it may join text from outside, private data and a way to send.
    #[serde(default)]
    pub consent: Consent,
    /// Stable over attempts; receivers use it to tell repeats.
    pub key: String,
    /// The fence under which it was intended.
    pub fence: i64,
    /// The arguments.
    pub arguments: Value,
}

/// See [`EventKind::ToolUnknown`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolUnknown {
    /// Identity.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// Why it is not known.
    pub reason: String,
    /// Whether the step waits for a person to settle it; else the model was told at once.
    #[serde(default)]
    pub asked: bool,
    /// When the step goes on without an answer, in milliseconds since the epoch; absent when it waits for ever.
    #[serde(default)]
    pub decide_by_ms: Option<i64>,
}

/// See [`EventKind::NoteAdded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoteAdded {
    /// What the user is told.
    pub text: String,
}

/// See [`EventKind::ArtifactPublished`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArtifactPublished {
    /// Identity.
    pub artifact: ArtifactId,
    /// Its name, unique in the task; the last one published under a name counts.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Media type by name.
    pub media_type: String,
    /// Its content.
    pub blob: BlobRef,
}

/// See [`EventKind::StepSucceeded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSucceeded {
    /// Name inside the plan.
    pub key: String,
    /// What the step reports.
    pub result: String,
    /// Whose words it can hold.
    #[serde(default)]
    pub label: Label,
}

/// See [`EventKind::StepFailed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFailed {
    /// Name inside the plan.
    pub key: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// See [`EventKind::StepWaiting`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepWaiting {
    /// Name inside the plan.
    pub key: String,
    /// What it waits for.
    pub wait: WaitKind,
    /// When it looks again by itself.
    pub until_ms: Option<i64>,
    /// What happened and what to do.
    pub reason: String,
}

/// See [`EventKind::TaskWaiting`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskWaiting {
    /// What it waits for.
    pub wait: WaitKind,
    /// When it looks again by itself.
    pub until_ms: Option<i64>,
    /// What happened and what to do.
    pub reason: String,
    /// The limit that was reached, for kind `budget`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// See [`EventKind::TaskResumed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResumed {
    /// What ended the wait.
    pub reason: String,
}

/// See [`EventKind::BudgetRaised`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetRaised {
    /// The limits from now on.
    pub budget: Budget,
}

/// See [`EventKind::TaskFinished`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskFinished {
    /// The final state.
    pub state: crate::task::TaskState,
    /// What it gives back.
    pub result: Option<TaskResult>,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
}

/// See [`EventKind::DeliveryAttempted`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeliveryAttempted {
    /// The message.
    pub delivery: DeliveryId,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// `delivered`, `will_retry` or `abandoned`.
    pub outcome: String,
    /// When the next attempt comes.
    pub next_in_ms: Option<u64>,
    /// What went wrong: the receiver's status, or why it could not be reached.
    pub error: Option<String>,
    /// How often a worker died on the message so far.
    #[serde(default)]
    pub crashes: u32,
}

impl NewEvent {
    /// An event of the task as a whole.
    pub fn of_task(body: impl Into<EventBody>) -> Self {
        Self {
            body: body.into(),
            step: None,
        }
    }

    /// An event of one step.
    pub fn of_step(step: &StepId, body: impl Into<EventBody>) -> Self {
        Self {
            body: body.into(),
            step: Some(step.clone()),
        }
    }

    /// The public and the private part, as JSON objects.
    pub fn split(&self) -> (Value, Value) {
        let names = self.body.kind().public_fields();
        let (public, private): (Map<_, _>, Map<_, _>) = self
            .body
            .to_object()
            .into_iter()
            .partition(|(name, _)| names.contains(&name.as_str()));
        (Value::Object(public), Value::Object(private))
    }
}

/// Reads an event's body back from its two parts.
///
/// # Errors
/// [`Undecodable`] when the kind is unknown or a part does not fit it.
pub fn read_body(kind: &str, public: Value, private: Value) -> Result<EventBody, Undecodable> {
    let fail = |reason: String| Undecodable {
        kind: kind.to_owned(),
        reason,
    };
    let known = EventKind::from_label(kind).ok_or_else(|| fail("unknown kind".to_owned()))?;
    let (Value::Object(mut all), Value::Object(rest)) = (public, private) else {
        return Err(fail("a part is not a JSON object".to_owned()));
    };
    all.extend(rest);
    EventBody::from_object(known, all).map_err(|error| fail(error.to_string()))
}
