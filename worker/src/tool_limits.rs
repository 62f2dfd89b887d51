//! How many calls of one tool this worker makes at the same time.
//!
//! A permit is taken before the intent of a call is committed: an intent whose call still waits for its turn would count as
//! a call of unknown outcome after a crash. Permits live in this process and end with it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limits of one worker.
pub struct ToolLimits(HashMap<String, Arc<Semaphore>>);

/// The right to make one call; it ends when it is dropped.
pub struct Permit {
    _held: Option<OwnedSemaphorePermit>,
}

impl ToolLimits {
    /// Limits by the tool's name. Other tools have none. A limit of 0 counts as 1, since with none no step would end.
    pub fn new(at_once: &BTreeMap<String, u32>) -> Self {
        let limit = |most: &u32| {
            let most = usize::try_from(*most).unwrap_or(Semaphore::MAX_PERMITS);
            Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)))
        };
        let limits = at_once.iter();
        Self(
            limits
                .map(|(tool, most)| (tool.clone(), limit(most)))
                .collect(),
        )
    }

    /// A permit, if one is free now.
    pub fn try_take(&self, tool: &str) -> Option<Permit> {
        match self.0.get(tool) {
            None => Some(Permit { _held: None }),
            Some(limit) => {
                let held = Arc::clone(limit).try_acquire_owned().ok()?;
                Some(Permit { _held: Some(held) })
            }
        }
    }

    /// A permit, in the order in which they were asked for.
    pub async fn take(&self, tool: &str) -> Permit {
        let held = match self.0.get(tool) {
            // It is never closed, so this does not fail.
            Some(limit) => Arc::clone(limit).acquire_owned().await.ok(),
            None => None,
        };
        Permit { _held: held }
    }
}
