//! Looking into the queue, and the dead letters: what was set aside for good, and how it comes back.
//!
//! A dead letter is a row beside the job or message that it is about; the job itself is parked. Its row goes before the
//! job's, in the same transaction, so that of two who requeue it one finds nothing.

use agent_core::id::{JobId, TaskId, TenantId};
use agent_core::job::{Guard, NewJob};
use agent_core::ports::store::StoreError;
use agent_core::ports::upkeep::Upkeep;
use agent_core::queue::{
    DeadId, DeadKind, DeadLetter, DeadQuery, OpenCall, Quarantine, QueuedJob, TaskQueue,
};
use async_trait::async_trait;
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{
    ClaimRecord, DeadRecord, GivenUpRecord, OpenCallRecord, QueuedRecord, RemovedRecord,
    log_column, plain,
};

use super::failure::Failure;
use super::{Core, append, now_ms, queue};
use crate::{Connection, Store};

/// Sorts after every id: the cursor of a first page.
const AFTER_ALL: &str = "~";

#[async_trait]
impl Upkeep for Store {
    async fn task_queue(&self, tenant: &TenantId, task: &TaskId) -> Result<TaskQueue, StoreError> {
        let core = &self.core;
        core.within(task_queue(core, tenant, task)).await
    }

    async fn list_dead(
        &self,
        tenant: &TenantId,
        query: &DeadQuery,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let core = &self.core;
        core.within(list(core, tenant, query)).await
    }

    async fn find_dead(
        &self,
        tenant: &TenantId,
        id: &DeadId,
    ) -> Result<Option<DeadLetter>, StoreError> {
        let core = &self.core;
        core.within(async {
            let row = query_file_as!(
                DeadRecord,
                "../queries/dead/find.sql",
                tenant.as_str(),
                id.as_str()
            )
            .fetch_optional(&mut *core.reader().await?)
            .await?;
            Ok(row.map(DeadLetter::try_from).transpose()?)
        })
        .await
    }

    async fn set_aside(&self, guard: &Guard, reason: &str) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(set_aside(core, guard, reason)).await
    }

    async fn requeue_dead(
        &self,
        tenant: &TenantId,
        id: &DeadId,
        job: &JobId,
    ) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(requeue(core, tenant, id, job)).await?;
        core.hints.jobs();
        Ok(())
    }
}

/// The jobs and the workers as of one moment.
async fn task_queue(core: &Core, tenant: &TenantId, task: &TaskId) -> Result<TaskQueue, Failure> {
    let mut tx = core.snapshot().await?;
    let rows = query_file_as!(
        QueuedRecord,
        "../queries/job/of_task.sql",
        tenant.as_str(),
        task.as_str()
    )
    .fetch_all(&mut *tx)
    .await?;
    let heartbeat_at_ms = query_file_scalar!("../queries/worker/heard.sql")
        .fetch_one(&mut *tx)
        .await?;
    let calls = query_file_as!(
        OpenCallRecord,
        "../queries/task/open_calls.sql",
        tenant.as_str(),
        task.as_str()
    )
    .fetch_all(&mut *tx)
    .await?;
    let given_up = query_file_as!(
        GivenUpRecord,
        "../queries/dead/messages_of_task.sql",
        tenant.as_str(),
        task.as_str()
    )
    .fetch_all(&mut *tx)
    .await?;
    let read_at_ms = now_ms(&mut tx).await?;
    tx.rollback().await?;
    let jobs: Result<Vec<QueuedJob>, StoreError> =
        rows.into_iter().map(QueuedJob::try_from).collect();
    let calls: Result<Vec<OpenCall>, StoreError> =
        calls.into_iter().map(OpenCall::try_from).collect();
    let given_up: Result<Vec<_>, StoreError> = given_up.iter().map(GivenUpRecord::read).collect();
    Ok(TaskQueue {
        jobs: jobs?,
        calls: calls?,
        given_up: given_up?,
        heartbeat_at_ms,
        read_at_ms,
    })
}

async fn list(
    core: &Core,
    tenant: &TenantId,
    query: &DeadQuery,
) -> Result<Vec<DeadLetter>, Failure> {
    // Everything before a time is everything before the lowest id at that time.
    let mut from = (i64::MAX, AFTER_ALL);
    if let Some(before_ms) = query.before_ms {
        from = (before_ms, "");
    }
    if let Some((since_ms, id)) = &query.after {
        from = from.min((*since_ms, id.as_str()));
    }
    let (tenant, limit) = (tenant.as_str(), i64::from(query.limit));
    let mut reader = core.reader().await?;
    let rows = if let Some(kind) = query.kind {
        query_file_as!(
            DeadRecord,
            "../queries/dead/list_of_kind.sql",
            tenant,
            from.0,
            from.1,
            limit,
            kind.label()
        )
        .fetch_all(&mut *reader)
        .await?
    } else {
        query_file_as!(
            DeadRecord,
            "../queries/dead/list.sql",
            tenant,
            from.0,
            from.1,
            limit
        )
        .fetch_all(&mut *reader)
        .await?
    };
    let letters: Result<Vec<DeadLetter>, StoreError> =
        rows.into_iter().map(DeadLetter::try_from).collect();
    Ok(letters?)
}

async fn set_aside(core: &Core, guard: &Guard, reason: &str) -> Result<(), Failure> {
    let mut tx = core.writer().await?;
    if !queue::park(&mut tx, guard, &core.turns).await? {
        tx.rollback().await?;
        return Err(append::stale(guard).into());
    }
    let names = (
        guard.tenant.as_str(),
        guard.task.as_str(),
        guard.job.as_str(),
    );
    add_job(&mut tx, names, DeadKind::Unreadable, (reason, &[])).await?;
    Ok(tx.commit().await?)
}

async fn requeue(core: &Core, tenant: &TenantId, id: &DeadId, job: &JobId) -> Result<(), Failure> {
    let mut tx = core.writer().await?;
    let removed = remove(&mut tx, tenant, id.as_str()).await?;
    let removed = removed.ok_or(StoreError::NotFound)?;
    let (kind, task) = removed.read(id.as_str())?;
    match (kind, id) {
        (DeadKind::Unreadable, DeadId::Job(own)) => {
            revive(&mut tx, (tenant, &task), own).await?;
        }
        (DeadKind::Delivery, DeadId::Delivery(message)) => {
            query_file!(
                "../queries/dead/revive_delivery.sql",
                tenant.as_str(),
                task.as_str(),
                message.as_str()
            )
            .execute(&mut *tx)
            .await?;
            let job = NewJob::deliver(job.clone(), message.clone());
            let made = queue::Made {
                owner: (tenant, &task),
                job: &job,
                parent: None,
                to: None,
                now_ms: now_ms(&mut tx).await?,
            };
            queue::create(&mut tx, &[made], &core.turns).await?;
        }
        // A job that a commit set aside comes back by a commit, and a row whose id and kind differ means nothing.
        (DeadKind::Job | DeadKind::Unreadable | DeadKind::Delivery, _) => {
            tx.rollback().await?;
            return Err(StoreError::NotFound.into());
        }
    }
    Ok(tx.commit().await?)
}

async fn remove(
    connection: &mut Connection,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<RemovedRecord>, sqlx::Error> {
    query_file_as!(
        RemovedRecord,
        "../queries/dead/remove.sql",
        tenant.as_str(),
        id
    )
    .fetch_optional(connection)
    .await
}

async fn revive(
    connection: &mut Connection,
    (tenant, task): (&TenantId, &TaskId),
    job: &JobId,
) -> Result<(), sqlx::Error> {
    query_file!(
        "../queries/dead/revive_job.sql",
        tenant.as_str(),
        task.as_str(),
        job.as_str()
    )
    .execute(&mut *connection)
    .await?;
    query_file!(
        "../queries/job/insert_ready.sql",
        tenant.as_str(),
        job.as_str()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Requeues a dead letter in the commit that moves its task, if it still is one.
pub(crate) async fn requeue_in_commit(
    connection: &mut Connection,
    owner: (&TenantId, &TaskId),
    job: &JobId,
) -> Result<(), sqlx::Error> {
    if remove(connection, owner.0, job.as_str()).await?.is_some() {
        revive(connection, owner, job).await?;
    }
    Ok(())
}

/// Makes the job of a commit a dead letter.
pub(crate) async fn quarantine(
    connection: &mut Connection,
    guard: &Guard,
    found: &Quarantine,
) -> Result<(), sqlx::Error> {
    add_job(
        connection,
        (
            guard.tenant.as_str(),
            guard.task.as_str(),
            guard.job.as_str(),
        ),
        DeadKind::Job,
        (&found.reason, &found.events),
    )
    .await
}

/// Makes a job whose row cannot be read a dead letter.
pub(crate) async fn unreadable(
    connection: &mut Connection,
    row: &ClaimRecord,
    reason: &str,
) -> Result<(), sqlx::Error> {
    let names = (
        row.tenant_id.as_str(),
        row.task_id.as_str(),
        row.id.as_str(),
    );
    add_job(connection, names, DeadKind::Unreadable, (reason, &[])).await
}

async fn add_job(
    connection: &mut Connection,
    (tenant, task, job): (&str, &str, &str),
    kind: DeadKind,
    (reason, events): (&str, &[i64]),
) -> Result<(), sqlx::Error> {
    query_file!(
        "../queries/dead/add_job.sql",
        tenant,
        task,
        job,
        kind.label(),
        &*plain(reason),
        log_column(events)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes a message that a commit gives up a dead letter.
pub(crate) async fn abandoned(
    connection: &mut Connection,
    guard: &Guard,
    message: &agent_core::delivery::DeliveryPatch,
    seq: i64,
) -> Result<(), sqlx::Error> {
    let reason = message.error.as_deref().unwrap_or("no receiver took it");
    query_file!(
        "../queries/dead/add_delivery.sql",
        guard.tenant.as_str(),
        guard.task.as_str(),
        message.id.as_str(),
        log_column(&[seq]),
        &*plain(reason),
        guard.job.as_str()
    )
    .execute(connection)
    .await?;
    Ok(())
}
