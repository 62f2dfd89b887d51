//! A store that fails or stops at a chosen commit, to see what a worker leaves behind that dies there, or whose every call
//! meets what a simulation sends.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use agent_core::delivery::Delivery;
use agent_core::event::Event;
use agent_core::id::{DeliveryId, JobId, KeyId, StepId, TaskId, TenantId};
use agent_core::job::{Claim, Fence, Guard, Incarnation, JobKind, WorkerName};
use agent_core::key::ApiKey;
use agent_core::ports::store::{
    Append, Artifact, Commits, Committed, Health, Jobs, Keys, NewKey, NewTask, Release, Room,
    Store, StoreError, Submitted, TaskQuery, Tasks, Transition,
};
use agent_core::ports::upkeep::Upkeep;
use agent_core::queue::{DeadId, DeadLetter, DeadQuery, TaskQueue};
use agent_core::task::Task;
use async_trait::async_trait;
use tokio::sync::Notify;

/// What happens at the chosen commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the commit.
    DieBefore,
    /// The process dies after the commit, before it knows.
    DieAfter,
    /// The database answers an error, and nothing was saved.
    ErrorBefore,
    /// The database answers an error, although all was saved.
    ErrorAfter,
    /// The database claims jobs, and answers an error.
    ClaimLost,
}

/// What calls meet beside the one fault: delays, errors and deaths.
#[async_trait]
pub trait Weather: Send + Sync {
    /// What a call meets. Takes as long as the call is on its way there.
    async fn going(&self, verb: &'static str) -> Option<Fault>;
    /// Takes as long as the answer is on its way back.
    async fn coming(&self, verb: &'static str, refused: Option<&StoreError>);
}

/// Nothing happens.
struct Calm;

#[async_trait]
impl Weather for Calm {
    async fn going(&self, _verb: &'static str) -> Option<Fault> {
        None
    }
    async fn coming(&self, _verb: &'static str, _refused: Option<&StoreError>) {}
}

fn away() -> StoreError {
    StoreError::Unavailable("the plug was pulled".into())
}

/// See the module's description.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    weather: Arc<dyn Weather>,
    fault: Fault,
    at: u32,
    /// Commits so far.
    pub count: AtomicU32,
    /// Told when the process would be dead.
    pub died: Notify,
    /// Ids of tasks and messages whose rows cannot be read.
    pub damaged: Mutex<BTreeSet<String>>,
    /// What was claimed, in order.
    pub claimed: Mutex<Vec<JobKind>>,
}

impl FaultyStore {
    /// Faults at the commit with this number, from 1; 0 never faults.
    pub fn new(inner: Arc<dyn Store>, fault: Fault, at: u32) -> Arc<Self> {
        Self::under(inner, Arc::new(Calm), fault, at)
    }

    /// The same under a weather.
    pub fn under(
        inner: Arc<dyn Store>,
        weather: Arc<dyn Weather>,
        fault: Fault,
        at: u32,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner,
            weather,
            fault,
            at,
            count: AtomicU32::new(0),
            died: Notify::new(),
            damaged: Mutex::default(),
            claimed: Mutex::default(),
        })
    }

    fn read(&self, table: &'static str, id: &str) -> Result<(), StoreError> {
        if self.damaged.lock().unwrap().contains(id) {
            return Err(StoreError::Corrupt {
                table,
                column: "state",
                row: id.to_owned(),
            });
        }
        Ok(())
    }

    async fn around(
        &self,
        commit: impl Future<Output = Result<Committed, StoreError>>,
    ) -> Result<Committed, StoreError> {
        if self.fault == Fault::ClaimLost
            || self.count.fetch_add(1, Ordering::SeqCst) + 1 != self.at
        {
            return commit.await;
        }
        self.meet(self.fault, commit).await
    }

    /// A call that meets a fault.
    async fn meet<T>(
        &self,
        fault: Fault,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match fault {
            Fault::DieBefore | Fault::ClaimLost => {}
            Fault::DieAfter => {
                call.await?;
            }
            Fault::ErrorBefore => return Err(away()),
            Fault::ErrorAfter => {
                call.await?;
                return Err(away());
            }
        }
        self.died.notify_one();
        std::future::pending().await
    }

    /// Sends a call through the weather.
    async fn send<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = match self.weather.going(verb).await {
            None => call.await,
            Some(fault) => self.meet(fault, call).await,
        };
        self.weather.coming(verb, answer.as_ref().err()).await;
        answer
    }
}

#[async_trait]
impl Commits for FaultyStore {
    async fn append(&self, commit: Append) -> Result<Committed, StoreError> {
        self.send("append", self.around(self.inner.append(commit)))
            .await
    }
    async fn transition(&self, commit: Transition) -> Result<Committed, StoreError> {
        self.send("transition", self.around(self.inner.transition(commit)))
            .await
    }
}

#[async_trait]
impl Tasks for FaultyStore {
    async fn submit(&self, task: NewTask) -> Result<Submitted, StoreError> {
        self.inner.submit(task).await
    }
    async fn find_task(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        self.read("task", task.as_str())?;
        self.send("find_task", self.inner.find_task(tenant, task))
            .await
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
        self.send(
            "events_after",
            self.inner.events_after(tenant, task, after, limit),
        )
        .await
    }
    async fn step_events_after(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        step: Option<&StepId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        self.send(
            "step_events_after",
            self.inner
                .step_events_after(tenant, task, step, after, limit),
        )
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
        self.read("delivery", delivery.as_str())?;
        self.send("find_delivery", self.inner.find_delivery(tenant, delivery))
            .await
    }
}

#[async_trait]
impl Jobs for FaultyStore {
    async fn begin(&self, worker: &WorkerName) -> Result<Incarnation, StoreError> {
        self.send("begin", self.inner.begin(worker)).await
    }
    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError> {
        self.send("heartbeat", self.inner.heartbeat(who, lease_ms))
            .await
    }
    fn weigh(&self, tenant: &TenantId, weight: u32) {
        self.inner.weigh(tenant, weight);
    }
    async fn claim(
        &self,
        who: &Incarnation,
        lease_ms: u64,
        room: &Room,
    ) -> Result<Vec<Claim>, StoreError> {
        let claim = self.inner.claim(who, lease_ms, room);
        let claimed = self.send("claim", claim).await?;
        let lost = self.fault == Fault::ClaimLost
            && !claimed.is_empty()
            && self.count.fetch_add(1, Ordering::SeqCst) + 1 == self.at;
        if lost {
            return Err(away());
        }
        let kinds = claimed.iter().map(|claim| claim.kind);
        self.claimed.lock().unwrap().extend(kinds);
        Ok(claimed)
    }
    async fn release(&self, guard: &Guard, how: Release) -> Result<(), StoreError> {
        self.send("release", self.inner.release(guard, how)).await
    }
    async fn reap(&self, lease_ms: u64) -> Result<u64, StoreError> {
        self.send("reap", self.inner.reap(lease_ms)).await
    }
    async fn held(&self, who: &Incarnation) -> Result<Vec<Claim>, StoreError> {
        self.send("held", self.inner.held(who)).await
    }
    async fn lost(&self, held: &[(JobId, Fence)]) -> Result<Vec<JobId>, StoreError> {
        self.send("lost", self.inner.lost(held)).await
    }
}

#[async_trait]
impl Keys for FaultyStore {
    async fn ensure_tenant(&self, id: &TenantId, name: &str) -> Result<TenantId, StoreError> {
        self.inner.ensure_tenant(id, name).await
    }
    async fn create_key(&self, key: NewKey) -> Result<(), StoreError> {
        self.inner.create_key(key).await
    }
    async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<ApiKey>, StoreError> {
        self.inner.list_keys(tenant).await
    }
    async fn revoke_key(&self, tenant: &TenantId, key: &KeyId) -> Result<(), StoreError> {
        self.inner.revoke_key(tenant, key).await
    }
    async fn find_key(&self, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        self.inner.find_key(hash).await
    }
}

#[async_trait]
impl Health for FaultyStore {
    async fn now_ms(&self) -> Result<i64, StoreError> {
        self.inner.now_ms().await
    }
}

#[async_trait]
impl Upkeep for FaultyStore {
    async fn task_queue(&self, tenant: &TenantId, task: &TaskId) -> Result<TaskQueue, StoreError> {
        self.send("task_queue", self.inner.task_queue(tenant, task))
            .await
    }
    async fn set_aside(&self, guard: &Guard, reason: &str) -> Result<(), StoreError> {
        self.send("set_aside", self.inner.set_aside(guard, reason))
            .await
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
    async fn requeue_dead(
        &self,
        tenant: &TenantId,
        id: &DeadId,
        job: &JobId,
    ) -> Result<(), StoreError> {
        self.inner.requeue_dead(tenant, id, job).await
    }
}
