//! The pulse of the claim loop: a worker is alive as long as it looks for jobs, or knows that it has no room for more.
//!
//! That its heartbeat goes on says nothing: the heartbeat has a thread of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// When the claim loop last went round, by this process's monotonic clock.
#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    last_ms: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            last_ms: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    pub(crate) fn beat(&self) {
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now_ms, Ordering::Release);
    }

    /// How long ago that was.
    pub fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Acquire));
        self.began.elapsed().saturating_sub(last)
    }
}
