//! Jobs: claimable rows of the queue, and the right to move one.
//!
//! A job lives only while there is work to do: the commit that records its outcome deletes it. A worker holds a
//! job as long as its heartbeat is fresh; the fence, which rises at every claim, is in the guard of every write.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, JobId, StepId, TaskId, TenantId};
use crate::queue::Quarantine;
use crate::task::Priority;

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Make a plan, or a new one after a failure.
    Plan,
    /// Run one step.
    Step,
    /// Check what came out and write the answer.
    Report,
    /// Send one webhook message.
    Deliver,
    /// Tend the store itself.
    Housekeeping,
    /// Say that nothing runs any more of what a worker held when the task was cancelled. It is no work: it is that held job,
    /// changed by the cancel, so that its holder can confirm the end, and whoever comes after a holder that died.
    Stop,
}

impl JobKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Plan,
        Self::Step,
        Self::Report,
        Self::Deliver,
        Self::Housekeeping,
        Self::Stop,
    ];

    /// The kind's name in the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Step => "step",
            Self::Report => "report",
            Self::Deliver => "deliver",
            Self::Housekeeping => "housekeeping",
            Self::Stop => "stop",
        }
    }

    /// The kind with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }
}

/// A number that rises each time a job is claimed. A write that carries an older one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub i64);

impl Fence {
    /// That of a job's first claim.
    pub const FIRST: Self = Self(1);
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Identity.
    pub id: JobId,
    /// What it is for.
    pub kind: JobKind,
    /// The step, for kind `step`.
    pub step: Option<StepId>,
    /// The message, for kind `deliver`.
    pub delivery: Option<DeliveryId>,
    /// Which jobs it is claimed before.
    pub priority: Priority,
    /// How long it must not be claimed, in milliseconds; 0 makes it ready at once.
    pub delay_ms: u64,
}

impl NewJob {
    /// The job that sends a message. News of a task is short work, and somebody waits for it, so it comes before other jobs.
    pub fn deliver(id: JobId, delivery: DeliveryId) -> Self {
        Self {
            id,
            kind: JobKind::Deliver,
            step: None,
            delivery: Some(delivery),
            priority: Priority::High,
            delay_ms: 0,
        }
    }
}

/// A job that this worker has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Identity.
    pub job: JobId,
    /// What it is for.
    pub kind: JobKind,
    /// Owner.
    pub tenant: TenantId,
    /// The task it belongs to.
    pub task: TaskId,
    /// The step, for kind `step`.
    pub step: Option<StepId>,
    /// The message, for kind `deliver`.
    pub delivery: Option<DeliveryId>,
    /// The right to move it.
    pub fence: Fence,
    /// Retries that were charged so far.
    pub attempts: u32,
    /// How often a worker died while it held the job.
    pub crashes: u32,
}

impl Claim {
    /// How often a worker ended badly while it held the job: died, or dropped it in a panic.
    pub fn deaths(&self) -> u32 {
        self.crashes.saturating_add(self.attempts)
    }

    /// The claim of a job that was handed over as it was made.
    pub fn handed_over(job: NewJob, (tenant, task): (&TenantId, &TaskId)) -> Self {
        Self {
            job: job.id,
            kind: job.kind,
            tenant: tenant.clone(),
            task: task.clone(),
            step: job.step,
            delivery: job.delivery,
            fence: Fence::FIRST,
            attempts: 0,
            crashes: 0,
        }
    }

    /// The guard that every commit under this claim carries.
    pub fn guard(&self) -> Guard {
        Guard {
            tenant: self.tenant.clone(),
            task: self.task.clone(),
            job: self.job.clone(),
            fence: self.fence,
        }
    }
}

/// Which job a commit moves, and by what right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Owner.
    pub tenant: TenantId,
    /// The task.
    pub task: TaskId,
    /// The job.
    pub job: JobId,
    /// The fence of the claim.
    pub fence: Fence,
}

/// What becomes of the job that a commit was made under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobAfter {
    /// The worker goes on with it.
    Keep,
    /// Its work is done; the row is deleted.
    Delete,
    /// It is given back and becomes ready after this many milliseconds.
    Delay(u64),
    /// It is given back and stays aside until something makes it ready.
    Park,
}

/// The stable name of a worker process, kept in its data folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerName(pub String);

/// A wish to go on at once with a job that a commit makes, in the place of the job that the commit ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The new job.
    pub job: JobId,
    /// Who wishes it: the holder of the job that ends.
    pub to: Incarnation,
}

/// One life of a worker: its name and an epoch that rises at each start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation {
    /// The stable name.
    pub worker: WorkerName,
    /// The life, from 1.
    pub epoch: i64,
}

/// What happens to other jobs of the task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobChanges {
    /// Jobs to be made.
    pub create: Vec<NewJob>,
    /// Delete every job of the task except deliveries (and except those in `create`).
    pub delete_work: bool,
    /// Spare jobs that are held from that: they become jobs of kind `stop` under a higher fence, held by the same life, their
    /// deaths and attempts forgotten. So what their holders present is refused, and they can still say what became of it.
    pub stop_held: bool,
    /// Take the jobs of these steps from whoever holds them and make them ready, under a higher fence; one that was a
    /// dead letter is none any more.
    pub take_back: Vec<StepId>,
    /// Make every parked or delayed job of the task ready now, deliveries and dead letters excepted.
    pub wake: bool,
    /// Give one of the jobs in `create` to a worker at once, instead of making it ready. Stores do so only where a claim by this
    /// life would get this very job: the life is the worker's present one, and no job stands before it. Otherwise it is made
    /// ready.
    pub hand_over: Option<HandOver>,
    /// Make the job that the commit is made under, which it parks, a dead letter.
    pub quarantine: Option<Quarantine>,
    /// Make this dead letter ready again, its deaths and attempts forgotten. One that is none any more is left alone.
    pub requeue: Option<JobId>,
}

impl JobChanges {
    /// Who wishes to go on with this new job at once.
    pub fn taker_of(&self, job: &JobId) -> Option<&Incarnation> {
        let wish = self.hand_over.as_ref()?;
        (wish.job == *job).then_some(&wish.to)
    }
}
