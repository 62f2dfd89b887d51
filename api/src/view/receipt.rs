//! The receipt of a cancel, as callers see it.

use agent_core::delivery::rfc3339;
use agent_core::id::TaskId;
use agent_core::receipt::{CallName, Effect, EffectKind, Gone, Proof, Receipt, StepName, Stopped};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::task::TaskView;

/// A task that was asked to end, with its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CancelledView {
    /// The task as it is now.
    #[serde(flatten)]
    pub task: TaskView,
    /// The receipt; null for a task that had ended otherwise.
    pub cancel: Option<ReceiptView>,
}

/// What a cancel came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptView {
    /// The task.
    pub task: String,
    /// When it was cancelled, as RFC 3339.
    pub cancelled_at: String,
    /// The same in milliseconds since the epoch.
    pub cancelled_at_ms: i64,
    /// Whether all that was stopped is known to be gone.
    pub complete: bool,
    /// What was at work when the task was cancelled.
    pub stopped: Vec<StoppedView>,
    /// By what each step or job that was stopped is known to be gone, with all of its calls and background programs.
    pub gone: Vec<GoneView>,
    /// What remains outside the sandbox.
    pub effects: Vec<EffectView>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepNameView {
    /// Identity.
    pub id: String,
    /// Its name in the plan.
    pub key: String,
}

impl From<StepName> for StepNameView {
    fn from(step: StepName) -> Self {
        Self {
            id: step.id.into(),
            key: step.key,
        }
    }
}

/// Something that was at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoppedView {
    /// `plan_or_report`, `step`, `call` or `program` (one in the background).
    pub kind: String,
    /// The step, or the one that it belongs to.
    pub step: Option<StepNameView>,
    /// The call, or the one that started the program.
    pub call: Option<String>,
    /// The tool of that call.
    pub tool: Option<String>,
    /// The name of the program.
    pub program: Option<String>,
    /// What the call works on.
    pub summary: String,
}

impl From<Stopped> for StoppedView {
    fn from(stopped: Stopped) -> Self {
        let of = |kind: &str, step: Option<StepName>, call: Option<CallName>| {
            let (call, tool, summary) = split(call);
            Self {
                kind: kind.to_owned(),
                step: step.map(StepNameView::from),
                call,
                tool,
                program: None,
                summary: summary.unwrap_or_default(),
            }
        };
        match stopped {
            Stopped::PlanOrReport => of("plan_or_report", None, None),
            Stopped::Step(step) => of("step", Some(step), None),
            Stopped::Call(step, call) => of("call", Some(step), Some(call)),
            Stopped::Program {
                step,
                name,
                started_by,
            } => Self {
                program: Some(name),
                ..of("program", Some(step), Some(started_by))
            },
        }
    }
}

fn split(call: Option<CallName>) -> (Option<String>, Option<String>, Option<String>) {
    match call {
        Some(call) => (Some(call.call.into()), Some(call.tool), Some(call.summary)),
        None => (None, None, None),
    }
}

/// What is known of the end of a step or job that was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoneView {
    /// The step; null for the job that makes a plan or writes the report.
    pub step: Option<StepNameView>,
    /// The job that a worker held; null where none did.
    pub job: Option<String>,
    /// Whether all of it is known to be gone.
    pub gone: bool,
    /// By what: `worker`, `lease`, `not_held`; or why it is not known: `awaited`, `hangs`.
    pub proof: String,
    /// Since when that is known, as RFC 3339; null while it is awaited.
    pub at: Option<String>,
    /// The same in milliseconds since the epoch.
    pub at_ms: Option<i64>,
    /// Who has to tell, while it is awaited.
    pub worker: Option<String>,
    /// When the lease of that worker lapses unless it is heard of again, as RFC 3339.
    pub by: Option<String>,
    /// The same in milliseconds since the epoch.
    pub by_ms: Option<i64>,
    /// The same in a sentence.
    pub explanation: String,
}

impl From<Gone> for GoneView {
    fn from(gone: Gone) -> Self {
        let (is_gone, proof, explanation) = (
            gone.proof.is_gone(),
            gone.proof.label(),
            gone.proof.explanation(),
        );
        let (at_ms, awaited) = match gone.proof {
            Proof::Worker { at_ms }
            | Proof::Lease { at_ms }
            | Proof::NotHeld { at_ms }
            | Proof::Hangs { at_ms } => (Some(at_ms), None),
            Proof::Awaited { worker, by_ms } => (None, Some((worker, by_ms))),
        };
        let (worker, by_ms) = awaited.unzip();
        Self {
            step: gone.step.map(StepNameView::from),
            job: gone.job.map(String::from),
            gone: is_gone,
            proof: proof.to_owned(),
            at: at_ms.map(rfc3339),
            at_ms,
            worker: worker.map(|worker| worker.0),
            by: by_ms.map(rfc3339),
            by_ms,
            explanation,
        }
    }
}

/// Something outside the sandbox that remains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// `call`, `artifact` or `message` (of the webhook).
    pub kind: String,
    /// `done`, or `unknown` where nobody knows whether it happened.
    pub outcome: String,
    /// The call that did it.
    pub call: Option<String>,
    /// The tool of that call.
    pub tool: Option<String>,
    /// The step.
    pub step: Option<StepNameView>,
    /// What it is: of a call what it works on, of an artifact its name, of a message its id and last attempt.
    pub summary: String,
    /// The number of the event that tells of it.
    pub seq: i64,
    /// Its time, as RFC 3339.
    pub at: String,
    /// The same in milliseconds since the epoch.
    pub at_ms: i64,
}

impl From<Effect> for EffectView {
    fn from(effect: Effect) -> Self {
        let (kind, call, summary) = match effect.kind {
            EffectKind::Call(call) => {
                let summary = call.summary.clone();
                ("call", Some(call), summary)
            }
            EffectKind::Artifact { name, bytes, by } => {
                ("artifact", by, format!("{name} ({bytes} bytes)"))
            }
            EffectKind::Message { delivery, said } => {
                ("message", None, format!("{delivery}: {said}"))
            }
        };
        let (call, tool, _) = split(call);
        Self {
            kind: kind.to_owned(),
            outcome: effect.outcome.label().to_owned(),
            call,
            tool,
            step: effect.step.map(StepNameView::from),
            summary,
            seq: effect.seq,
            at: rfc3339(effect.at_ms),
            at_ms: effect.at_ms,
        }
    }
}

impl ReceiptView {
    /// The view of a task's receipt.
    pub(crate) fn of(task: &TaskId, receipt: Receipt) -> Self {
        Self {
            task: task.to_string(),
            cancelled_at: rfc3339(receipt.at_ms),
            cancelled_at_ms: receipt.at_ms,
            complete: receipt.is_complete(),
            stopped: receipt.stopped.into_iter().map(StoppedView::from).collect(),
            gone: receipt.gone.into_iter().map(GoneView::from).collect(),
            effects: receipt.effects.into_iter().map(EffectView::from).collect(),
        }
    }
}
