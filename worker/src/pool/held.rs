//! What a life holds and does not run: jobs whose claim or hand-back had no clear answer, which are given back, and jobs that tell
//! what became of work that a cancel took away, which are run.

use std::future::Future;
use std::time::Duration;

use agent_core::job::{Claim, Incarnation, JobKind};
use agent_core::ports::store::StoreError;
use tracing::warn;

use super::{CUT_OFF, Worker};
use crate::error_text::source_chain;
use crate::running::Running;

/// How long a worker that ends waits for what a cancel has ended to be told.
const TELL_WITHIN: Duration = Duration::from_secs(5);

impl Worker {
    /// Looks for both. Nothing is given back unless that is asked for: the answer to a commit may still be on its way.
    pub(super) async fn sort_out(
        &self,
        who: &Incarnation,
        running: &mut Running,
        gives_back: bool,
    ) {
        match self.try_to_sort_out(who, running, gives_back).await {
            Ok(()) if gives_back => running.unsure = false,
            Ok(()) => {}
            Err(error) => warn!(
                error = source_chain(&error),
                "what is held and not run could not be looked for yet"
            ),
        }
    }

    async fn try_to_sort_out(
        &self,
        who: &Incarnation,
        running: &mut Running,
        gives_back: bool,
    ) -> Result<(), StoreError> {
        let mut taken = false;
        for claim in self.parts.store.held(who).await? {
            self.pulse.beat();
            if running.runs(&claim.job, claim.fence) {
                continue;
            }
            if claim.kind == JobKind::Stop {
                // It can be told only when the run that was stopped is over.
                if running.runs_any_of(&claim.job) {
                    taken = true;
                } else {
                    running.start(self.context(who, running, claim));
                }
            } else if gives_back {
                self.give_one_back(&claim).await?;
            }
        }
        running.taken = taken;
        Ok(())
    }

    /// A claim that was made although its answer was lost leaves jobs that this life holds and does not run. Nobody else
    /// would take them as long as the heartbeat is fresh.
    async fn give_one_back(&self, claim: &Claim) -> Result<(), StoreError> {
        warn!(task.id = %claim.task, job.id = %claim.job, "a job is held and not run; it is given back");
        match self.parts.store.release(&claim.guard(), CUT_OFF).await {
            Ok(()) | Err(StoreError::Stale { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Gives back what a life holds that runs nothing any more. What only tells of an end stays: with its life over, others can
    /// tell it.
    pub(super) async fn give_all_back(&self, life: &Incarnation) -> Result<(), StoreError> {
        for claim in self.parts.store.held(life).await? {
            self.pulse.beat();
            if claim.kind != JobKind::Stop {
                self.give_one_back(&claim).await?;
            }
        }
        Ok(())
    }

    /// The same at an orderly end, where what was stopped is told too, as far as that goes quickly.
    pub(super) async fn leave_nothing_held(
        &self,
        who: &Incarnation,
        running: &mut Running,
        at_once: &mut (impl Future<Output = ()> + Unpin),
    ) {
        running.held.clear();
        self.sort_out(who, running, true).await;
        let told = async {
            while !running.held.is_empty() {
                drop(running.ended().await);
            }
        };
        tokio::select! {
            biased;
            () = told => {}
            () = at_once => {}
            () = tokio::time::sleep(TELL_WITHIN) => {}
        }
        running.tasks.shutdown().await;
    }
}
