//! The jobs that one life of a worker runs.
//!
//! They end with it: dropping a job's future ends what it started, so nothing of an old life acts on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agent_core::id::{JobId, TenantId};
use agent_core::job::{Claim, Fence};
use agent_core::ports::store::Room;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;
use tracing::info;

use crate::context::{Context, HandedOver};
use crate::job;
use crate::lease::Lease;
use crate::options::Options;

/// How a job ended.
pub enum Ended {
    /// By itself, or stopped. This job is held now in its place.
    Done(Option<Claim>),
    /// In a panic: it is still held.
    Panicked(Claim),
}

/// A job that runs.
pub struct Held {
    pub claim: Claim,
    handle: AbortHandle,
    /// Whether it is about to end its claim itself.
    is_leaving: Arc<AtomicBool>,
}

/// The jobs of one life.
pub struct Running {
    pub lease: Arc<Lease>,
    /// Something that this life holds may run nowhere: a claim or a hand-back had no clear answer.
    pub unsure: bool,
    /// A job was taken away, so this life may hold the one that tells what became of it.
    pub taken: bool,
    /// Until then this life declares no other worker dead.
    pub judges_from: Instant,
    pub tasks: JoinSet<Option<HandedOver>>,
    /// In the order in which they were started.
    pub held: BTreeMap<Id, Held>,
}

impl Running {
    pub fn of(lease: &Arc<Lease>) -> Self {
        Self {
            lease: Arc::clone(lease),
            unsure: false,
            taken: false,
            judges_from: Instant::now(),
            tasks: JoinSet::new(),
            held: BTreeMap::new(),
        }
    }

    pub fn start(&mut self, context: Context) {
        let claim = context.claim.clone();
        let is_leaving = Arc::clone(&context.is_leaving);
        let handle = self.tasks.spawn(job::run(context));
        let held = Held {
            claim,
            handle: handle.clone(),
            is_leaving,
        };
        self.held.insert(handle.id(), held);
    }

    /// Waits for one job to end; never returns while there is none.
    pub async fn ended(&mut self) -> Ended {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, next))) => {
                self.held.remove(&id);
                Ended::Done(match next {
                    Some(HandedOver::Job(claim)) => Some(claim),
                    Some(HandedOver::Unknown) => {
                        self.unsure = true;
                        None
                    }
                    Some(HandedOver::Taken) => {
                        self.taken = true;
                        None
                    }
                    None => None,
                })
            }
            Some(Err(failed)) => {
                // What it was handed over, if anything, runs nowhere, and it was stopped because it was taken away.
                (self.unsure, self.taken) = (true, true);
                let claim = self.held.remove(&failed.id()).map(|held| held.claim);
                match claim.filter(|_| failed.is_panic()) {
                    Some(claim) => Ended::Panicked(claim),
                    None => Ended::Done(None),
                }
            }
            None => std::future::pending().await,
        }
    }

    /// What this life holds. A job can be here twice, when it was given back, claimed again, and its first run has not
    /// quite ended; the newer claim counts.
    pub fn pairs(&self) -> Vec<(JobId, Fence)> {
        let mut newest: BTreeMap<&JobId, Fence> = BTreeMap::new();
        for Held { claim, .. } in self.held.values() {
            let fence = newest.entry(&claim.job).or_insert(claim.fence);
            *fence = claim.fence.max(*fence);
        }
        newest
            .into_iter()
            .map(|(job, fence)| (job.clone(), fence))
            .collect()
    }

    /// Stops those that were asked for and are held no more. One that ended its claim itself has only to say what it holds
    /// in its place; stopped, it could not.
    pub fn stop(&self, lost: &[JobId], asked: &[(JobId, Fence)]) {
        let was_taken = |held: &&Held| {
            let claim = &held.claim;
            !held.is_leaving.load(Ordering::Acquire)
                && lost.contains(&claim.job)
                && asked.contains(&(claim.job.clone(), claim.fence))
        };
        for Held { claim, handle, .. } in self.held.values().filter(was_taken) {
            info!(task.id = %claim.task, job.id = %claim.job, "the job was taken away; it is stopped");
            handle.abort();
        }
    }

    /// Room for more jobs, by whose they are.
    pub fn room(&self, options: &Options) -> Room {
        let free = options
            .concurrency
            .saturating_sub(u32::try_from(self.held.len()).unwrap_or(u32::MAX));
        let most = options.tenant_jobs_at_once;
        if most == 0 {
            return Room::of(free);
        }
        let mut run: BTreeMap<&TenantId, u32> = BTreeMap::new();
        for Held { claim, .. } in self.held.values() {
            *run.entry(&claim.tenant).or_default() += 1;
        }
        let left = run.into_iter();
        Room {
            jobs: free,
            of_tenants: left
                .map(|(tenant, jobs)| (tenant.clone(), most.saturating_sub(jobs)))
                .collect(),
            of_others: most,
        }
    }

    pub fn runs(&self, job: &JobId, fence: Fence) -> bool {
        self.held
            .values()
            .any(|Held { claim, .. }| claim.job == *job && claim.fence == fence)
    }

    /// Whether a run of this job is not quite over, under whatever fence.
    pub fn runs_any_of(&self, job: &JobId) -> bool {
        self.held.values().any(|held| held.claim.job == *job)
    }
}
