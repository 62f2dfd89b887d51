//! Calling a step back that was given back for want of a place: its job becomes ready at once.
//!
//! It is a courtesy. A step that cannot be called comes by itself when its time in the queue is over.

use agent_core::decide::commit::prepare;
use agent_core::decide::{Input, decide};
use agent_core::ports::store::{Right, StoreError};
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
        let Parts {
            store,
            blobs,
            entropy,
            ..
        } = &self.parts;
        let Absent { tenant, task, step } = absent;
        for _ in 0..DECISIONS_MAX {
            let found = store.find_task(tenant, task).await?.ok_or(Stop::Lost)?;
            if found.engine > self.engine {
                return Err(Stop::NewerRules(found.engine));
            }
            let input = Input::PlaceFreed { step: step.clone() };
            let decision = decide(&found, input, found.read_at_ms, entropy.as_ref())
                .map_err(Stop::OutOfDate)?;
            let right = Right::Owner(tenant.clone(), task.clone());
            let commit = prepare(blobs.as_ref(), tenant, right, found.version, decision).await?;
            match store.transition(commit).await {
                Ok(_) => return Ok(()),
                Err(StoreError::VersionMoved { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Stop::Lost)
    }
}
