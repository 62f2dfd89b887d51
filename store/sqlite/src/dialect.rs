//! The verbs in which SQLite differs from PostgreSQL. There is one writer, so nothing has to be locked or skipped, and
//! statements in one transaction can repeat each other's choice of rows.

use std::future::{Ready, ready};

use agent_core::event::EVENT_FORMAT;
use agent_core::job::{Guard, Incarnation};
use agent_core::ports::store::{Append, Room};
use serde::Deserialize;
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{ChargedRecord, ClaimRecord, HeldRecord};

use crate::Connection;
pub(crate) use crate::alone::append_alone;
use crate::verbs::append::Endings;
use crate::verbs::jobs::look;
use crate::verbs::log::{EventRow, Log, SettledRow, count};
use crate::verbs::{Work, array_of, now_ms};

/// Takes the write lock at once. A transaction that begins by reading and then writes fails without waiting when
/// another process has written in between.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
/// The same for commits, with time that does not go back behind what they will be dated.
pub(crate) const BEGIN_COMMITS: &str = include_str!("../scripts/begin_commits.sql");
/// All reads see the state at the first one.
pub(crate) const BEGIN_READ: &str = "BEGIN DEFERRED";

/// Locks what a batch of commits needs. Nothing, since nobody else writes.
pub(crate) fn prepare(
    _connection: &mut Connection,
    _works: &[&Work],
) -> Ready<Result<(), sqlx::Error>> {
    ready(Ok(()))
}

/// Charges the tasks of appends whose guards hold. No two are about one task.
pub(crate) async fn charge(
    connection: &mut Connection,
    commits: &[&Append],
) -> Result<Vec<ChargedRecord>, sqlx::Error> {
    let wanted = array_of(commits, |one| {
        let (guard, charge) = (&one.guard, &one.charge);
        (
            guard.tenant.as_str(),
            guard.task.as_str(),
            guard.job.as_str(),
            guard.fence.0,
            count(&one.events),
            charge.model_calls,
            charge.tool_calls,
            charge.tokens,
            charge.wall_ms,
        )
    })?;
    query_file_as!(ChargedRecord, "queries/commit/append_many.sql", wanted)
        .fetch_all(connection)
        .await
}

/// Ends jobs without a transaction round it, if that is possible. It is not here: the time that is given out is noted too.
pub(crate) fn finish_alone(
    _connection: &mut Connection,
    _guards: &[&Guard],
) -> Ready<Result<Option<Endings>, sqlx::Error>> {
    ready(Ok(None))
}

/// Deletes jobs that are held under these fences. Says which.
pub(crate) async fn finish(
    connection: &mut Connection,
    guards: &[&Guard],
) -> Result<Vec<String>, sqlx::Error> {
    let jobs = array_of(guards, |guard| held_by(guard))?;
    query_file_scalar!("queries/job/finish.sql", jobs)
        .fetch_all(connection)
        .await
}

fn held_by(guard: &Guard) -> (&str, &str, &str, i64) {
    let (tenant, task) = (guard.tenant.as_str(), guard.task.as_str());
    (guard.job.as_str(), tenant, task, guard.fence.0)
}

/// Writes what the commits of a batch have left to be written.
pub(crate) async fn write_log(
    connection: &mut Connection,
    log: &Log<'_>,
) -> Result<(), sqlx::Error> {
    if !log.unknown.is_empty() {
        let calls = array_of(&log.unknown, ids)?;
        query_file!("queries/commit/settle_calls.sql", calls)
            .execute(&mut *connection)
            .await?;
    }
    let has_calls = !log.intended.is_empty() || !log.done.is_empty();
    if log.events.is_empty() && !has_calls && log.blobs.is_empty() && log.ended.is_empty() {
        return Ok(());
    }
    let (events, intended) = (events(&log.events)?, intended(log)?);
    let done = array_of(&log.done, ids)?;
    let blobs = array_of(&log.blobs, |blob| *blob)?;
    let ended = array_of(&log.ended, |guard| held_by(guard))?;
    let format = i64::from(EVENT_FORMAT);
    query_file!(
        "queries/commit/write_log.sql",
        format,
        events,
        intended,
        done,
        blobs,
        ended
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) fn intended(log: &Log<'_>) -> Result<String, sqlx::Error> {
    array_of(&log.intended, |call| {
        let (tenant, task) = (call.guard.tenant.as_str(), call.guard.task.as_str());
        let fence = call.guard.fence.0;
        let what = (call.call, call.step, &*call.tool, call.effect, call.key);
        (
            tenant, task, fence, call.seq, what.0, what.1, what.2, what.3, what.4,
        )
    })
}

pub(crate) fn ids<'a>(call: &'a SettledRow<'_>) -> (&'a str, &'a str, &'a str, i64) {
    (call.tenant, call.task, call.call, call.seq)
}

pub(crate) fn events(events: &[EventRow<'_>]) -> Result<String, sqlx::Error> {
    array_of(events, |event| {
        let (public, private) = (&event.public, &event.private);
        (
            event.tenant,
            event.task,
            event.seq,
            event.at_ms,
            event.kind,
            event.step,
            public.text,
            public.blob,
            public.bytes,
            private.text,
            private.blob,
            private.bytes,
        )
    })
}

/// There is one writer, so a claim that comes while others wait for it goes with them.
pub(crate) const ONE_WRITER: bool = true;

/// Claims jobs off the head of the queue, those that are due included; nothing when this life is over.
pub(crate) async fn claim(
    connection: &mut Connection,
    life: (&Incarnation, u64),
    room: &Room,
) -> Result<Option<Vec<ClaimRecord>>, sqlx::Error> {
    let Some(found) = look(connection, life).await? else {
        return Ok(None);
    };
    if found.due == 1 {
        promote(connection).await?;
    }
    if found.due == 0 && found.ready == 0 {
        return Ok(Some(Vec::new()));
    }
    take(connection, life.0, room).await.map(Some)
}

/// Makes due delayed jobs claimable.
async fn promote(connection: &mut Connection) -> Result<(), sqlx::Error> {
    let now = now_ms(connection).await?;
    let moved = query_file!("queries/job/promote_jobs.sql", now)
        .execute(&mut *connection)
        .await?;
    if moved.rows_affected() > 0 {
        query_file!("queries/job/promote_ready.sql", now)
            .execute(&mut *connection)
            .await?;
    }
    // Also when none was moved: a row may be left whose job is gone.
    query_file!("queries/job/promote_delayed.sql", now)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// A chosen row of `ready` with its job as it is once it is claimed; without one when that is gone or held.
#[derive(Deserialize)]
struct Chosen {
    priority: i64,
    vtag: i64,
    job_id: String,
    tenant_id: Option<String>,
    task_id: Option<String>,
    kind: Option<String>,
    step_id: Option<String>,
    delivery_id: Option<String>,
    fence: Option<i64>,
    attempts: Option<i64>,
    crashes: Option<i64>,
}

impl Chosen {
    fn claimed(self) -> Option<ClaimRecord> {
        Some(ClaimRecord {
            id: self.job_id,
            tenant_id: self.tenant_id?,
            task_id: self.task_id?,
            kind: self.kind?,
            step_id: self.step_id,
            delivery_id: self.delivery_id,
            priority: self.priority,
            vtag: self.vtag,
            fence: self.fence?,
            attempts: self.attempts?,
            crashes: self.crashes?,
        })
    }
}

/// Takes jobs off the head of the queue.
async fn take(
    connection: &mut Connection,
    who: &Incarnation,
    room: &Room,
) -> Result<Vec<ClaimRecord>, sqlx::Error> {
    let of_tenants = room.of_tenants.iter();
    let of_tenants: serde_json::Map<String, serde_json::Value> = of_tenants
        .map(|(tenant, jobs)| (tenant.to_string(), (*jobs).into()))
        .collect();
    let chosen = query_file_scalar!(
        "queries/job/choose.sql",
        i64::from(room.jobs),
        serde_json::Value::Object(of_tenants).to_string(),
        i64::from(room.of_others)
    )
    .fetch_one(&mut *connection)
    .await?;
    let chosen: Vec<Chosen> =
        serde_json::from_str(&chosen).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let Some(latest) = chosen.iter().map(|row| row.vtag).max() else {
        return Ok(Vec::new());
    };
    let name = who.worker.0.as_str();
    let claimed = chosen.iter().filter(|row| row.tenant_id.is_some());
    let ids = array_of(claimed, |row| row.job_id.as_str())?;
    query_file!("queries/job/claim.sql", name, who.epoch, ids)
        .execute(&mut *connection)
        .await?;
    let keys = array_of(&chosen, |row| (row.priority, row.vtag, row.job_id.as_str()))?;
    query_file!("queries/job/unqueue_claimed.sql", keys)
        .execute(&mut *connection)
        .await?;
    query_file!("queries/worker/take_turn.sql", name, latest)
        .execute(connection)
        .await?;
    Ok(chosen.into_iter().filter_map(Chosen::claimed).collect())
}

/// Adds jobs, a JSON array of rows, with their places in the queue. Says which were handed over.
pub(crate) async fn insert_jobs(
    connection: &mut Connection,
    rows: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let added = query_file!("queries/job/insert_jobs.sql", rows)
        .fetch_all(&mut *connection)
        .await?;
    let (handed, queued): (Vec<_>, Vec<_>) = added.into_iter().partition(|job| job.is_handed_over);
    if !queued.is_empty() {
        query_file!("queries/job/insert_jobs_ready.sql", rows)
            .execute(&mut *connection)
            .await?;
        query_file!("queries/job/insert_jobs_delayed.sql", rows)
            .execute(connection)
            .await?;
    }
    Ok(handed.into_iter().map(|job| job.id).collect())
}

/// Which of these jobs are held, and under which fence.
pub(crate) async fn held(
    connection: &mut Connection,
    ids: &[&str],
) -> Result<Vec<HeldRecord>, sqlx::Error> {
    let ids = serde_json::Value::from(ids.to_vec()).to_string();
    query_file_as!(HeldRecord, "queries/job/held.sql", ids)
        .fetch_all(connection)
        .await
}

/// Makes the jobs that a worker's lives up to `through` still hold ready. Says how many.
pub(crate) async fn free(
    connection: &mut Connection,
    name: &str,
    through: i64,
) -> Result<u64, sqlx::Error> {
    query_file!("queries/worker/free_ready.sql", name, through)
        .execute(&mut *connection)
        .await?;
    let freed = query_file!("queries/worker/free_jobs.sql", name, through)
        .execute(connection)
        .await?;
    Ok(freed.rows_affected())
}
