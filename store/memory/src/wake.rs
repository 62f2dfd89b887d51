//! Hints between handles of one store. A hint that nobody waits for is lost, which costs a poll and nothing else.

use std::time::Duration;

use agent_core::id::TaskId;
use agent_core::ports::wake::Wake;
use async_trait::async_trait;

use crate::MemoryStore;

impl MemoryStore {
    pub(crate) fn hint_jobs(&self) {
        self.shared.jobs_changed.notify_waiters();
        // One hint is kept for a worker that is between its poll and its wait.
        self.shared.jobs_changed.notify_one();
    }

    pub(crate) fn hint_logs(&self) {
        self.shared.logs_changed.notify_waiters();
    }

    fn last_seq(&self, task: &TaskId) -> Option<i64> {
        self.lock().tasks.get(task).map(|row| row.task.seq)
    }

    async fn log_grows(&self, task: &TaskId) {
        let before = self.last_seq(task);
        loop {
            let hint = self.shared.logs_changed.notified();
            tokio::pin!(hint);
            // Listen first and look then, so that a commit in between is not missed.
            hint.as_mut().enable();
            if self.last_seq(task) != before {
                return;
            }
            hint.await;
        }
    }
}

#[async_trait]
impl Wake for MemoryStore {
    async fn jobs(&self, at_most: Duration) {
        let hint = self.shared.jobs_changed.notified();
        // Hint or time: the caller looks either way.
        let _ = tokio::time::timeout(at_most, hint).await;
    }

    async fn task(&self, task: &TaskId, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.log_grows(task)).await;
    }
}
