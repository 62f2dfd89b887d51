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
    loop {
        tokio::time::sleep(lease / 3).await;
        let asked = Instant::now();
        let left = usable.saturating_sub(renewed.elapsed());
        match tokio::time::timeout(left, store.heartbeat(who, lease_ms)).await {
            // The lease counts from before the question: the answer may have taken long.
            Ok(Ok(())) => renewed = asked,
            Ok(Err(error @ StoreError::LeaseLost { .. })) => return error.to_string(),
            Ok(Err(error)) => warn!(
                error = source_chain(&error),
                "the lease could not be renewed yet"
            ),
            Err(_) => return "the store did not answer for as long as the lease lasts".to_owned(),
        }
        if renewed.elapsed() >= usable {
            return "the lease could not be renewed for as long as it lasts".to_owned();
        }
    }
}
