//! Hints that something may have changed. A hint only shortens a poll; nothing depends on one.

use std::time::Duration;

use async_trait::async_trait;

use crate::id::TaskId;

/// Waits for hints.
#[async_trait]
pub trait Wake: Send + Sync {
    /// Returns when a job may have become ready, or after `at_most`.
    async fn jobs(&self, at_most: Duration);
    /// Returns when the task's log may have grown, or after `at_most`.
    async fn task(&self, task: &TaskId, at_most: Duration);
}
