//! Points around the verbs of the store that commit. What only reads passes through.
//!
//! A commit is named after the events in it, because what was committed together is what a crash keeps together.

use std::sync::Arc;

use agent_core::delivery::Delivery;
use agent_core::event::{Event, PreparedEvent};
use agent_core::id::{DeliveryId, JobId, KeyId, StepId, TaskId, TenantId};
use agent_core::job::{Claim, Fence, Guard, Incarnation, WorkerName};
use agent_core::key::ApiKey;
use agent_core::ports::store::{
    Append, Artifact, Commits, Committed, Health, Jobs, Keys, NewKey, NewTask, Release, Room,
    Store as Port, StoreError, Submitted, TaskQuery, Tasks, Transition,
};
use agent_core::ports::upkeep::Upkeep;
use agent_core::queue::{DeadId, DeadLetter, DeadQuery, TaskQueue};
use agent_core::task::Task;
use async_trait::async_trait;

use super::FailPoints;

/// See the module's description.
pub struct Store {
    pub inner: Arc<dyn Port>,
    pub points: Arc<FailPoints>,
}

/// `append:model.replied+tool.intended`.
fn named(verb: &str, events: &[PreparedEvent]) -> String {
    let mut kinds: Vec<&str> = events.iter().map(|event| event.kind.label()).collect();
    kinds.dedup();
    if kinds.is_empty() {
        kinds.push("nothing");
    }
    format!("{verb}:{}", kinds.join("+"))
}

#[async_trait]
impl Tasks for Store {
    async fn submit(&self, task: NewTask) -> Result<Submitted, StoreError> {
        self.points.around("submit", self.inner.submit(task)).await
    }

    async fn find_task(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        self.inner.find_task(tenant, task).await
    }

    async fn list_tasks(
        &self,
        tenant: &TenantId,
        query: &TaskQuery,
    ) -> Result<Vec<Task>, StoreError> {
        self.inner.list_tasks(tenant, query).await
    }

    async fn events_after(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.inner.events_after(tenant, task, after, limit).await
    }

    async fn step_events_after(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        step: Option<&StepId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let inner = &self.inner;
        inner
            .step_events_after(tenant, task, step, after, limit)
            .await
    }

    async fn artifacts(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Artifact>, StoreError> {
        self.inner.artifacts(tenant, task).await
    }

    async fn find_delivery(
        &self,
        tenant: &TenantId,
        delivery: &DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let found = self.inner.find_delivery(tenant, delivery).await;
        // The message is read to be sent next; the point after sending is the one before the commit of the attempt.
        self.points.reach("webhook.send.before");
        found
    }
}

#[async_trait]
impl Commits for Store {
    async fn append(&self, commit: Append) -> Result<Committed, StoreError> {
        let name = named("append", &commit.events);
        self.points.around(&name, self.inner.append(commit)).await
    }

    async fn transition(&self, commit: Transition) -> Result<Committed, StoreError> {
        let name = named("transition", &commit.events);
        let committed = self.inner.transition(commit);
        self.points.around(&name, committed).await
    }
}

#[async_trait]
impl Jobs for Store {
    async fn begin(&self, worker: &WorkerName) -> Result<Incarnation, StoreError> {
        self.points.around("begin", self.inner.begin(worker)).await
    }

    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError> {
        // Its points are those of the lifeline.
        self.inner.heartbeat(who, lease_ms).await
    }

    async fn claim(
        &self,
        who: &Incarnation,
        lease_ms: u64,
        room: &Room,
    ) -> Result<Vec<Claim>, StoreError> {
        self.points.reach("claim.before");
        let claims = self.inner.claim(who, lease_ms, room).await?;
        for claim in &claims {
            self.points
                .reach(&format!("claim:{}.after", claim.kind.label()));
        }
        Ok(claims)
    }

    fn weigh(&self, tenant: &TenantId, weight: u32) {
        self.inner.weigh(tenant, weight);
    }

    async fn release(&self, guard: &Guard, how: Release) -> Result<(), StoreError> {
        let released = self.inner.release(guard, how);
        self.points.around("release", released).await
    }

    async fn reap(&self, lease_ms: u64) -> Result<u64, StoreError> {
        self.points.around("reap", self.inner.reap(lease_ms)).await
    }

    async fn held(&self, who: &Incarnation) -> Result<Vec<Claim>, StoreError> {
        self.inner.held(who).await
    }

    async fn lost(&self, held: &[(JobId, Fence)]) -> Result<Vec<JobId>, StoreError> {
        self.inner.lost(held).await
    }
}

#[async_trait]
impl Keys for Store {
    async fn ensure_tenant(&self, id: &TenantId, name: &str) -> Result<TenantId, StoreError> {
        let ensured = self.inner.ensure_tenant(id, name);
        self.points.around("ensure_tenant", ensured).await
    }

    async fn create_key(&self, key: NewKey) -> Result<(), StoreError> {
        let created = self.inner.create_key(key);
        self.points.around("create_key", created).await
    }

    async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<ApiKey>, StoreError> {
        self.inner.list_keys(tenant).await
    }

    async fn revoke_key(&self, tenant: &TenantId, key: &KeyId) -> Result<(), StoreError> {
        let revoked = self.inner.revoke_key(tenant, key);
        self.points.around("revoke_key", revoked).await
    }

    async fn find_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        self.inner.find_key(hash).await
    }
}

#[async_trait]
impl Health for Store {
    async fn now_ms(&self) -> Result<i64, StoreError> {
        self.inner.now_ms().await
    }
}

#[async_trait]
impl Upkeep for Store {
    async fn task_queue(&self, tenant: &TenantId, task: &TaskId) -> Result<TaskQueue, StoreError> {
        self.inner.task_queue(tenant, task).await
    }

    async fn list_dead(
        &self,
        tenant: &TenantId,
        query: &DeadQuery,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.inner.list_dead(tenant, query).await
    }

    async fn find_dead(
        &self,
        tenant: &TenantId,
        id: &DeadId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        self.inner.find_dead(tenant, id).await
    }

    async fn set_aside(&self, guard: &Guard, reason: &str) -> Result<(), StoreError> {
        let aside = self.inner.set_aside(guard, reason);
        self.points.around("set_aside", aside).await
    }

    async fn requeue_dead(
        &self,
        tenant: &TenantId,
        id: &DeadId,
        job: &JobId,
    ) -> Result<(), StoreError> {
        let requeued = self.inner.requeue_dead(tenant, id, job);
        self.points.around("requeue_dead", requeued).await
    }
}
