//! What a commit does to jobs. Rows of `ready` and `delayed` go before their jobs, the order in which claims lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use agent_core::id::{DeliveryId, JobId, StepId, TaskId, TenantId};
use agent_core::job::{Guard, Incarnation, JobAfter, NewJob};
use agent_core::ports::store::{JobChanges, Release, StoreError};
use agent_core::turns::{Line, Turn, Turns};
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{ClaimRecord, GivenBackRecord, NewJobRow};

use super::log::Log;
use super::{array_of, span_ms, upkeep};
use crate::{Connection, dialect};

/// A job to be made.
pub(crate) struct Made<'a> {
    pub owner: (&'a TenantId, &'a TaskId),
    pub job: &'a NewJob,
    /// The job in whose course it is made; it inherits its turn.
    pub parent: Option<&'a JobId>,
    /// Who would go on with it at once.
    pub to: Option<&'a Incarnation>,
    pub now_ms: i64,
}

pub(crate) fn locked(turns: &Mutex<Turns>) -> MutexGuard<'_, Turns> {
    // What a panic leaves behind is at most a turn that was not noted.
    turns.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What becomes of the job that a commit was made under. A job that the same commit deleted stays deleted.
pub(crate) async fn after<'a>(
    connection: &mut Connection,
    guard: &'a Guard,
    after: JobAfter,
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<(), sqlx::Error> {
    match after {
        JobAfter::Keep => {}
        JobAfter::Delete => log.ended.push(guard),
        JobAfter::Delay(delay_ms) => {
            let uncharged = Release {
                delay_ms,
                charged: false,
            };
            release(connection, guard, uncharged, turns).await?;
        }
        JobAfter::Park => {
            park(connection, guard, turns).await?;
        }
    }
    Ok(())
}

/// Ends the hold of a job that stays aside. Says whether it was held.
pub(crate) async fn park(
    connection: &mut Connection,
    guard: &Guard,
    turns: &Mutex<Turns>,
) -> Result<bool, sqlx::Error> {
    let given = give_back(connection, guard, (false, None), turns).await?;
    Ok(given.is_some())
}

/// Gives a held job back to the queue. Says whether it was held.
pub(crate) async fn release(
    connection: &mut Connection,
    guard: &Guard,
    how: Release,
    turns: &Mutex<Turns>,
) -> Result<bool, sqlx::Error> {
    let wait = (how.delay_ms > 0).then(|| span_ms(how.delay_ms));
    let given = give_back(connection, guard, (how.charged, wait), turns).await?;
    let Some(row) = given else {
        return Ok(false);
    };
    enqueue(connection, &guard.tenant, guard.job.as_str(), row.run_at_ms).await?;
    Ok(true)
}

/// Ends a hold. `None` when there was none. A job that waits for a time lines up anew when that has come.
async fn give_back(
    connection: &mut Connection,
    guard: &Guard,
    (charged, wait_ms): (bool, Option<i64>),
    turns: &Mutex<Turns>,
) -> Result<Option<GivenBackRecord>, sqlx::Error> {
    let last = locked(turns).before_next(&guard.tenant, Line::Returning);
    let given = query_file_as!(
        GivenBackRecord,
        "../queries/job/give_back.sql",
        guard.tenant.as_str(),
        guard.task.as_str(),
        guard.job.as_str(),
        guard.fence.0,
        i64::from(charged),
        wait_ms,
        last
    )
    .fetch_optional(connection)
    .await?;
    if let Some(row) = given.as_ref().filter(|_| wait_ms.is_some()) {
        let turn = Turn {
            tag: row.tag,
            behind: row.behind,
        };
        locked(turns).given(&guard.tenant, Line::Returning, turn);
    }
    Ok(given)
}

/// Makes a job whose row cannot be read, and so has no guard, a dead letter.
pub(crate) async fn set_aside(
    connection: &mut Connection,
    row: &ClaimRecord,
    error: &StoreError,
) -> Result<(), sqlx::Error> {
    query_file_as!(
        GivenBackRecord,
        "../queries/job/give_back.sql",
        row.tenant_id.as_str(),
        row.task_id.as_str(),
        row.id.as_str(),
        row.fence,
        0,
        None::<i64>,
        0
    )
    .fetch_optional(&mut *connection)
    .await?;
    upkeep::unreadable(connection, row, &error.to_string()).await
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

/// Makes jobs, each with its place in the queue. Says which were handed over instead.
pub(crate) async fn create(
    connection: &mut Connection,
    made: &[Made<'_>],
    turns: &Mutex<Turns>,
) -> Result<Vec<String>, sqlx::Error> {
    if made.is_empty() {
        return Ok(Vec::new());
    }
    let latest = query_file_scalar!("../queries/job/turn.sql")
        .fetch_one(&mut *connection)
        .await?;
    let rows = array_of(made, |one| placed(one, latest, turns))?;
    dialect::insert_jobs(connection, &rows).await
}

/// A job with its turn. What it inherits, if it does, is in its parent's row.
fn placed<'a>(made: &Made<'a>, latest: i64, turns: &Mutex<Turns>) -> NewJobRow<'a> {
    let ((tenant, task), job) = (made.owner, made.job);
    let mut turns = locked(turns);
    let turn = turns.next(tenant, Line::New, latest);
    if made.parent.is_some() {
        turns.charge(tenant);
    } else {
        turns.given(tenant, Line::New, turn);
    }
    NewJobRow {
        tenant_id: tenant.as_str(),
        task_id: task.as_str(),
        id: job.id.as_str(),
        kind: job.kind.label(),
        step_id: job.step.as_ref().map(StepId::as_str),
        delivery_id: job.delivery.as_ref().map(DeliveryId::as_str),
        priority: job.priority.rank(),
        run_at_ms: (job.delay_ms > 0).then(|| made.now_ms + span_ms(job.delay_ms)),
        created_at_ms: made.now_ms,
        parent_id: made.parent.map(JobId::as_str),
        vtag: turn.tag,
        behind: turn.behind,
        worker_name: made.to.map(|to| to.worker.0.as_str()),
        worker_epoch: made.to.map(|to| to.epoch),
    }
}

/// What a transition changes about the task's other jobs. New ones are made afterwards, so nothing here touches them.
pub(crate) async fn change(
    connection: &mut Connection,
    (tenant, task): (&TenantId, &TaskId),
    changes: &JobChanges,
) -> Result<(), sqlx::Error> {
    let (owner, id) = (tenant.as_str(), task.as_str());
    if changes.delete_work {
        query_file!("../queries/job/unqueue_work_ready.sql", owner, id)
            .execute(&mut *connection)
            .await?;
        query_file!("../queries/job/unqueue_work_delayed.sql", owner, id)
            .execute(&mut *connection)
            .await?;
        query_file!("../queries/dead/remove_work.sql", owner, id)
            .execute(&mut *connection)
            .await?;
        if changes.stop_held {
            query_file!("../queries/job/stop_held.sql", owner, id)
                .execute(&mut *connection)
                .await?;
        }
        query_file!("../queries/job/delete_work.sql", owner, id)
            .execute(&mut *connection)
            .await?;
    }
    for step in &changes.take_back {
        take_back(connection, (owner, id), step.as_str()).await?;
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
    if let Some(job) = &changes.requeue {
        upkeep::requeue_in_commit(connection, (tenant, task), job).await?;
    }
    Ok(())
}

async fn take_back(
    connection: &mut Connection,
    (owner, task): (&str, &str),
    step: &str,
) -> Result<(), sqlx::Error> {
    query_file!("../queries/job/unqueue_step_delayed.sql", owner, task, step)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/job/take_back_ready.sql", owner, task, step)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/dead/remove_step.sql", owner, task, step)
        .execute(&mut *connection)
        .await?;
    query_file!("../queries/job/take_back_jobs.sql", owner, task, step)
        .execute(&mut *connection)
        .await?;
    Ok(())
}
