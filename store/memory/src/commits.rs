//! The two kinds of commit. Every check comes before the first change, so a refused commit changes nothing.

use agent_core::decide::applied::apply;
use agent_core::delivery::DeliveryState;
use agent_core::id::{CallId, JobId, TaskId, TenantId};
use agent_core::job::{Guard, JobAfter, JobKind};
use agent_core::ports::store::{
    Append, CallChange, CallState, Commits, Committed, JobChanges, Right, StoreError, Transition,
};
use agent_core::task::Task;
use async_trait::async_trait;

use crate::MemoryStore;
use crate::rows::{CallRow, DeliveryRow, JobRow, JobState, State};

#[async_trait]
impl Commits for MemoryStore {
    async fn append(&self, commit: Append) -> Result<Committed, StoreError> {
        let committed = append(&mut self.lock(), commit, self.now())?;
        self.hint_jobs();
        self.hint_logs();
        Ok(committed)
    }

    async fn finish(&self, guard: Guard) -> Result<(), StoreError> {
        let mut state = self.lock();
        state.check_guard(&guard)?;
        move_job(&mut state, &guard, JobAfter::Delete, self.now());
        Ok(())
    }

    async fn transition(&self, commit: Transition) -> Result<Committed, StoreError> {
        let committed = transition(&mut self.lock(), commit, self.now())?;
        self.hint_jobs();
        self.hint_logs();
        Ok(committed)
    }
}

fn append(state: &mut State, commit: Append, now: i64) -> Result<Committed, StoreError> {
    let guard = commit.guard;
    state.check_guard(&guard)?;
    state.check_blobs(&guard.tenant, &commit.blobs)?;
    let row = state.task_mut(&guard.tenant, &guard.task)?;
    row.push(commit.events, now);
    row.task.spent = row.task.spent.plus(commit.charge);
    if let Some((id, manifest)) = commit.snapshot {
        let own = row.task.steps.iter_mut().filter(|step| step.id == id);
        own.for_each(|step| step.snapshot = Some(manifest.clone()));
    }
    for mut artifact in commit.artifacts {
        artifact.created_at_ms = now;
        row.artifacts.insert(artifact.name.clone(), artifact);
    }
    let committed = committed(&row.task, now);
    for call in commit.calls {
        record_call(state, &guard, call, committed.seq);
    }
    if let Some(patch) = commit.delivery {
        let message = state.deliveries.get_mut(&patch.id);
        if let Some(message) = message.filter(|message| message.task == guard.task) {
            message.attempts = patch.attempts;
            message.state = patch.state;
            if patch.state == DeliveryState::Abandoned {
                state.abandon(&guard, &patch, committed.seq, now);
            }
        }
    }
    state.name_blobs((&guard.tenant, &guard.task), commit.blobs);
    move_job(state, &guard, commit.job, now);
    Ok(committed)
}

fn record_call(state: &mut State, guard: &Guard, change: CallChange, seq: i64) {
    match change {
        CallChange::Intended {
            call,
            step,
            tool,
            effect,
            key,
        } => {
            let row = state.calls.entry(call.clone()).or_insert_with(|| CallRow {
                call,
                task: guard.task.clone(),
                step,
                tool,
                effect,
                key,
                fence: guard.fence,
                intended_seq: seq,
                settled: None,
            });
            row.fence = guard.fence;
            row.settled = None;
        }
        CallChange::Settled { call, state: ended } => {
            settle_call(state, &guard.task, &call, (ended, seq));
        }
    }
}

fn settle_call(state: &mut State, task: &TaskId, call: &CallId, settled: (CallState, i64)) {
    let Some(row) = state.calls.get_mut(call).filter(|row| row.task == *task) else {
        return;
    };
    match settled.0 {
        CallState::Unknown => row.settled = Some(settled),
        // How it ended is in the log.
        CallState::Returned | CallState::Failed => {
            state.calls.remove(call);
        }
    }
}

fn transition(state: &mut State, commit: Transition, now: i64) -> Result<Committed, StoreError> {
    let (tenant, task) = match &commit.right {
        Right::Job(guard, _) => {
            state.check_guard(guard)?;
            (guard.tenant.clone(), guard.task.clone())
        }
        Right::Owner(tenant, task) => (tenant.clone(), task.clone()),
    };
    state.check_blobs(&tenant, &commit.blobs)?;
    let row = state.task_mut(&tenant, &task)?;
    if row.task.version != commit.version {
        return Err(StoreError::VersionMoved {
            task,
            presented: commit.version,
        });
    }
    row.task.version += 1;
    row.push(commit.events, now);
    row.task.spent = row.task.spent.plus(commit.charge);
    apply(
        &mut row.task,
        commit.task,
        (commit.new_steps, commit.steps),
        now,
    );
    let mut committed = committed(&row.task, now);
    for (call, ended) in &commit.settled {
        settle_call(state, &task, call, (*ended, committed.seq));
    }
    state.name_blobs((&tenant, &task), commit.blobs);
    for message in commit.deliveries {
        let row = DeliveryRow {
            tenant: tenant.clone(),
            task: task.clone(),
            attempts: 0,
            state: DeliveryState::Pending,
            message,
        };
        state.deliveries.insert(row.message.id.clone(), row);
    }
    let quarantine = commit.jobs.quarantine.clone();
    let parent = match &commit.right {
        Right::Job(guard, _) => Some(&guard.job),
        Right::Owner(..) => None,
    };
    committed.handed_over = change_jobs(state, (&tenant, &task), parent, commit.jobs, now);
    // After the other jobs: the job that the commit is made under counts as held until here, so it is not woken.
    if let Right::Job(guard, after) = &commit.right {
        move_job(state, guard, *after, now);
        if let Some(found) = quarantine {
            state.quarantine(guard, found, now);
        }
    }
    Ok(committed)
}

/// Says whether a new job was handed over.
fn change_jobs(
    state: &mut State,
    (tenant, task): (&TenantId, &TaskId),
    parent: Option<&JobId>,
    mut changes: JobChanges,
    now: i64,
) -> bool {
    if changes.stop_held {
        state.stop_held(task);
    }
    state.jobs.retain(|_, job| {
        let is_spared = matches!(job.claim.kind, JobKind::Deliver | JobKind::Stop);
        let is_dropped = job.claim.task == *task && !is_spared && changes.delete_work;
        !is_dropped
    });
    state.bury();
    state.take_jobs_back(tenant, task, &changes.take_back);
    if changes.wake {
        let is_woken = |job: &&JobRow| {
            matches!(job.state, JobState::Parked | JobState::Delayed(_))
                && job.claim.task == *task
                && job.claim.kind != JobKind::Deliver
                && !state.is_dead(job)
        };
        let woken: Vec<JobId> = state
            .jobs
            .values()
            .filter(is_woken)
            .map(|job| job.claim.job.clone())
            .collect();
        for id in woken {
            if let Some(job) = state.jobs.get_mut(&id) {
                job.state = JobState::Ready;
            }
        }
    }
    if let Some(job) = &changes.requeue {
        state.requeue(tenant, job);
    }
    let mut handed_over = false;
    for job in std::mem::take(&mut changes.create) {
        let to = changes.taker_of(&job.id);
        handed_over |= state.add_job((tenant, task), job, (parent, to), now);
    }
    handed_over
}

fn move_job(state: &mut State, guard: &Guard, after: JobAfter, now: i64) {
    let State { jobs, order, .. } = state;
    // The job may be gone: the same commit can have deleted the work of the task.
    let Some(job) = jobs.get_mut(&guard.job) else {
        return;
    };
    match after {
        JobAfter::Keep => {}
        JobAfter::Delete => {
            jobs.remove(&guard.job);
        }
        JobAfter::Delay(delay_ms) => job.give_back(delay_ms, order, now),
        JobAfter::Park => job.state = JobState::Parked,
    }
}

fn committed(task: &Task, now: i64) -> Committed {
    Committed {
        seq: task.seq,
        version: task.version,
        spent: task.spent,
        budget: task.budget,
        running_since_ms: task.running_since_ms,
        at_ms: now,
        handed_over: false,
    }
}
