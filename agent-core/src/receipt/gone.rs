//! By what each thing that was stopped is known to be gone.

use crate::id::{JobId, StepId};
use crate::job::JobKind;
use crate::queue::{JobPlace, QueuedJob, StoppedBy, TaskQueue};

use super::Proof;

/// What the log says of a job that was held when the task was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub job: JobId,
    pub step: Option<StepId>,
    pub at_ms: i64,
    pub by: StoppedBy,
    pub is_gone: bool,
}

impl Told {
    pub fn proof(&self) -> Proof {
        let at_ms = self.at_ms;
        match (self.is_gone, self.by) {
            (false, _) => Proof::Hangs { at_ms },
            (true, StoppedBy::Worker) => Proof::Worker { at_ms },
            (true, StoppedBy::Lease) => Proof::Lease { at_ms },
        }
    }
}

/// The jobs that still have to tell, by what is known of their holders.
pub fn untold(queue: &TaskQueue, lease_ms: i64) -> impl Iterator<Item = (&QueuedJob, Proof)> {
    let jobs = queue.jobs.iter();
    jobs.filter(|job| job.kind == Some(JobKind::Stop))
        .map(move |job| (job, of_place(job, queue.read_at_ms, lease_ms)))
}

fn of_place(job: &QueuedJob, now_ms: i64, lease_ms: i64) -> Proof {
    // Only a life that is over loses such a job, so that another can take it up and tell.
    let is_over = job.crashes > 0;
    let lapsed = Proof::Lease { at_ms: now_ms };
    match &job.place {
        JobPlace::Held(holder) if !is_over && !holder.is_over => {
            // A worker that was never heard of has just begun.
            let heard_ms = holder.heartbeat_at_ms.unwrap_or(now_ms);
            let by_ms = heard_ms.saturating_add(lease_ms);
            if by_ms < now_ms {
                return Proof::Lease { at_ms: by_ms };
            }
            Proof::Awaited {
                worker: holder.who.worker.clone(),
                by_ms,
            }
        }
        JobPlace::Held(_)
        | JobPlace::Ready
        | JobPlace::Delayed { .. }
        | JobPlace::Parked
        | JobPlace::Dead { .. } => lapsed,
    }
}
