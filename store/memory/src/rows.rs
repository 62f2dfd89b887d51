//! What the store holds: one row type per table of the databases, and the look-ups that several verbs share.
//!
//! Every look-up by a caller takes the tenant; a row of another tenant is not found.

use std::collections::{BTreeMap, BTreeSet};

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::credential::{SealedCredential, SecretName};
use agent_core::delivery::{DeliveryState, NewDelivery, NewWebhook};
use agent_core::event::{Event, PreparedEvent};
use agent_core::id::{CallId, DeliveryId, JobId, KeyId, StepId, TaskId, TenantId, WebhookId};
use agent_core::installation::Installation;
use agent_core::job::{Claim, Fence, Guard, Incarnation, JobKind, NewJob, WorkerName};
use agent_core::key::ApiKey;
use agent_core::ports::store::{Artifact, CallState, StoreError};
use agent_core::ports::tool::EffectClass;
use agent_core::queue::{DeadId, DeadLetter};
use agent_core::task::{Priority, Task};
use agent_core::turns::{Line, Turn, Turns};

#[derive(Default)]
pub(crate) struct State {
    pub tasks: BTreeMap<TaskId, TaskRow>,
    pub jobs: BTreeMap<JobId, JobRow>,
    pub workers: BTreeMap<WorkerName, WorkerRow>,
    pub submits: BTreeMap<(TenantId, String), (BlobHash, TaskId)>,
    pub webhooks: BTreeMap<WebhookId, NewWebhook>,
    pub deliveries: BTreeMap<DeliveryId, DeliveryRow>,
    pub dead: BTreeMap<(TenantId, DeadId), DeadLetter>,
    pub calls: BTreeMap<CallId, CallRow>,
    /// Which task names which blob.
    pub blobs: BTreeSet<(TaskId, TenantId, BlobHash)>,
    /// Since when a blob is being swept.
    pub doomed: BTreeMap<(TenantId, BlobHash), i64>,
    /// Tasks whose records of calls and blobs are still to be removed.
    pub leftover: BTreeSet<TaskId>,
    pub chores: BTreeMap<&'static str, ChoreRow>,
    pub tenants: BTreeMap<String, TenantId>,
    pub keys: BTreeMap<KeyId, (String, ApiKey)>,
    pub credentials: BTreeMap<(TenantId, SecretName), CredentialRow>,
    pub installation: Option<Installation>,
    pub order: Order,
}

/// A task, its log and its artifacts. `task.read_at_ms` is set anew at each read.
pub(crate) struct TaskRow {
    pub task: Task,
    pub events: Vec<Event>,
    pub artifacts: BTreeMap<String, Artifact>,
}

/// A chore that was taken at least once.
#[derive(Default)]
pub(crate) struct ChoreRow {
    pub fence: i64,
    pub cursor: Option<String>,
    pub due_at_ms: i64,
    pub held_until_ms: i64,
}

pub(crate) struct JobRow {
    /// The claim as the next holder, or the present one, gets it.
    pub claim: Claim,
    pub priority: Priority,
    pub turn: Turn,
    pub state: JobState,
}

#[derive(PartialEq, Eq)]
pub(crate) enum JobState {
    Ready,
    Delayed(i64),
    Parked,
    Held(Incarnation),
}

pub(crate) struct WorkerRow {
    pub epoch: i64,
    pub heartbeat_at_ms: i64,
    pub ended: bool,
}

/// A credential with its age.
pub(crate) struct CredentialRow {
    pub held: SealedCredential,
    pub created_at_ms: i64,
    pub updated_at_ms: i64,
}

/// Whose turn it is.
#[derive(Default)]
pub(crate) struct Order {
    pub turns: Turns,
    /// The latest turn that was claimed.
    pub latest: i64,
}

impl Order {
    pub(crate) fn next(&mut self, tenant: &TenantId, line: Line) -> Turn {
        let turn = self.turns.next(tenant, line, self.latest);
        self.turns.given(tenant, line, turn);
        turn
    }
}

pub(crate) struct DeliveryRow {
    pub message: NewDelivery,
    pub tenant: TenantId,
    pub task: TaskId,
    pub attempts: u32,
    pub state: DeliveryState,
}

/// A tool call as the store recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    /// Identity.
    pub call: CallId,
    /// The task it was made for.
    pub task: TaskId,
    /// The step it was made for.
    pub step: Option<StepId>,
    /// The tool's name.
    pub tool: String,
    /// What repeating it would do.
    pub effect: EffectClass,
    /// Stable over attempts.
    pub key: String,
    /// The fence of the last commit that intended it.
    pub fence: Fence,
    /// The number of the event that intended it.
    pub intended_seq: i64,
    /// How it ended, with the number of the event that says so; absent while that is open.
    pub settled: Option<(CallState, i64)>,
}

impl State {
    pub(crate) fn task(&self, tenant: &TenantId, task: &TaskId) -> Option<&TaskRow> {
        self.tasks
            .get(task)
            .filter(|row| row.task.tenant == *tenant)
    }

    pub(crate) fn task_mut(
        &mut self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<&mut TaskRow, StoreError> {
        let row = self.tasks.get_mut(task);
        row.filter(|row| row.task.tenant == *tenant)
            .ok_or(StoreError::NotFound)
    }

    /// Refuses a guard whose task is not the tenant's, whose job is gone, or whose fence nobody holds any more.
    pub(crate) fn check_guard(&self, guard: &Guard) -> Result<(), StoreError> {
        self.task(&guard.tenant, &guard.task)
            .ok_or(StoreError::NotFound)?;
        let held = self.jobs.get(&guard.job).is_some_and(|job| {
            job.claim.tenant == guard.tenant
                && job.claim.task == guard.task
                && job.is_held_under(guard.fence)
        });
        if held {
            return Ok(());
        }
        Err(StoreError::Stale {
            job: guard.job.clone(),
            presented: guard.fence,
        })
    }

    /// Makes a job, with its parent's turn where it has one. Says whether it was handed to `to` at once.
    pub(crate) fn add_job(
        &mut self,
        (tenant, task): (&TenantId, &TaskId),
        job: NewJob,
        (parent, to): (Option<&JobId>, Option<&Incarnation>),
        now: i64,
    ) -> bool {
        let inherited = parent.and_then(|parent| self.jobs.get(parent));
        let inherited = inherited.map(|parent| parent.turn);
        let turn = inherited.unwrap_or_else(|| self.order.next(tenant, Line::New));
        if inherited.is_some() {
            self.order.turns.charge(tenant);
        }
        let mut row = JobRow {
            priority: job.priority,
            turn,
            state: JobState::after(job.delay_ms, now),
            claim: Claim {
                job: job.id.clone(),
                kind: job.kind,
                tenant: tenant.clone(),
                task: task.clone(),
                step: job.step,
                delivery: job.delivery,
                fence: Fence(0),
                attempts: 0,
                crashes: 0,
            },
        };
        let taker = to.filter(|to| row.is_ready() && self.would_claim(to, &row, now));
        if let Some(to) = taker {
            row.claim.fence = Fence::FIRST;
            row.state = JobState::Held(to.clone());
        }
        let is_handed_over = taker.is_some();
        self.jobs.insert(job.id, row);
        is_handed_over
    }

    /// Whether a claim by this life would get this job first.
    fn would_claim(&self, who: &Incarnation, job: &JobRow, now: i64) -> bool {
        let life = self.workers.get(&who.worker);
        life.is_some_and(|life| life.epoch == who.epoch && !life.ended)
            && self.jobs.values().all(|other| match other.state {
                JobState::Ready => other.place() > job.place(),
                JobState::Delayed(run_at_ms) => run_at_ms > now,
                JobState::Parked | JobState::Held(_) => true,
            })
    }

    /// Refuses to name a blob that is being swept.
    pub(crate) fn check_blobs(
        &self,
        tenant: &TenantId,
        blobs: &[BlobRef],
    ) -> Result<(), StoreError> {
        let doomed = |blob: &BlobRef| {
            let owned = (tenant.clone(), blob.hash.clone());
            self.doomed.contains_key(&owned)
        };
        if blobs.iter().any(doomed) {
            let reason = "a blob is being swept; put it again";
            return Err(StoreError::Unavailable(reason.into()));
        }
        Ok(())
    }

    pub(crate) fn name_blobs(&mut self, (tenant, task): (&TenantId, &TaskId), blobs: Vec<BlobRef>) {
        let named = blobs
            .into_iter()
            .map(|blob| (task.clone(), tenant.clone(), blob.hash));
        self.blobs.extend(named);
    }

    /// Turns the held jobs of a task, deliveries excepted, into jobs that only say what became of them.
    pub(crate) fn stop_held(&mut self, task: &TaskId) {
        for job in self.jobs.values_mut() {
            let is_work = !matches!(job.claim.kind, JobKind::Deliver | JobKind::Stop);
            if job.claim.task == *task && is_work && matches!(job.state, JobState::Held(_)) {
                job.claim.kind = JobKind::Stop;
                job.claim.fence = Fence(job.claim.fence.0 + 1);
                (job.claim.attempts, job.claim.crashes) = (0, 0);
            }
        }
    }

    /// Makes every job of these lives ready; each was lost to a crash. Says how many there were.
    pub(crate) fn take_back(&mut self, is_dead: impl Fn(&Incarnation) -> bool) -> u64 {
        let mut taken = 0;
        for job in self.jobs.values_mut() {
            if matches!(&job.state, JobState::Held(holder) if is_dead(holder)) {
                job.state = JobState::Ready;
                job.claim.crashes += 1;
                taken += 1;
            }
        }
        taken
    }
}

impl TaskRow {
    /// Adds events with the next numbers of the log.
    pub(crate) fn push(&mut self, events: Vec<PreparedEvent>, now: i64) {
        for event in events {
            self.task.seq += 1;
            self.events.push(Event {
                seq: self.task.seq,
                at_ms: now,
                v: agent_core::event::EVENT_FORMAT,
                kind: event.kind.label().to_owned(),
                step: event.step,
                public: event.public,
                private: event.private,
            });
        }
        self.task.updated_at_ms = now;
    }
}

impl JobRow {
    pub(crate) fn is_held_under(&self, fence: Fence) -> bool {
        matches!(self.state, JobState::Held(_)) && self.claim.fence == fence
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == JobState::Ready
    }

    /// What ready jobs are claimed in the order of.
    pub(crate) fn place(&self) -> (Priority, i64, &JobId) {
        (self.priority, self.turn.tag, &self.claim.job)
    }

    /// Ends a hold. A job that is delayed lines up with the others that come back.
    pub(crate) fn give_back(&mut self, delay_ms: u64, order: &mut Order, now: i64) {
        self.state = JobState::after(delay_ms, now);
        if delay_ms > 0 {
            self.turn = order.next(&self.claim.tenant, Line::Returning);
        }
    }

    /// A delayed job whose time has come is ready, as far behind as it was when it was delayed.
    pub(crate) fn promote(&mut self, latest: i64, now: i64) {
        if matches!(self.state, JobState::Delayed(until_ms) if until_ms <= now) {
            self.state = JobState::Ready;
            self.turn.tag = latest + self.turn.behind;
        }
    }
}

impl JobState {
    pub(crate) fn after(delay_ms: u64, now: i64) -> Self {
        if delay_ms == 0 {
            return Self::Ready;
        }
        Self::Delayed(now.saturating_add_unsigned(delay_ms))
    }
}
