//! Reads of tasks and their logs. Writers never wait for them.

use agent_core::delivery::Delivery;
use agent_core::event::Event;
use agent_core::id::{DeliveryId, StepId, TaskId, TenantId};
use agent_core::ports::store::{Artifact, NewTask, StoreError, Submitted, TaskQuery, Tasks};
use agent_core::task::Task;
use async_trait::async_trait;
use sqlx::query_file_as;
use store_records::{ArtifactRecord, DeliveryRecord, EventRecord, TaskRecord};

use super::Core;
use super::failure::Failure;
use super::group::{Done, Work};
use crate::Store;

/// Sorts after every id: the cursor of a first page.
const AFTER_ALL: &str = "~";

#[async_trait]
impl Tasks for Store {
    async fn submit(&self, task: NewTask) -> Result<Submitted, StoreError> {
        match self.core.commit(Work::Submit(task)).await? {
            Done::Submitted(submitted) => Ok(submitted),
            Done::Committed(_) | Done::Finished | Done::Claimed(_) => {
                unreachable!("a submit is answered as a submit")
            }
        }
    }

    async fn find_task(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        let core = &self.core;
        core.within(find_task(core, tenant, task)).await
    }

    async fn list_tasks(
        &self,
        tenant: &TenantId,
        query: &TaskQuery,
    ) -> Result<Vec<Task>, StoreError> {
        let core = &self.core;
        core.within(list_tasks(core, tenant, query)).await
    }

    async fn events_after(
        &self,
        tenant: &TenantId,
        task: &TaskId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let core = &self.core;
        core.within(async {
            let rows = query_file_as!(
                EventRecord,
                "../queries/task/events.sql",
                tenant.as_str(),
                task.as_str(),
                after,
                i64::from(limit)
            )
            .fetch_all(&mut *core.reader().await?)
            .await?;
            all(rows)
        })
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
        let core = &self.core;
        let rows = async {
            let mut reader = core.reader().await?;
            let (tenant, task, limit) = (tenant.as_str(), task.as_str(), i64::from(limit));
            let rows = if let Some(step) = step {
                let step = step.as_str();
                query_file_as!(
                    EventRecord,
                    "../queries/task/events_of_step.sql",
                    tenant,
                    task,
                    step,
                    after,
                    limit
                )
                .fetch_all(&mut *reader)
                .await?
            } else {
                query_file_as!(
                    EventRecord,
                    "../queries/task/events_of_no_step.sql",
                    tenant,
                    task,
                    after,
                    limit
                )
                .fetch_all(&mut *reader)
                .await?
            };
            all(rows)
        };
        core.within(rows).await
    }

    async fn artifacts(
        &self,
        tenant: &TenantId,
        task: &TaskId,
    ) -> Result<Vec<Artifact>, StoreError> {
        let core = &self.core;
        core.within(async {
            let rows = query_file_as!(
                ArtifactRecord,
                "../queries/task/artifacts.sql",
                tenant.as_str(),
                task.as_str()
            )
            .fetch_all(&mut *core.reader().await?)
            .await?;
            all(rows)
        })
        .await
    }

    async fn find_delivery(
        &self,
        tenant: &TenantId,
        delivery: &DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let core = &self.core;
        core.within(async {
            let row = query_file_as!(
                DeliveryRecord,
                "../queries/task/delivery.sql",
                tenant.as_str(),
                delivery.as_str()
            )
            .fetch_optional(&mut *core.reader().await?)
            .await?;
            Ok(row.map(Delivery::try_from).transpose()?)
        })
        .await
    }
}

/// Turns rows into what they mean.
fn all<T, R: TryInto<T, Error = StoreError>>(rows: Vec<R>) -> Result<Vec<T>, Failure> {
    let read: Result<Vec<T>, StoreError> = rows.into_iter().map(R::try_into).collect();
    Ok(read?)
}

/// The task and its steps as of one moment.
async fn find_task(core: &Core, tenant: &TenantId, task: &TaskId) -> Result<Option<Task>, Failure> {
    let row = query_file_as!(
        TaskRecord,
        "queries/task/find.sql",
        tenant.as_str(),
        task.as_str()
    )
    .fetch_optional(&mut *core.reader().await?)
    .await?;
    Ok(row.map(TaskRecord::into_task).transpose()?)
}

async fn list_tasks(
    core: &Core,
    tenant: &TenantId,
    query: &TaskQuery,
) -> Result<Vec<Task>, Failure> {
    let mut reader = core.reader().await?;
    let before = query.before.as_ref().map_or(AFTER_ALL, TaskId::as_str);
    let limit = i64::from(query.limit);
    let rows = if let Some(state) = query.state {
        query_file_as!(
            TaskRecord,
            "../queries/task/list_in_state.sql",
            tenant.as_str(),
            before,
            limit,
            state.label()
        )
        .fetch_all(&mut *reader)
        .await?
    } else {
        query_file_as!(
            TaskRecord,
            "../queries/task/list.sql",
            tenant.as_str(),
            before,
            limit
        )
        .fetch_all(&mut *reader)
        .await?
    };
    let tasks = rows.into_iter().map(TaskRecord::into_task);
    let tasks: Result<Vec<Task>, StoreError> = tasks.collect();
    Ok(tasks?)
}
