//! The store as the rules see it: one log per task, two kinds of commit, a queue of short-lived jobs.
//!
//! What holds for every implementation: a verb either commits wholly or changes nothing; the database's clock is the
//! only wall clock; a tenant is in every predicate, and what is not yours does not exist.

use async_trait::async_trait;

use crate::blob::{BlobHash, BlobRef, Stored};
use crate::budget::{Budget, Spend};
use crate::delivery::{Delivery, DeliveryPatch, NewDelivery, NewWebhook};
use crate::event::{Event, PreparedEvent};
use crate::id::{ArtifactId, CallId, DeliveryId, JobId, KeyId, StepId, TaskId, TenantId};
pub use crate::job::JobChanges;
use crate::job::{Claim, Fence, Guard, Incarnation, JobAfter, NewJob, WorkerName};
use crate::key::ApiKey;
use crate::ports::tool::EffectClass;
use crate::ports::upkeep::Upkeep;
pub use crate::room::Room;
use crate::step::{Step, StepState};
use crate::task::{Priority, Task, TaskState, Waiting};

/// Why a store call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another worker holds the job now, or the job is gone. Stop; write nothing.
    #[error("job {job} is no longer held under fence {presented}")]
    Stale {
        /// The job.
        job: JobId,
        /// The fence that was presented.
        presented: Fence,
    },
    /// The task moved on since it was read. Reload, decide again, commit again.
    #[error("task {task} moved on from version {presented}")]
    VersionMoved {
        /// The task.
        task: TaskId,
        /// The version that was presented.
        presented: i64,
    },
    /// This life of the worker is over: a newer one began, or its lease lapsed. Begin again.
    #[error("worker {worker} is no longer in epoch {epoch}")]
    LeaseLost {
        /// The worker.
        worker: String,
        /// The epoch that was presented.
        epoch: i64,
    },
    /// There is no such row for this tenant.
    #[error("not found")]
    NotFound,
    /// The database cannot be reached, is full, or gave up; the same call may work later.
    #[error("database unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What was read does not mean anything. Never retried.
    #[error("{table}.{column} of {row} is corrupt")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
}

/// The cause of [`StoreError::Unavailable`] where the database has no room left.
#[derive(Debug, thiserror::Error)]
#[error("the disk of the database is full")]
pub struct DiskFull(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A task to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// Identity.
    pub id: TaskId,
    /// Owner.
    pub tenant: TenantId,
    /// Rules it begins under.
    pub engine: u32,
    /// First line of the goal.
    pub title: String,
    /// The submitter's labels.
    pub metadata: std::collections::BTreeMap<String, String>,
    /// The priority of its jobs.
    pub priority: Priority,
    /// A [`TaskSpec`](crate::task::TaskSpec) as JSON.
    pub spec: Stored,
    /// Limits.
    pub budget: Budget,
    /// Where its outcome is to be sent.
    pub webhook: Option<NewWebhook>,
    /// Key and body hash of an idempotent submit.
    pub idempotency: Option<Idempotency>,
    /// The `task.submitted` event.
    pub event: PreparedEvent,
    /// The plan job.
    pub job: NewJob,
    /// Blobs that the spec and the event name, attachments included.
    pub blobs: Vec<BlobRef>,
}

/// What makes a repeated submit recognisable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key.
    pub key: String,
    /// Hash of the request.
    pub request: BlobHash,
}

/// What became of a submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// A new task.
    Created,
    /// The key was used before with the same request; this is that task.
    Replayed(TaskId),
    /// The key was used before with another request.
    Mismatch,
}

/// A page of a list of tasks, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskQuery {
    /// Only tasks in this state.
    pub state: Option<TaskState>,
    /// Only tasks older than this one.
    pub before: Option<TaskId>,
    /// Most rows.
    pub limit: u32,
}

/// A file handed to the submitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Identity.
    pub id: ArtifactId,
    /// Name, unique in the task.
    pub name: String,
    /// Content.
    pub blob: BlobRef,
    /// Media type.
    pub media_type: String,
    /// The step that published it.
    pub step: Option<StepId>,
    /// When, in milliseconds since the epoch; ignored when it is written.
    pub created_at_ms: i64,
}

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallState {
    /// The tool did what was asked.
    Returned,
    /// The tool answered that it did not.
    Failed,
    /// It is not known whether the call had its effect.
    Unknown,
}

impl CallState {
    /// The state's name in the database. A call that has not ended is `intended`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// What a commit changes about a tool call. The fence that is stored is the guard's; the event number is that of
/// the commit's last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallChange {
    /// The call is about to be made. The intent of a call that was intended before raises its fence, makes it one that
    /// has not ended, and changes nothing else.
    Intended {
        /// Identity.
        call: CallId,
        /// The step it is made for.
        step: Option<StepId>,
        /// The tool's name.
        tool: String,
        /// What repeating it would do.
        effect: EffectClass,
        /// Stable over attempts.
        key: String,
    },
    /// The call ended.
    Settled {
        /// The call.
        call: CallId,
        /// How.
        state: CallState,
    },
}

/// A commit of one turn's progress. It touches the log, the counters, and its own step's snapshot; never a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The job, by its fence.
    pub guard: Guard,
    /// Events, in order.
    pub events: Vec<PreparedEvent>,
    /// What to add to the task's counters.
    pub charge: Spend,
    /// The step's new snapshot.
    pub snapshot: Option<(StepId, BlobHash)>,
    /// Files that were published; a name that exists is replaced.
    pub artifacts: Vec<Artifact>,
    /// Tool calls that are about to be made or that ended.
    pub calls: Vec<CallChange>,
    /// What an attempt changed about a message.
    pub delivery: Option<DeliveryPatch>,
    /// Blobs that this commit names.
    pub blobs: Vec<BlobRef>,
    /// What becomes of the job.
    pub job: JobAfter,
}

impl Append {
    /// A commit that leaves everything as it is.
    pub fn of(guard: Guard) -> Self {
        Self {
            guard,
            events: Vec::new(),
            charge: Spend::default(),
            snapshot: None,
            artifacts: Vec::new(),
            calls: Vec::new(),
            delivery: None,
            blobs: Vec::new(),
            job: JobAfter::Keep,
        }
    }
}

/// A step's new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepChange {
    /// The step.
    pub id: StepId,
    /// Its state from now on.
    pub state: StepState,
    /// Why it waits.
    pub waiting: Option<Waiting>,
    /// Its outcome, when it ended now.
    pub outcome: Option<Stored>,
    /// Its files, when they changed after its last call.
    pub snapshot: Option<BlobHash>,
}

/// The task's new state; every field replaces the stored one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskChange {
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
    /// The result, when it ended now.
    pub result: Option<Stored>,
    /// The error, when it ended now.
    pub error: Option<String>,
}

/// By what right a transition is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    /// A worker's, by the fence of its job, and what becomes of that job.
    Job(Guard, JobAfter),
    /// The owner's, through the API.
    Owner(TenantId, TaskId),
}

/// A commit of something decided from the whole task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// By what right.
    pub right: Right,
    /// The version that the decision was made from.
    pub version: i64,
    /// The task's new state.
    pub task: TaskChange,
    /// What to add to the task's counters.
    pub charge: Spend,
    /// Steps that a new plan adds.
    pub new_steps: Vec<Step>,
    /// States of steps that change.
    pub steps: Vec<StepChange>,
    /// Other jobs.
    pub jobs: JobChanges,
    /// Tool calls whose outcome is known now. The event number that is stored is that of the commit's last event.
    pub settled: Vec<(CallId, CallState)>,
    /// Messages to be sent.
    pub deliveries: Vec<NewDelivery>,
    /// Events, in order.
    pub events: Vec<PreparedEvent>,
    /// Blobs that this commit names.
    pub blobs: Vec<BlobRef>,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The number of the task's last event now.
    pub seq: i64,
    /// The task's version now.
    pub version: i64,
    /// Use so far, this commit's charge included, without the current running time.
    pub spent: Spend,
    /// Limits in force.
    pub budget: Budget,
    /// When the task became running.
    pub running_since_ms: Option<i64>,
    /// The database's time.
    pub at_ms: i64,
    /// Whether a job was handed over, as was wished.
    pub handed_over: bool,
}

impl Committed {
    /// Use so far, with the running time.
    pub fn spent_now(&self) -> Spend {
        let running = self
            .running_since_ms
            .map_or(0, |since| self.at_ms.saturating_sub(since).max(0));
        self.spent.plus(Spend {
            wall_ms: running,
            ..Spend::default()
        })
    }
}

/// Tasks and their logs.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Accepts a task: row, first event and plan job in one transaction.
    async fn submit(&self, task: NewTask) -> Result<Submitted, StoreError>;
    /// A task with its steps.
    async fn find_task(&self, tenant: &TenantId, task: &TaskId)
    -> Result<Option<Task>, StoreError>;
    /// Tasks, newest first, without their steps.
    async fn list_tasks(
        &self,
        tenant: &TenantId,
        query: &TaskQuery,
    ) -> Result<Vec<Task>, StoreError>;
    /// Events after a number, in order.
    async fn events_after(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError>;
    /// Events of one step (or, with `None`, of no step) after a number, in order.
    async fn step_events_after(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        step: Option<&StepId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError>;
    /// The task's artifacts, by name.
    async fn artifacts(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Artifact>, StoreError>;
    /// A message with what is needed to send it.
    async fn find_delivery(
        &self,
        tenant: &TenantId,
        delivery: &DeliveryId,
    ) -> Result<Option<Delivery>, StoreError>;
}

/// The two kinds of commit.
#[async_trait]
pub trait Commits: Send + Sync {
    /// Commits a turn's progress, if the fence still holds.
    async fn append(&self, commit: Append) -> Result<Committed, StoreError>;
    /// Ends a job that leaves nothing in its task's log, if the fence still holds. Stores need not touch the task for that.
    async fn finish(&self, guard: Guard) -> Result<(), StoreError> {
        let commit = Append {
            job: JobAfter::Delete,
            ..Append::of(guard)
        };
        self.append(commit).await.map(|_| ())
    }
    /// Commits a decision, if fence and version still hold.
    async fn transition(&self, commit: Transition) -> Result<Committed, StoreError>;
}

/// What a job that was given back is given back for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// How long it must not be claimed.
    pub delay_ms: u64,
    /// Whether it counts as an attempt; a shutdown does not.
    pub charged: bool,
}

/// The queue.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Begins a new life of a worker. Jobs of its earlier lives become ready at once.
    async fn begin(&self, worker: &WorkerName) -> Result<Incarnation, StoreError>;
    /// Keeps this life's lease. Never revives one that lapsed: that is [`StoreError::LeaseLost`].
    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError>;
    /// Claims ready jobs for which there is room, by priority, then in turns between tenants, then by age; due delayed jobs
    /// count as ready.
    async fn claim(
        &self,
        who: &Incarnation,
        lease_ms: u64,
        room: &Room,
    ) -> Result<Vec<Claim>, StoreError>;
    /// Sets how many jobs of a tenant this process puts into one turn; 1 where nothing was said.
    fn weigh(&self, tenant: &TenantId, weight: u32);
    /// Gives a job back.
    async fn release(&self, guard: &Guard, how: Release) -> Result<(), StoreError>;
    /// Ends the lives of workers whose heartbeat is older than the lease, and makes their jobs ready. Says how many jobs.
    async fn reap(&self, lease_ms: u64) -> Result<u64, StoreError>;
    /// Every job that this life holds.
    async fn held(&self, who: &Incarnation) -> Result<Vec<Claim>, StoreError>;
    /// Which of these jobs are no longer held under these fences.
    async fn lost(&self, held: &[(JobId, Fence)]) -> Result<Vec<JobId>, StoreError>;
}

/// A key to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Identity.
    pub id: KeyId,
    /// Owner.
    pub tenant: TenantId,
    /// A name for people.
    pub name: String,
    /// Its first characters.
    pub shown: String,
    /// Its hash.
    pub hash: String,
}

/// Tenants and API keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// The tenant of this name, made with `id` if there is none.
    async fn ensure_tenant(&self, id: &TenantId, name: &str) -> Result<TenantId, StoreError>;
    /// Stores a key.
    async fn create_key(&self, key: NewKey) -> Result<(), StoreError>;
    /// All keys of a tenant, oldest first.
    async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<ApiKey>, StoreError>;
    /// Revokes a key. A key that is revoked already stays so.
    async fn revoke_key(&self, tenant: &TenantId, key: &KeyId) -> Result<(), StoreError>;
    /// The key with this hash, revoked or not.
    async fn find_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError>;
}

/// Whether the store works.
#[async_trait]
pub trait Health: Send + Sync {
    /// Asks the database for its time.
    async fn now_ms(&self) -> Result<i64, StoreError>;
    /// Tries whether the database takes writes now.
    async fn check_writes(&self) -> Result<(), StoreError> {
        self.now_ms().await.map(|_| ())
    }
}

/// Everything a process needs from a store.
pub trait Store: Tasks + Commits + Jobs + Keys + Health + Upkeep {}

impl<T: Tasks + Commits + Jobs + Keys + Health + Upkeep> Store for T {}
