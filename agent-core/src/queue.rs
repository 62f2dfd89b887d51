//! What people see of the queue: where the jobs of a task lie, and what was set aside for good.
//!
//! Plain data. A dead letter is something that will not go on by itself: a job that killed every worker that took it
//! up, a job whose row this version cannot read, a message that no receiver took. It is kept until somebody requeues it
//! or its task is cancelled, and it holds nobody up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{CallId, DeliveryId, JobId, StepId, TaskId};
use crate::job::{Incarnation, JobKind};

/// Who holds a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The life of the worker that claimed it.
    pub who: Incarnation,
    /// When that worker was last heard of, in any of its lives; absent when it is not known at all.
    pub heartbeat_at_ms: Option<i64>,
    /// Whether that life is over, so that the job is about to be taken back.
    pub is_over: bool,
}

/// Where a job lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobPlace {
    /// It can be claimed.
    Ready,
    /// It can be claimed when its time has come.
    Delayed {
        /// That time, in milliseconds since the epoch.
        until_ms: i64,
    },
    /// It stays aside until a commit wakes it.
    Parked,
    /// It is a dead letter, and stays aside until somebody requeues it.
    Dead {
        /// Which sort of dead letter.
        kind: DeadKind,
        /// Why it was set aside.
        reason: String,
    },
    /// A worker has it.
    Held(Holder),
}

/// A job as it lies in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedJob {
    /// Identity.
    pub job: JobId,
    /// What it is for; absent when this version does not know the kind.
    pub kind: Option<JobKind>,
    /// The step, for kind `step`.
    pub step: Option<StepId>,
    /// The message, for kind `deliver`.
    pub delivery: Option<DeliveryId>,
    /// Where it lies.
    pub place: JobPlace,
    /// Retries that were charged since it was made or requeued.
    pub attempts: i64,
    /// How often a worker died while it held the job, since it was made or requeued.
    pub crashes: i64,
}

/// A tool call whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// The call.
    pub call: CallId,
    /// The step that it is made for.
    pub step: Option<StepId>,
    /// The tool's name.
    pub tool: String,
    /// Whether it is known to be unknown; if not, it is being made, or its worker has gone.
    pub is_unknown: bool,
    /// When it was first begun, in milliseconds since the epoch.
    pub since_ms: i64,
    /// When it was begun last: later than `since_ms` for one that is made again.
    pub last_begun_ms: i64,
}

/// The jobs of one task, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskQueue {
    /// Every job, by id.
    pub jobs: Vec<QueuedJob>,
    /// Tool calls that did not end, in the order in which they were intended.
    pub calls: Vec<OpenCall>,
    /// Messages that were given up, by id, and why.
    pub given_up: Vec<(DeliveryId, String)>,
    /// When any worker whose life is not over was last heard of; absent when there is none.
    pub heartbeat_at_ms: Option<i64>,
    /// The database's time when this was read.
    pub read_at_ms: i64,
}

/// What a dead letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadKind {
    /// A job on which workers died again and again.
    Job,
    /// A job whose row, task or message this version cannot read.
    Unreadable,
    /// A webhook message that no receiver took.
    Delivery,
}

impl DeadKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Job, Self::Unreadable, Self::Delivery];

    /// The kind's name in the API and the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Unreadable => "unreadable",
            Self::Delivery => "delivery",
        }
    }

    /// The kind with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }
}

/// What a dead letter is known by: the job that was set aside, or the message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DeadId {
    /// A job.
    Job(JobId),
    /// A webhook message.
    Delivery(DeliveryId),
}

impl DeadId {
    /// The id as text, as it is stored and shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Job(id) => id.as_str(),
            Self::Delivery(id) => id.as_str(),
        }
    }
}

// Lists are ordered by the text, as databases order it.
impl Ord for DeadId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for DeadId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for DeadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeadId {
    type Err = crate::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with(DeliveryId::PREFIX) {
            return text.parse().map(Self::Delivery);
        }
        text.parse().map(Self::Job)
    }
}

/// Something that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Identity.
    pub id: DeadId,
    /// What it is.
    pub kind: DeadKind,
    /// The task it belongs to.
    pub task: TaskId,
    /// The step, where it belongs to one.
    pub step: Option<StepId>,
    /// What the job was for, as its row says.
    pub job_kind: String,
    /// What happened.
    pub reason: String,
    /// Numbers of the last events of its log before it was set aside, in order.
    pub events: Vec<i64>,
    /// How often a worker died on it.
    pub crashes: i64,
    /// Attempts that were made; for a message, all that were sent.
    pub attempts: i64,
    /// When it was set aside, in milliseconds since the epoch.
    pub since_ms: i64,
}

/// A page of dead letters, the last one set aside first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadQuery {
    /// Only of this kind.
    pub kind: Option<DeadKind>,
    /// Only those set aside before this time.
    pub before_ms: Option<i64>,
    /// Only those that come after this one in the list.
    pub after: Option<(i64, DeadId)>,
    /// Most rows.
    pub limit: u32,
}

/// What is noted about a job that a commit sets aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// What happened.
    pub reason: String,
    /// Numbers of the last events of its log, in order.
    pub events: Vec<i64>,
}

/// See [`EventKind::JobRecovered`](crate::event::EventKind::JobRecovered).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecovered {
    /// How often a worker died on it so far, since it was made or requeued.
    pub crashes: u32,
}

/// See [`EventKind::JobQuarantined`](crate::event::EventKind::JobQuarantined).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobQuarantined {
    /// The job; it is requeued by this id.
    pub job: JobId,
    /// `plan`, `step` or `report`.
    pub job_kind: String,
    /// How often a worker died on it.
    pub crashes: u32,
    /// What happened.
    pub reason: String,
    /// Numbers of the last events of its log, in order.
    pub last_events: Vec<i64>,
}

/// See [`EventKind::JobRequeued`](crate::event::EventKind::JobRequeued).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRequeued {
    /// The job.
    pub job: JobId,
}

/// By what it is known that nothing runs any more of a job that was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// The worker that held it ended all of it and looked.
    Worker,
    /// The life of the worker that held it is over. What a worker started dies with it, and a worker stops its own work before
    /// its lease lapses.
    Lease,
}

impl StoppedBy {
    /// Its name in the API.
    pub fn label(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Lease => "lease",
        }
    }
}

/// See [`EventKind::JobStopped`](crate::event::EventKind::JobStopped).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobStopped {
    /// The job.
    pub job: JobId,
    /// By what that is known.
    pub by: StoppedBy,
    /// Whether all processes are gone. If not, some could not be ended: they hang in the kernel.
    pub gone: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::entropy::Seeded;

    #[test]
    fn the_id_of_a_dead_letter_reads_back_from_its_text() {
        let seeded = Seeded::new(1);
        let ids = [
            DeadId::Job(JobId::new(&seeded)),
            DeadId::Delivery(DeliveryId::new(&seeded)),
        ];
        for id in ids {
            assert_eq!(id.as_str().parse::<DeadId>(), Ok(id));
        }
        assert!(
            "task_00000000000070008000000000000000"
                .parse::<DeadId>()
                .is_err()
        );
    }
}
