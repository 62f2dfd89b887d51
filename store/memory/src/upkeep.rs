//! Looking into the queue, and the dead letters: what was set aside for good, and how it comes back.

use agent_core::delivery::{DeliveryPatch, DeliveryState};
use agent_core::event::{Event, EventKind};
use agent_core::id::{DeliveryId, JobId, StepId, TaskId, TenantId};
use agent_core::job::{Fence, Guard, JobKind, NewJob};
use agent_core::ports::store::{CallState, StoreError};
use agent_core::ports::upkeep::Upkeep;
use agent_core::queue::{
    DeadId, DeadKind, DeadLetter, DeadQuery, Holder, JobPlace, OpenCall, Quarantine, QueuedJob,
    TaskQueue,
};
use async_trait::async_trait;

use crate::MemoryStore;
use crate::rows::{JobRow, JobState, State};

#[async_trait]
impl Upkeep for MemoryStore {
    async fn task_queue(&self, tenant: &TenantId, task: &TaskId) -> Result<TaskQueue, StoreError> {
        let read_at_ms = self.now();
        let state = self.lock();
        let alive = state.workers.values().filter(|worker| !worker.ended);
        Ok(TaskQueue {
            jobs: state.queued(|job| job.claim.tenant == *tenant && job.claim.task == *task),
            calls: state.open_calls(tenant, task),
            given_up: state.given_up(tenant, task),
            heartbeat_at_ms: alive.map(|worker| worker.heartbeat_at_ms).max(),
            read_at_ms,
        })
    }

    async fn list_dead(
        &self,
        tenant: &TenantId,
        query: &DeadQuery,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let state = self.lock();
        let own = state.dead.iter().filter(|((owner, _), _)| owner == tenant);
        let mut letters: Vec<&DeadLetter> = own
            .map(|(_, letter)| letter)
            .filter(|letter| is_wanted(letter, query))
            .collect();
        letters.sort_by(|a, b| (b.since_ms, &b.id).cmp(&(a.since_ms, &a.id)));
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Ok(letters.into_iter().take(limit).cloned().collect())
    }

    async fn find_dead(
        &self,
        tenant: &TenantId,
        id: &DeadId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        let found = self.lock().dead.get(&(tenant.clone(), id.clone())).cloned();
        Ok(found)
    }

    async fn set_aside(&self, guard: &Guard, reason: &str) -> Result<(), StoreError> {
        let now = self.now();
        let mut state = self.lock();
        state.check_guard(guard)?;
        if let Some(job) = state.jobs.get_mut(&guard.job) {
            job.state = JobState::Parked;
        }
        let reason = reason.to_owned();
        state.bury_job(guard, DeadKind::Unreadable, (reason, Vec::new()), now);
        Ok(())
    }

    async fn requeue_dead(
        &self,
        tenant: &TenantId,
        id: &DeadId,
        job: &JobId,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let mut state = self.lock();
        let key = (tenant.clone(), id.clone());
        let letter = state.dead.get(&key).ok_or(StoreError::NotFound)?;
        let (kind, task) = (letter.kind, letter.task.clone());
        let message = match (kind, id) {
            (DeadKind::Unreadable, DeadId::Job(own)) => {
                state.requeue(tenant, own);
                return Ok(());
            }
            (DeadKind::Delivery, DeadId::Delivery(message)) => message,
            // A job that a commit set aside comes back by a commit.
            (DeadKind::Job | DeadKind::Unreadable | DeadKind::Delivery, _) => {
                return Err(StoreError::NotFound);
            }
        };
        state.dead.remove(&key);
        if let Some(row) = state.deliveries.get_mut(message) {
            row.attempts = 0;
            row.state = DeliveryState::Pending;
        }
        let job = NewJob::deliver(job.clone(), message.clone());
        state.add_job((tenant, &task), job, (None, None), now);
        drop(state);
        self.hint_jobs();
        Ok(())
    }
}

fn is_wanted(letter: &DeadLetter, query: &DeadQuery) -> bool {
    let place = (letter.since_ms, &letter.id);
    query.kind.is_none_or(|kind| letter.kind == kind)
        && query
            .before_ms
            .is_none_or(|before_ms| letter.since_ms < before_ms)
        && query
            .after
            .as_ref()
            .is_none_or(|(since_ms, id)| place < (*since_ms, id))
}

impl State {
    pub(crate) fn queued(&self, is_wanted: impl Fn(&JobRow) -> bool) -> Vec<QueuedJob> {
        let wanted = self.jobs.values().filter(|job| is_wanted(job));
        wanted.map(|job| self.shown(job)).collect()
    }

    fn open_calls(&self, tenant: &TenantId, task: &TaskId) -> Vec<OpenCall> {
        let Some(row) = self.task(tenant, task) else {
            return Vec::new();
        };
        let at_ms = |seq: i64| {
            let event = row.events.iter().find(|event| event.seq == seq);
            event.map_or(0, |event| event.at_ms)
        };
        let of_task = self.calls.values().filter(|call| call.task == *task);
        let mut open: Vec<(i64, OpenCall)> = of_task
            .filter_map(|call| {
                let found_unknown = match call.settled {
                    None => None,
                    Some((CallState::Unknown, seq)) => Some(seq),
                    Some((CallState::Returned | CallState::Failed, _)) => return None,
                };
                let seq = call.intended_seq;
                let begins = |event: &Event| match found_unknown {
                    None => [EventKind::StepResumed, EventKind::ToolIntended]
                        .iter()
                        .any(|kind| event.kind == kind.label()),
                    Some(found) => {
                        event.kind == EventKind::ToolIntended.label() && event.seq < found
                    }
                };
                let begun_later = row
                    .events
                    .iter()
                    .filter(|event| event.seq > seq && event.step == call.step && begins(event));
                let last_begun_ms = begun_later.map(|event| event.at_ms).max();
                let open = OpenCall {
                    call: call.call.clone(),
                    step: call.step.clone(),
                    tool: call.tool.clone(),
                    is_unknown: call.settled.is_some(),
                    since_ms: at_ms(seq),
                    last_begun_ms: last_begun_ms.unwrap_or_else(|| at_ms(seq)),
                };
                Some((call.intended_seq, open))
            })
            .collect();
        open.sort_by(|a, b| (a.0, &a.1.call).cmp(&(b.0, &b.1.call)));
        open.into_iter().map(|(_, call)| call).collect()
    }

    fn given_up(&self, tenant: &TenantId, task: &TaskId) -> Vec<(DeliveryId, String)> {
        let of_task = self.dead.iter().filter(|((owner, _), letter)| {
            owner == tenant && letter.task == *task && letter.kind == DeadKind::Delivery
        });
        of_task
            .filter_map(|((_, id), letter)| {
                let DeadId::Delivery(message) = id else {
                    return None;
                };
                Some((message.clone(), letter.reason.clone()))
            })
            .collect()
    }

    /// Takes the jobs of steps from whoever holds them, under a higher fence.
    pub(crate) fn take_jobs_back(&mut self, tenant: &TenantId, task: &TaskId, steps: &[StepId]) {
        let is_taken = |job: &&mut JobRow| {
            let step = job.claim.step.as_ref();
            job.claim.task == *task && step.is_some_and(|step| steps.contains(step))
        };
        for job in self.jobs.values_mut().filter(is_taken) {
            job.state = JobState::Ready;
            job.claim.fence = Fence(job.claim.fence.0 + 1);
            let id = DeadId::Job(job.claim.job.clone());
            self.dead.remove(&(tenant.clone(), id));
        }
    }

    fn letter_of(&self, job: &JobRow) -> Option<&DeadLetter> {
        let id = DeadId::Job(job.claim.job.clone());
        self.dead.get(&(job.claim.tenant.clone(), id))
    }

    fn shown(&self, job: &JobRow) -> QueuedJob {
        let place = match &job.state {
            JobState::Ready => JobPlace::Ready,
            JobState::Delayed(until_ms) => JobPlace::Delayed {
                until_ms: *until_ms,
            },
            JobState::Parked => match self.letter_of(job) {
                Some(letter) => JobPlace::Dead {
                    kind: letter.kind,
                    reason: letter.reason.clone(),
                },
                None => JobPlace::Parked,
            },
            JobState::Held(who) => {
                let worker = self.workers.get(&who.worker);
                JobPlace::Held(Holder {
                    who: who.clone(),
                    heartbeat_at_ms: worker.map(|worker| worker.heartbeat_at_ms),
                    is_over: worker.is_none_or(|worker| worker.ended || worker.epoch != who.epoch),
                })
            }
        };
        QueuedJob {
            job: job.claim.job.clone(),
            kind: Some(job.claim.kind),
            step: job.claim.step.clone(),
            delivery: job.claim.delivery.clone(),
            place,
            attempts: i64::from(job.claim.attempts),
            crashes: i64::from(job.claim.crashes),
        }
    }

    /// Whether a job is a dead letter, which no wake makes ready.
    pub(crate) fn is_dead(&self, job: &JobRow) -> bool {
        self.letter_of(job).is_some()
    }

    /// Makes the job of a commit, which the commit parked, a dead letter.
    pub(crate) fn quarantine(&mut self, guard: &Guard, found: Quarantine, now: i64) {
        self.bury_job(guard, DeadKind::Job, (found.reason, found.events), now);
    }

    fn bury_job(
        &mut self,
        guard: &Guard,
        kind: DeadKind,
        (reason, events): (String, Vec<i64>),
        now: i64,
    ) {
        let Some(job) = self.jobs.get(&guard.job) else {
            return;
        };
        let letter = DeadLetter {
            id: DeadId::Job(guard.job.clone()),
            kind,
            task: guard.task.clone(),
            step: job.claim.step.clone(),
            job_kind: job.claim.kind.label().to_owned(),
            reason,
            events,
            crashes: i64::from(job.claim.crashes),
            attempts: i64::from(job.claim.attempts),
            since_ms: now,
        };
        let key = (guard.tenant.clone(), letter.id.clone());
        self.dead.insert(key, letter);
    }

    /// Makes a message that a commit gives up a dead letter.
    pub(crate) fn abandon(&mut self, guard: &Guard, patch: &DeliveryPatch, seq: i64, now: i64) {
        let crashes = self.jobs.get(&guard.job).map_or(0, |job| job.claim.crashes);
        let reason = patch.error.clone();
        let letter = DeadLetter {
            id: DeadId::Delivery(patch.id.clone()),
            kind: DeadKind::Delivery,
            task: guard.task.clone(),
            step: None,
            job_kind: JobKind::Deliver.label().to_owned(),
            reason: reason.unwrap_or_else(|| "no receiver took it".to_owned()),
            events: vec![seq],
            crashes: i64::from(crashes),
            attempts: i64::from(patch.attempts),
            since_ms: now,
        };
        let key = (guard.tenant.clone(), letter.id.clone());
        self.dead.insert(key, letter);
    }

    /// Makes a dead letter ready again, if it still is one.
    pub(crate) fn requeue(&mut self, tenant: &TenantId, job: &JobId) {
        let key = (tenant.clone(), DeadId::Job(job.clone()));
        if self.dead.remove(&key).is_none() {
            return;
        }
        let latest = self.order.latest;
        if let Some(row) = self.jobs.get_mut(job) {
            row.state = JobState::Ready;
            row.turn.tag = row.turn.behind + latest;
            row.claim.attempts = 0;
            row.claim.crashes = 0;
        }
    }

    /// Forgets the dead letters whose jobs are gone.
    pub(crate) fn bury(&mut self) {
        let jobs = &self.jobs;
        self.dead.retain(|(_, id), _| match id {
            DeadId::Job(job) => jobs.contains_key(job),
            DeadId::Delivery(_) => true,
        });
    }
}
