//! The verbs in which SQLite differs from PostgreSQL. There is one writer, so nothing has to be locked or skipped, and
//! statements in one transaction can repeat each other's choice of rows.

use agent_core::event::EVENT_FORMAT;
use agent_core::job::Incarnation;
use agent_core::ports::store::Room;
use sqlx::{query_file, query_file_as};
use store_records::{ClaimRecord, HeldRecord, ReadyRecord};

use crate::Connection;
use crate::verbs::log::Log;
use crate::verbs::{Work, now_ms};

/// Takes the write lock at once. A transaction that begins by reading and then writes fails without waiting when
/// another process has written in between.
pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
/// All reads see the state at the first one.
pub(crate) const BEGIN_READ: &str = "BEGIN DEFERRED";

/// What a batch of commits needs first: time does not go back behind what they will be dated.
pub(crate) async fn prepare(
    connection: &mut Connection,
    _works: &[&Work],
) -> Result<(), sqlx::Error> {
    query_file!("queries/clock/tick.sql")
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes what the commits of a batch have left to be written.
pub(crate) async fn write_log(
    connection: &mut Connection,
    log: &Log<'_>,
) -> Result<(), sqlx::Error> {
    for event in &log.events {
        query_file!(
            "queries/commit/insert_events.sql",
            event.tenant,
            event.task,
            event.seq,
            event.at_ms,
            i64::from(EVENT_FORMAT),
            event.kind,
            event.step,
            event.public.text,
            event.public.blob,
            event.public.bytes,
            event.private.text,
            event.private.blob,
            event.private.bytes
        )
        .execute(&mut *connection)
        .await?;
    }
    for (tenant, hash, bytes) in &log.blobs {
        query_file!("queries/commit/name_blobs.sql", *tenant, *hash, *bytes)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Makes due delayed jobs claimable.
pub(crate) async fn promote(connection: &mut Connection) -> Result<(), sqlx::Error> {
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

/// Takes jobs off the head of the queue.
pub(crate) async fn claim(
    connection: &mut Connection,
    who: &Incarnation,
    room: &Room,
) -> Result<Vec<ClaimRecord>, sqlx::Error> {
    let of_tenants = room.of_tenants.iter();
    let of_tenants: serde_json::Map<String, serde_json::Value> = of_tenants
        .map(|(tenant, jobs)| (tenant.to_string(), (*jobs).into()))
        .collect();
    let chosen = query_file_as!(
        ReadyRecord,
        "queries/job/choose.sql",
        i64::from(room.jobs),
        serde_json::Value::Object(of_tenants).to_string(),
        i64::from(room.of_others)
    )
    .fetch_all(&mut *connection)
    .await?;
    let Some(latest) = chosen.iter().map(|row| row.vtag).max() else {
        return Ok(Vec::new());
    };
    let ids: Vec<&str> = chosen.iter().map(|row| row.job_id.as_str()).collect();
    let name = who.worker.0.as_str();
    let rows = query_file_as!(
        ClaimRecord,
        "queries/job/claim.sql",
        name,
        who.epoch,
        serde_json::Value::from(ids).to_string()
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in &chosen {
        query_file!(
            "queries/job/unqueue_claimed.sql",
            row.priority,
            row.vtag,
            row.job_id
        )
        .execute(&mut *connection)
        .await?;
    }
    query_file!("queries/worker/take_turn.sql", name, latest)
        .execute(connection)
        .await?;
    Ok(rows)
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

/// Ends lives whose heartbeat is older than the lease.
pub(crate) async fn lapse(connection: &mut Connection, lease_ms: i64) -> Result<(), sqlx::Error> {
    query_file!("queries/worker/lapse.sql", lease_ms)
        .execute(connection)
        .await?;
    Ok(())
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
