//! The receipt of a cancel: what was stopped, by what it is known to be gone, and what remains outside.
//!
//! What was at work and what it did outside is read off the task's log by [`CancelHistory`]; what is confirmed, off the log and
//! off the jobs that still have to tell. Nothing is kept here, so the receipt is the same whenever and wherever it is asked for.

mod gone;
mod history;
mod outside;

use crate::id::{CallId, JobId, StepId};
use crate::job::WorkerName;

pub use history::CancelHistory;

/// What a cancel came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// When the task was cancelled, in milliseconds since the epoch.
    pub at_ms: i64,
    /// What was at work then.
    pub stopped: Vec<Stopped>,
    /// By what each thing that was stopped is known to be gone.
    pub gone: Vec<Gone>,
    /// What remains outside of what the task had done.
    pub effects: Vec<Effect>,
}

impl Receipt {
    /// Whether all that was stopped is known to be gone.
    pub fn is_complete(&self) -> bool {
        self.gone.iter().all(|gone| gone.proof.is_gone())
    }
}

/// A step by its name in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepName {
    /// Identity.
    pub id: StepId,
    /// Its name inside the plan.
    pub key: String,
}

/// A call in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallName {
    /// Identity.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// What it works on, as far as anybody may see it.
    pub summary: String,
}

/// Something that was at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The job that makes a plan or writes the report.
    PlanOrReport,
    /// A step.
    Step(StepName),
    /// A call that had begun and had not come back.
    Call(StepName, CallName),
    /// A program in the background.
    Program {
        /// The step.
        step: StepName,
        /// Its name.
        name: String,
        /// The call that started it.
        started_by: CallName,
    },
}

/// What is known of the end of one thing that was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The step; absent for the job that makes a plan or writes the report.
    pub step: Option<StepName>,
    /// The job that was held, if one was.
    pub job: Option<JobId>,
    /// What is known.
    pub proof: Proof,
}

/// By what something is known to be gone, or why it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The worker that held it ended all of it, looked, and said so then.
    Worker {
        /// When, in milliseconds since the epoch.
        at_ms: i64,
    },
    /// The life of the worker that held it was over then. What a worker started dies with it, and a worker stops its own work
    /// before its lease lapses.
    Lease {
        /// When, in milliseconds since the epoch.
        at_ms: i64,
    },
    /// No worker held it when the task was cancelled.
    NotHeld {
        /// When that was, in milliseconds since the epoch.
        at_ms: i64,
    },
    /// Nobody has said so yet.
    Awaited {
        /// The worker that has to.
        worker: WorkerName,
        /// When its lease lapses, unless it is heard of again; in milliseconds since the epoch.
        by_ms: i64,
    },
    /// The worker could not end some of its processes: they hang in the kernel.
    Hangs {
        /// When it gave up, in milliseconds since the epoch.
        at_ms: i64,
    },
}

impl Proof {
    /// Whether it is known to be gone.
    pub fn is_gone(&self) -> bool {
        match self {
            Self::Worker { .. } | Self::Lease { .. } | Self::NotHeld { .. } => true,
            Self::Awaited { .. } | Self::Hangs { .. } => false,
        }
    }

    /// Its name in the API.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Worker { .. } => "worker",
            Self::Lease { .. } => "lease",
            Self::NotHeld { .. } => "not_held",
            Self::Awaited { .. } => "awaited",
            Self::Hangs { .. } => "hangs",
        }
    }

    /// The same in a sentence.
    pub fn explanation(&self) -> String {
        match self {
            Self::Worker { .. } => {
                "its worker ended it and found all of its processes gone".to_owned()
            }
            Self::Lease { .. } => "its worker died or fell silent: what it had started died with it, or was stopped before its lease lapsed".to_owned(),
            Self::NotHeld { .. } => "no worker held it".to_owned(),
            Self::Awaited { worker, .. } => format!(
                "worker {} has not said yet that it is gone; if it is not heard of again, its lease lapses then",
                worker.0
            ),
            Self::Hangs { .. } => "its worker could not end some of its processes: they hang in the kernel of that machine".to_owned(),
        }
    }
}

/// What an effect is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectKind {
    /// A call that reached out.
    Call(CallName),
    /// A file that was handed to the submitter, and the call that did it.
    Artifact {
        /// Its name.
        name: String,
        /// Its size.
        bytes: u64,
        /// The call, if the log tells which.
        by: Option<CallName>,
    },
    /// A webhook message.
    Message {
        /// The message.
        delivery: String,
        /// What came of the last attempt.
        said: String,
    },
}

/// Whether an effect is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is.
    Done,
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    /// Its name in the API.
    pub fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unknown => "unknown",
        }
    }
}

/// Something outside the sandbox that remains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The number of the event that tells of it.
    pub seq: i64,
    /// Its time, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The step.
    pub step: Option<StepName>,
    /// What it is.
    pub kind: EffectKind,
    /// Whether it is there.
    pub outcome: Outcome,
}

#[cfg(test)]
mod tests;
