//! Calling a step back that was given back for want of a place: its job becomes ready at once.
//!
//! It is a courtesy. A step that cannot be called comes by itself when its time in the queue is over.

use agent_core::decide::{Input, for_owner};
use tracing::{debug, info};

use crate::error_text::source_chain;
use crate::parts::Parts;
use crate::stop::Stop;
use crate::tool_limits::Absent;

/// How often it is tried when the task moves meanwhile.
const DECISIONS_MAX: u32 = 20;

/// Who calls.
pub struct Caller {
    pub parts: Parts,
    /// Newest rules that this worker knows.
    pub engine: u32,
}

impl Caller {
    /// Makes the job of a step ready. Says whether it is.
    pub async fn call(&self, absent: &Absent) -> bool {
        match self.try_to_call(absent).await {
            Ok(()) => {
                info!(task.id = %absent.task, step.id = %absent.step, "a place is free; the step is called back");
                true
            }
            Err(stop) => {
                debug!(task.id = %absent.task, step.id = %absent.step, why = source_chain(&stop), "a step was not called back");
                false
            }
        }
    }

    async fn try_to_call(&self, absent: &Absent) -> Result<(), Stop> {
        let parts = &self.parts;
        let reached = (
            parts.store.as_ref(),
            parts.blobs.as_ref(),
            parts.entropy.as_ref(),
        );
        let Absent { tenant, task, step } = absent;
        for _ in 0..DECISIONS_MAX {
            let found = parts.store.find_task(tenant, task).await?;
            let found = found.ok_or(Stop::Lost)?;
            if found.engine > self.engine {
                return Err(Stop::NewerRules(found.engine));
            }
            let input = Input::PlaceFreed { step: step.clone() };
            if for_owner::apply(reached, &found, input).await? {
                return Ok(());
            }
        }
        Err(Stop::Lost)
    }
}
