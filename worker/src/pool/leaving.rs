//! How a worker ends: its jobs finish or are handed back, whether it has a lease or lost it meanwhile.

use std::future::Future;
use std::time::Duration;

use agent_core::job::{Claim, Incarnation};
use tracing::{info, warn};

use super::{CUT_OFF, Drained, WATCH_MS, Worker};
use crate::error_text::source_chain;
use crate::running::{Ended, Running};

impl Worker {
    /// Ends between two lives. What the one before held when the store fell silent was stopped by nobody's crash, so it is handed back
    /// as by a drain, if the store comes back in time.
    pub(super) async fn leave(
        &self,
        outlived: Option<&Incarnation>,
        at_once: &mut (impl Future<Output = ()> + Unpin),
    ) -> Drained {
        let Some(life) = outlived else {
            return Drained::Clean;
        };
        let handing_back = async {
            let mut attempt = 0;
            while let Err(error) = self.give_all_back(life).await {
                warn!(
                    error = source_chain(&error),
                    attempt, "the jobs could not be handed back yet"
                );
                self.pause(attempt).await;
                attempt += 1;
            }
        };
        tokio::select! {
            biased;
            () = handing_back => Drained::Clean,
            () = at_once => Drained::Cut,
            () = tokio::time::sleep(Duration::from_millis(self.options.drain_ms)) => Drained::Cut,
        }
    }

    /// Jobs stop at their next commit and are handed back; those that do not get there in time are cut off and handed back, so that
    /// nobody has to wait for the lease.
    pub(super) async fn drain(
        &self,
        who: &Incarnation,
        running: &mut Running,
        at_once: &mut (impl Future<Output = ()> + Unpin),
    ) -> Drained {
        self.draining.cancel();
        if running.held.is_empty() && !running.unsure && !running.taken {
            return Drained::Clean;
        }
        info!(
            jobs = running.held.len(),
            "draining: running jobs finish or are handed back"
        );
        let limit = tokio::time::sleep(Duration::from_millis(self.options.drain_ms));
        let mut limit = std::pin::pin!(limit);
        let mut is_urgent = false;
        let mut pulse = tokio::time::interval(Duration::from_millis(WATCH_MS));
        while !running.held.is_empty() {
            tokio::select! {
                biased;
                () = &mut *at_once => {
                    is_urgent = true;
                    break;
                }
                () = &mut limit => break,
                _ = pulse.tick() => self.pulse.beat(),
                ended = running.ended() => match ended {
                    Ended::Done(Some(claim)) => self.hand_back(running, &claim).await,
                    Ended::Done(None) => {}
                    Ended::Panicked(claim) => self.put_back(running, claim).await,
                },
            }
        }
        if running.held.is_empty() && !running.unsure && !running.taken {
            return Drained::Clean;
        }
        let ended = if running.held.is_empty() {
            Drained::Clean
        } else {
            Drained::Cut
        };
        running.tasks.shutdown().await;
        if is_urgent {
            if let Err(error) = self.give_all_back(who).await {
                warn!(
                    error = source_chain(&error),
                    "the jobs could not all be handed back"
                );
            }
        } else {
            self.leave_nothing_held(who, running, at_once).await;
        }
        ended
    }

    /// Hands a job back that was to be gone on with.
    async fn hand_back(&self, running: &mut Running, claim: &Claim) {
        if let Err(error) = self.parts.store.release(&claim.guard(), CUT_OFF).await {
            running.unsure = true;
            warn!(error = source_chain(&error), job.id = %claim.job, "the job could not be handed back");
        }
    }
}
