//! The stop job: what a worker held when the task was cancelled is ended, looked at, and told in the log.
//!
//! The worker that held it runs this once its own run of the job is over. Where that worker died, whoever comes next says so: what a
//! worker starts dies with it.

use std::time::Duration;

use agent_core::event::NewEvent;
use agent_core::job::JobAfter;
use agent_core::ports::workspaces::{Place, Remains};
use agent_core::queue::{JobStopped, StoppedBy};
use agent_core::retry::full_jitter_ms;
use tracing::{info, warn};

use crate::context::Context;
use crate::error_text::source_chain;
use crate::stop::Stop;

/// A tree of processes that is not gone after this time hangs in the kernel.
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// Ends what is left, and tells. It is tried for as long as the store is away; a job that was taken away meanwhile is told of by
/// whoever has it.
pub async fn run(context: &Context) {
    let remains = end(context).await;
    let by = if context.claim.deaths() > 0 {
        StoppedBy::Lease
    } else {
        StoppedBy::Worker
    };
    let stopped = JobStopped {
        job: context.claim.job.clone(),
        by,
        gone: remains == Remains::Nothing,
    };
    info!(
        gone = stopped.gone,
        "what was held when the task was cancelled has ended"
    );
    let event = match &context.claim.step {
        Some(step) => NewEvent::of_step(step, stopped),
        None => NewEvent::of_task(stopped),
    };
    tell(context, event).await;
}

/// Programs run in the workspace of a step only; all else ended with the run of the job.
async fn end(context: &Context) -> Remains {
    let Some(step) = context.claim.step.clone() else {
        return Remains::Nothing;
    };
    let place = Place {
        tenant: context.claim.tenant.clone(),
        task: context.claim.task.clone(),
        step,
    };
    let discarded = context.parts.workspaces.discard(&place);
    tokio::time::timeout(GONE_WITHIN, discarded)
        .await
        .unwrap_or(Remains::Processes)
}

async fn tell(context: &Context, event: NewEvent) {
    let mut attempt = 0;
    loop {
        let mut commit = context.blank();
        commit.job = JobAfter::Delete;
        match context.append(commit, std::slice::from_ref(&event)).await {
            Ok(_) | Err(Stop::Lost) => return,
            Err(error) => warn!(
                error = source_chain(&error),
                attempt, "that a job has ended could not be told yet"
            ),
        }
        let pause_ms = full_jitter_ms(200, 5_000, attempt, context.parts.entropy.unit()).max(50);
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        attempt += 1;
    }
}
