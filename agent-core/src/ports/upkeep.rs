//! The store as those who look after the queue see it: where jobs lie, and what was set aside.
//!
//! A tenant is in every predicate. A job that was set aside by a commit is requeued by a commit too, since its task
//! changes with it; everything else is requeued here.

use async_trait::async_trait;

use crate::id::{JobId, TaskId, TenantId};
use crate::job::Guard;
use crate::ports::store::StoreError;
use crate::queue::{DeadId, DeadLetter, DeadQuery, TaskQueue};

/// Looking into the queue, and requeueing what was set aside.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Where the jobs of a task lie. A task that is not there has none.
    async fn task_queue(&self, tenant: &TenantId, task: &TaskId) -> Result<TaskQueue, StoreError>;
    /// Dead letters, the last one set aside first.
    async fn list_dead(
        &self,
        tenant: &TenantId,
        query: &DeadQuery,
    ) -> Result<Vec<DeadLetter>, StoreError>;
    /// One dead letter.
    async fn find_dead(
        &self,
        tenant: &TenantId,
        id: &DeadId,
    ) -> Result<Option<DeadLetter>, StoreError>;
    /// Makes a job that cannot be worked on, since something stored is damaged, a dead letter of kind `unreadable`.
    async fn set_aside(&self, guard: &Guard, reason: &str) -> Result<(), StoreError>;
    /// Requeues a job whose row could not be read, or (under the new job `job`) a message that no receiver took, whose
    /// schedule begins again. Anything else is not found.
    async fn requeue_dead(
        &self,
        tenant: &TenantId,
        id: &DeadId,
        job: &JobId,
    ) -> Result<(), StoreError>;
}
