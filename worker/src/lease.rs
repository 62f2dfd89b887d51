//! Leases: one heartbeat for all jobs of this life, and the discovery of jobs that were lost.
//!
//! A heartbeat never revives a lease that lapsed. If heartbeats fail for as long as the lease lasts, by this process's
//! monotonic clock, the worker stops its own jobs before others may take them.

use std::time::Duration;

use agent_core::job::Incarnation;
use agent_core::ports::store::{Store, StoreError};
use tokio::time::Instant;
use tracing::warn;

use crate::error_text::source_chain;

/// Keeps the lease until it is lost. Returns why it ended.
pub async fn keep(store: &dyn Store, who: &Incarnation, lease_ms: u64, began: Instant) -> String {
    let lease = Duration::from_millis(lease_ms);
    // The margin covers the time that stopping takes.
    let usable = lease * 4 / 5;
    let mut renewed = began;
    let mut pause = lease / 3;
    loop {
        let left = usable.saturating_sub(renewed.elapsed());
        if left.is_zero() {
            return "the lease could not be renewed for as long as it lasts".to_owned();
        }
        tokio::time::sleep(pause.min(left)).await;
        let asked = Instant::now();
        // One question may hang while the next would be answered, so each has a part of the time only.
        pause = match tokio::time::timeout(lease / 6, store.heartbeat(who, lease_ms)).await {
            Ok(Ok(())) => {
                // The lease counts from before the question: the answer may have taken long.
                renewed = asked;
                lease / 3
            }
            Ok(Err(error @ StoreError::LeaseLost { .. })) => return error.to_string(),
            Ok(Err(error)) => {
                warn!(
                    error = source_chain(&error),
                    "the lease could not be renewed yet"
                );
                lease / 15
            }
            Err(_) => {
                warn!("the store did not answer in time when the lease was to be renewed");
                lease / 15
            }
        };
    }
}
