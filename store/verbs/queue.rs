//! What a commit does to jobs. Rows of `ready` and `delayed` go before their jobs, the order in which claims lock.

use agent_core::id::{DeliveryId, StepId, TaskId, TenantId};
use agent_core::job::{Guard, JobAfter, NewJob};
use agent_core::ports::store::{JobChanges, Release};
use sqlx::{query_file, query_file_scalar};
use store_records::ClaimRecord;

use super::log::Log;
use super::span_ms;
use crate::Connection;

/// What becomes of the job that a commit was made under. A job that the same commit deleted stays deleted.
pub(crate) async fn after<'a>(
    connection: &mut Connection,
    guard: &'a Guard,
    after: JobAfter,
    log: &mut Log<'a>,
) -> Result<(), sqlx::Error> {
    match after {
        JobAfter::Keep => {}
        JobAfter::Delete => log.ended.push(guard),
        JobAfter::Delay(delay_ms) => {
            let uncharged = Release {
                delay_ms,
                charged: false,
            };
            release(connection, guard, uncharged).await?;
        }
        JobAfter::Park => {
            give_back(connection, guard, false, None).await?;
        }
    }
    Ok(())
}

/// Gives a held job back to the queue. Says whether it was held.
pub(crate) async fn release(
    connection: &mut Connection,
    guard: &Guard,
    how: Release,
) -> Result<bool, sqlx::Error> {
    let wait = (how.delay_ms > 0).then(|| span_ms(how.delay_ms));
    let Some(run_at_ms) = give_back(connection, guard, how.charged, wait).await? else {
        return Ok(false);
    };
    enqueue(connection, &guard.tenant, guard.job.as_str(), run_at_ms).await?;
    Ok(true)
}

/// Ends a hold. `None` when there was none, otherwise when the job is due, if a time was given.
async fn give_back(
    connection: &mut Connection,
    guard: &Guard,
    charged: bool,
    wait_ms: Option<i64>,
) -> Result<Option<Option<i64>>, sqlx::Error> {
    query_file_scalar!(
        "../queries/job/give_back.sql",
        guard.tenant.as_str(),
        guard.task.as_str(),
        guard.job.as_str(),
        guard.fence.0,
        i64::from(charged),
        wait_ms
    )
    .fetch_optional(connection)
    .await
}

/// Parks a job whose row cannot be read, and so has no guard.
pub(crate) async fn set_aside(
    connection: &mut Connection,
    row: &ClaimRecord,
) -> Result<(), sqlx::Error> {
    query_file_scalar!(
        "../queries/job/give_back.sql",
        row.tenant_id.as_str(),
        row.task_id.as_str(),
        row.id.as_str(),
        row.fence,
        0,
        None::<i64>
    )
    .fetch_optional(connection)
    .await?;
    Ok(())
}

/// Makes a job that nobody holds claimable, now or from `run_at_ms` on, which its row already says.
async fn enqueue(
    connection: &mut Connection,
    tenant: &TenantId,
    job: &str,
    run_at_ms: Option<i64>,
) -> Result<(), sqlx::Error> {
    if let Some(run_at_ms) = run_at_ms {
        query_file!(
            "../queries/job/insert_delayed.sql",
            run_at_ms,
            job,
            tenant.as_str()
        )
        .execute(connection)
        .await?;
    } else {
        query_file!("../queries/job/insert_ready.sql", tenant.as_str(), job)
            .execute(connection)
            .await?;
    }
    Ok(())
}

pub(crate) async fn create(
    connection: &mut Connection,
    (tenant, task): (&TenantId, &TaskId),
    job: &NewJob,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let run_at_ms = (job.delay_ms > 0).then(|| now_ms + span_ms(job.delay_ms));
    query_file!(
        "../queries/job/insert.sql",
        tenant.as_str(),
        task.as_str(),
        job.id.as_str(),
        job.kind.label(),
        job.step.as_ref().map(StepId::as_str),
        job.delivery.as_ref().map(DeliveryId::as_str),
        run_at_ms,
        now_ms
    )
    .execute(&mut *connection)
    .await?;
    enqueue(connection, tenant, job.id.as_str(), run_at_ms).await
}

/// What a transition changes about the task's other jobs. New ones come last, so nothing here touches them.
pub(crate) async fn change(
    connection: &mut Connection,
    (tenant, task): (&TenantId, &TaskId),
    changes: &JobChanges,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let (owner, id) = (tenant.as_str(), task.as_str());
    if changes.delete_work {
        query_file!("../queries/job/unqueue_work_ready.sql", owner, id)
            .execute(&mut *connection)
            .await?;
        query_file!("../queries/job/unqueue_work_delayed.sql", owner, id)
            .execute(&mut *connection)
            .await?;
        query_file!("../queries/job/delete_work.sql", owner, id)
            .execute(&mut *connection)
            .await?;
    }
    for step in &changes.delete_steps {
        delete_step(connection, (owner, id), step.as_str()).await?;
    }
    if changes.wake {
        query_file!("../queries/job/unqueue_work_delayed.sql", owner, id)
            .execute(&mut *connection)
            .await?;
        query_file!("../queries/job/wake_ready.sql", owner, id)
            .execute(&mut *connection)
            .await?;
        query_file!("../queries/job/wake_jobs.sql", owner, id)
            .execute(&mut *connection)
            .await?;
    }
    for job in &changes.create {
        create(connection, (tenant, task), job, now_ms).await?;
    }
    Ok(())
}

async fn delete_step(
    connection: &mut Connection,
    (owner, task): (&str, &str),
    step: &str,
) -> Result<(), sqlx::Error> {
    query_file!("../queries/job/unqueue_step_ready.sql", owner, task, step)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/job/unqueue_step_delayed.sql", owner, task, step)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/job/delete_step.sql", owner, task, step)
        .execute(&mut *connection)
        .await?;
    Ok(())
}
