//! A worker as the store sees one: a life, claims, and commits under their fences. It runs no loop of its own.

use std::sync::Arc;

use agent_core::id::{StepId, TaskId};
use agent_core::job::{Claim, Incarnation, JobAfter, JobKind, NewJob, WorkerName};
use agent_core::ports::entropy::Entropy;
use agent_core::ports::store::{Committed, Right, Room, Transition};
use agent_core::task::{Task, TaskState};

use crate::harness::Handle;
use crate::samples;

/// The lease that cases use.
pub const LEASE_MS: u64 = 15_000;
/// A shift of the clock after which a heartbeat is older than [`LEASE_MS`].
pub const PAST_LEASE_MS: i64 = 16_000;

/// See the module's description.
#[derive(Clone)]
pub struct Worker {
    /// Its handle.
    pub store: Arc<dyn Handle>,
    /// Its life.
    pub life: Incarnation,
}

impl Worker {
    /// Begins a life.
    pub async fn begin(store: Arc<dyn Handle>, name: &str) -> Self {
        let life = store.begin(&WorkerName(name.to_owned())).await.unwrap();
        Self { store, life }
    }

    /// Claims up to `at_most` jobs.
    pub async fn claim(&self, at_most: u32) -> Vec<Claim> {
        let claims = self
            .store
            .claim(&self.life, LEASE_MS, &Room::of(at_most))
            .await;
        claims.unwrap()
    }

    /// Claims the one job that is ready.
    pub async fn claim_one(&self) -> Claim {
        let mut claims = self.claim(10).await;
        assert_eq!(claims.len(), 1, "one job is ready: {claims:?}");
        claims.remove(0)
    }

    /// Keeps the lease.
    pub async fn heartbeat(&self) {
        let kept = self.store.heartbeat(&self.life, LEASE_MS).await;
        kept.unwrap();
    }

    /// The task that a claim is about.
    pub async fn task(&self, claim: &Claim) -> Task {
        let found = self.store.find_task(&claim.tenant, &claim.task).await;
        found.unwrap().unwrap()
    }

    /// Puts the claimed job aside or away, and changes nothing else.
    pub async fn leave(&self, claim: &Claim, after: JobAfter) -> Committed {
        let mut commit = samples::append(claim);
        commit.job = after;
        self.store.append(commit).await.unwrap()
    }

    /// Commits a plan of `count` steps that are all ready, each with its job, and ends the plan job.
    pub async fn plan(&self, claim: &Claim, count: u32, entropy: &dyn Entropy) -> Vec<StepId> {
        let task = self.task(claim).await;
        let mut commit = planned(&task, claim, count, entropy);
        commit.task.state = TaskState::Running;
        commit.task.plan_version = 1;
        let ids = commit.new_steps.iter().map(|step| step.id.clone());
        let ids = ids.collect();
        self.store.transition(commit).await.unwrap();
        ids
    }
}

fn planned(task: &Task, claim: &Claim, count: u32, entropy: &dyn Entropy) -> Transition {
    let right = Right::Job(claim.guard(), JobAfter::Delete);
    let mut commit = samples::transition(task, right);
    commit.new_steps = (0..count)
        .map(|ordinal| samples::step(entropy, ordinal))
        .collect();
    commit.jobs.create = commit
        .new_steps
        .iter()
        .map(|step| step_job(&step.id, entropy))
        .collect();
    commit
}

/// A ready job for a step.
pub fn step_job(step: &StepId, entropy: &dyn Entropy) -> NewJob {
    NewJob {
        step: Some(step.clone()),
        ..samples::job(entropy, JobKind::Step)
    }
}

/// The claims of one task, out of many.
pub fn of_task(claims: &[Claim], task: &TaskId) -> Vec<Claim> {
    let own = claims.iter().filter(|claim| claim.task == *task);
    own.cloned().collect()
}
