//! Submitting and reading: tasks, their logs, artifacts and messages.

use agent_core::budget::Spend;
use agent_core::delivery::Delivery;
use agent_core::event::Event;
use agent_core::id::{DeliveryId, StepId, TaskId, TenantId};
use agent_core::ports::store::{
    Artifact, Idempotency, NewTask, StoreError, Submitted, TaskQuery, Tasks,
};
use agent_core::task::{Task, TaskState};
use async_trait::async_trait;

use crate::MemoryStore;
use crate::rows::{State, TaskRow};

#[async_trait]
impl Tasks for MemoryStore {
    async fn submit(&self, task: NewTask) -> Result<Submitted, StoreError> {
        let created = submit(&mut self.lock(), task, self.now())?;
        if created == Submitted::Created {
            self.hint_jobs();
            self.hint_logs();
        }
        Ok(created)
    }

    async fn find_task(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        let read_at_ms = self.now();
        Ok(self.lock().task(tenant, task).map(|row| Task {
            read_at_ms,
            ..row.task.clone()
        }))
    }

    async fn list_tasks(
        &self,
        tenant: &TenantId,
        query: &TaskQuery,
    ) -> Result<Vec<Task>, StoreError> {
        let read_at_ms = self.now();
        let state = self.lock();
        let wanted = state
            .tasks
            .values()
            .rev()
            .map(|row| &row.task)
            .filter(|task| {
                task.tenant == *tenant
                    && query.state.is_none_or(|state| task.state == state)
                    && query.before.as_ref().is_none_or(|before| task.id < *before)
            });
        let page = wanted.take(as_len(query.limit)).map(|task| Task {
            read_at_ms,
            steps: Vec::new(),
            ..task.clone()
        });
        Ok(page.collect())
    }

    async fn events_after(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        Ok(events(&self.lock(), tenant, task, limit, |event| {
            event.seq > after
        }))
    }

    async fn step_events_after(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        step: Option<&StepId>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        Ok(events(&self.lock(), tenant, task, limit, |event| {
            event.seq > after && event.step.as_ref() == step
        }))
    }

    async fn artifacts(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Artifact>, StoreError> {
        let state = self.lock();
        let row = state.task(tenant, task);
        Ok(row.map_or_else(Vec::new, |row| row.artifacts.values().cloned().collect()))
    }

    async fn find_delivery(
        &self,
        tenant: &TenantId,
        delivery: &DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        Ok(find_delivery(&self.lock(), tenant, delivery))
    }
}

fn as_len(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn events(
    state: &State,
    tenant: &TenantId,
    task: &TaskId,
    limit: u32,
    is_wanted: impl Fn(&Event) -> bool,
) -> Vec<Event> {
    let Some(row) = state.task(tenant, task) else {
        return Vec::new();
    };
    let wanted = row.events.iter().filter(|event| is_wanted(event));
    wanted.take(as_len(limit)).cloned().collect()
}

fn find_delivery(state: &State, tenant: &TenantId, delivery: &DeliveryId) -> Option<Delivery> {
    let row = state.deliveries.get(delivery)?;
    let webhook = state.webhooks.get(&row.message.webhook)?;
    (row.tenant == *tenant).then(|| Delivery {
        id: row.message.id.clone(),
        url: webhook.url.clone(),
        secret: webhook.secret.clone(),
        webhook: webhook.id.clone(),
        kind: row.message.kind.clone(),
        body: row.message.body.clone(),
        attempts: row.attempts,
    })
}

fn earlier_submit(state: &State, tenant: &TenantId, repeat: &Idempotency) -> Option<Submitted> {
    let (request, task) = state.submits.get(&(tenant.clone(), repeat.key.clone()))?;
    Some(if *request == repeat.request {
        Submitted::Replayed(task.clone())
    } else {
        Submitted::Mismatch
    })
}

fn submit(state: &mut State, new: NewTask, now: i64) -> Result<Submitted, StoreError> {
    if let Some(repeat) = new.idempotency {
        if let Some(earlier) = earlier_submit(state, &new.tenant, &repeat) {
            return Ok(earlier);
        }
        state.check_blobs(&new.tenant, &new.blobs)?;
        state.submits.insert(
            (new.tenant.clone(), repeat.key),
            (repeat.request, new.id.clone()),
        );
    }
    state.check_blobs(&new.tenant, &new.blobs)?;
    let webhook = new.webhook.map(|webhook| {
        let id = webhook.id.clone();
        state.webhooks.insert(id.clone(), webhook);
        id
    });
    state.name_blobs((&new.tenant, &new.id), new.blobs);
    state.add_job((&new.tenant, &new.id), new.job, (None, None), now);
    let mut row = TaskRow {
        task: Task {
            id: new.id.clone(),
            tenant: new.tenant,
            state: TaskState::Queued,
            waiting: None,
            version: 1,
            seq: 0,
            engine: new.engine,
            title: new.title,
            metadata: new.metadata,
            priority: new.priority,
            spec: new.spec,
            result: None,
            error: None,
            budget: new.budget,
            spent: Spend::default(),
            running_since_ms: None,
            plan_version: 0,
            replans: 0,
            webhook,
            created_at_ms: now,
            updated_at_ms: now,
            finished_at_ms: None,
            steps: Vec::new(),
            read_at_ms: now,
        },
        events: Vec::new(),
        artifacts: std::collections::BTreeMap::new(),
    };
    row.push(vec![new.event], now);
    state.tasks.insert(new.id, row);
    Ok(Submitted::Created)
}
