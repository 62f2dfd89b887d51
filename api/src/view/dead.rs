//! Dead letters as callers see them.

use agent_core::delivery::rfc3339;
use agent_core::queue::{DeadKind, DeadLetter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::links::task_path;
use super::state::names;

names! {
    /// What a dead letter is.
    DeadKindName of DeadKind {
        /// A job on which workers died again and again.
        Job,
        /// A job whose row this version cannot read.
        Unreadable,
        /// A webhook message that no receiver took.
        Delivery,
    }
}

/// Something that was set aside until somebody requeues it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadView {
    /// Identity: that of the job, or of the message.
    pub id: String,
    /// What it is.
    pub kind: DeadKindName,
    /// The task it belongs to.
    pub task: String,
    /// Where to read about that task.
    pub task_url: String,
    /// The step, where it belongs to one.
    pub step: Option<String>,
    /// What the job was for: `plan`, `step`, `report` or `deliver`.
    pub job_kind: String,
    /// What happened.
    pub reason: String,
    /// Numbers of the last events of its log.
    pub events: Vec<i64>,
    /// How often a worker died on it.
    pub crashes: i64,
    /// Attempts that were made.
    pub attempts: i64,
    /// When it was set aside, as RFC 3339.
    pub since: String,
    /// The same in milliseconds since the epoch.
    pub since_ms: i64,
}

/// What was requeued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequeuedView {
    /// Ids of the dead letters that are none any more.
    pub requeued: Vec<String>,
    /// Whether there are more of the kind that was asked for: ask again.
    pub more: bool,
}

impl From<DeadLetter> for DeadView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id.to_string(),
            kind: letter.kind.into(),
            task_url: task_path(&letter.task),
            task: letter.task.into(),
            step: letter.step.map(String::from),
            job_kind: letter.job_kind,
            reason: letter.reason,
            events: letter.events,
            crashes: letter.crashes,
            attempts: letter.attempts,
            since: rfc3339(letter.since_ms),
            since_ms: letter.since_ms,
        }
    }
}
