//! The verbs in which PostgreSQL differs from SQLite: what must be locked, and what may be skipped because it is.

use agent_core::event::EVENT_FORMAT;
use agent_core::job::{Guard, Incarnation};
use agent_core::ports::store::{Append, Right, Room};
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{ChargedRecord, ClaimRecord, HeldRecord};

use crate::Connection;
pub(crate) use crate::alone::append_alone;
use crate::verbs::append::Endings;
use crate::verbs::jobs::look;
use crate::verbs::log::{Log, count};
use crate::verbs::{Work, append, span_ms};

pub(crate) const BEGIN_WRITE: &str = "BEGIN";
pub(crate) const BEGIN_COMMITS: &str = BEGIN_WRITE;
/// All reads see the state at the first one; by default each would see its own.
pub(crate) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What a batch of commits needs first: the lives that jobs are handed to, so that none ends in between, then its tasks and
/// then its jobs, each locked in the order of their ids. Whoever claims or reaps locks lives first too, and skips locked jobs;
/// other batches wait here, before they hold anything. Appends of different tasks lock for themselves.
pub(crate) async fn prepare(
    connection: &mut Connection,
    works: &[&Work],
) -> Result<(), sqlx::Error> {
    if are_appends_of_different_tasks(works) {
        return Ok(());
    }
    let takers: Vec<&str> = works.iter().filter_map(|work| taker(work)).collect();
    // A new task is nobody else's yet.
    let existing = works.iter();
    let existing = existing.filter(|work| matches!(work, Work::Append(_) | Work::Transition(_)));
    let tasks: Vec<(&str, &str)> = existing
        .filter_map(|work| work.owner())
        .map(|(tenant, task)| (tenant.as_str(), task.as_str()))
        .collect();
    let guards = works.iter().filter_map(|work| guard(work));
    let jobs: Vec<(&str, &str)> = guards
        .map(|guard| (guard.tenant.as_str(), guard.job.as_str()))
        .collect();
    if tasks.is_empty() && jobs.is_empty() {
        return Ok(());
    }
    query_file_scalar!(
        "queries/commit/lock.sql",
        &takers as &[&str],
        &column(&tasks, |task| task.0) as &[&str],
        &column(&tasks, |task| task.1) as &[&str],
        &column(&jobs, |job| job.0) as &[&str],
        &column(&jobs, |job| job.1) as &[&str]
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// Works are in order of their tasks.
fn are_appends_of_different_tasks(works: &[&Work]) -> bool {
    works.iter().all(|work| matches!(work, Work::Append(_)))
        && works
            .windows(2)
            .all(|pair| pair[0].owner() != pair[1].owner())
}

/// Who is handed a job by a commit, if it may be.
fn taker(work: &Work) -> Option<&str> {
    let Work::Transition(commit) = work else {
        return None;
    };
    let wish = commit.jobs.hand_over.as_ref();
    wish.map(|wish| wish.to.worker.0.as_str())
}

/// The guard of a worker's commit.
fn guard(work: &Work) -> Option<&Guard> {
    match work {
        Work::Append(commit) => Some(&commit.guard),
        Work::Transition(commit) => match &commit.right {
            Right::Job(guard, _) => Some(guard),
            Right::Owner(..) => None,
        },
        Work::Finish(guard) => Some(guard),
        Work::Submit(_) | Work::Claim(..) => None,
    }
}

/// Charges the tasks of appends whose guards hold. No two are about one task.
pub(crate) async fn charge(
    connection: &mut Connection,
    commits: &[&Append],
) -> Result<Vec<ChargedRecord>, sqlx::Error> {
    query_file_as!(
        ChargedRecord,
        "queries/commit/append_many.sql",
        &column(commits, |one| one.guard.tenant.as_str()) as &[&str],
        &column(commits, |one| one.guard.task.as_str()) as &[&str],
        &column(commits, |one| one.guard.job.as_str()) as &[&str],
        &column(commits, |one| one.guard.fence.0),
        &column(commits, |one| count(&one.events)),
        &column(commits, |one| one.charge.model_calls),
        &column(commits, |one| one.charge.tool_calls),
        &column(commits, |one| one.charge.tokens),
        &column(commits, |one| one.charge.wall_ms)
    )
    .fetch_all(connection)
    .await
}

/// Ends jobs without a transaction round it: one statement is enough.
pub(crate) async fn finish_alone(
    connection: &mut Connection,
    guards: &[&Guard],
) -> Result<Option<Endings>, sqlx::Error> {
    append::finish(connection, guards).await.map(Some)
}

/// Deletes jobs that are held under these fences, in the order of their ids, as batches lock them. Says which.
pub(crate) async fn finish(
    connection: &mut Connection,
    guards: &[&Guard],
) -> Result<Vec<String>, sqlx::Error> {
    let mut guards = guards.to_vec();
    guards.sort_by(|a, b| a.job.cmp(&b.job));
    query_file_scalar!(
        "queries/job/finish.sql",
        &column(&guards, |guard| guard.tenant.as_str()) as &[&str],
        &column(&guards, |guard| guard.task.as_str()) as &[&str],
        &column(&guards, |guard| guard.job.as_str()) as &[&str],
        &column(&guards, |guard| guard.fence.0)
    )
    .fetch_all(connection)
    .await
}

/// Writes what the commits of a batch have left to be written.
pub(crate) async fn write_log(
    connection: &mut Connection,
    log: &Log<'_>,
) -> Result<(), sqlx::Error> {
    if !log.unknown.is_empty() {
        let calls = &log.unknown;
        query_file!(
            "queries/commit/settle_calls.sql",
            &column(calls, |call| call.tenant) as &[&str],
            &column(calls, |call| call.task) as &[&str],
            &column(calls, |call| call.call) as &[&str],
            &column(calls, |call| call.seq)
        )
        .execute(&mut *connection)
        .await?;
    }
    if !log.blobs.is_empty() {
        query_file!(
            "queries/commit/name_blobs.sql",
            &column(&log.blobs, |blob| blob.0) as &[&str],
            &column(&log.blobs, |blob| blob.1) as &[&str],
            &column(&log.blobs, |blob| blob.2) as &[&str],
            &column(&log.blobs, |blob| blob.3)
        )
        .execute(&mut *connection)
        .await?;
    }
    let (events, intended, done, ended) = (&log.events, &log.intended, &log.done, &log.ended);
    if events.is_empty() && intended.is_empty() && done.is_empty() && ended.is_empty() {
        return Ok(());
    }
    query_file!(
        "queries/commit/write_log.sql",
        i64::from(EVENT_FORMAT),
        &column(events, |event| event.tenant) as &[&str],
        &column(events, |event| event.task) as &[&str],
        &column(events, |event| event.seq),
        &column(events, |event| event.at_ms),
        &column(events, |event| event.kind) as &[&str],
        &column(events, |event| event.step) as &[Option<&str>],
        &column(events, |event| event.public.text) as &[Option<&str>],
        &column(events, |event| event.public.blob) as &[Option<&str>],
        &column(events, |event| event.public.bytes) as &[Option<i64>],
        &column(events, |event| event.private.text) as &[Option<&str>],
        &column(events, |event| event.private.blob) as &[Option<&str>],
        &column(events, |event| event.private.bytes) as &[Option<i64>],
        &column(intended, |call| call.guard.tenant.as_str()) as &[&str],
        &column(intended, |call| call.guard.task.as_str()) as &[&str],
        &column(intended, |call| call.guard.fence.0),
        &column(intended, |call| call.seq),
        &column(intended, |call| call.call) as &[&str],
        &column(intended, |call| call.step) as &[Option<&str>],
        &column(intended, |call| call.tool.as_ref()) as &[&str],
        &column(intended, |call| call.effect) as &[&str],
        &column(intended, |call| call.key) as &[&str],
        &column(done, |call| call.tenant) as &[&str],
        &column(done, |call| call.task) as &[&str],
        &column(done, |call| call.call) as &[&str],
        &column(ended, |guard| guard.tenant.as_str()) as &[&str],
        &column(ended, |guard| guard.task.as_str()) as &[&str],
        &column(ended, |guard| guard.job.as_str()) as &[&str],
        &column(ended, |guard| guard.fence.0)
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One column of rows, as an array.
pub(crate) fn column<'a, R, T>(
    rows: impl IntoIterator<Item = &'a R>,
    pick: impl Fn(&'a R) -> T,
) -> Vec<T>
where
    R: 'a,
{
    rows.into_iter().map(pick).collect()
}

/// A claim is one statement, and waits for no commit of others.
pub(crate) const ONE_WRITER: bool = false;

/// Claims jobs off the head of the queue, those that are due included; nothing when this life is over. When there is nothing to
/// claim all statements only read.
pub(crate) async fn claim(
    connection: &mut Connection,
    life: (&Incarnation, u64),
    room: &Room,
) -> Result<Option<Vec<ClaimRecord>>, sqlx::Error> {
    let claimed = take(connection, life, room, false).await?;
    if !claimed.is_empty() {
        return Ok(Some(claimed));
    }
    let Some(found) = look(connection, life).await? else {
        return Ok(None);
    };
    if found.due == 0 {
        return Ok(Some(claimed));
    }
    query_file!("queries/job/promote.sql")
        .execute(&mut *connection)
        .await?;
    // What is still due now is being moved by another process, or is for the next claim.
    Ok(Some(take(connection, life, room, true).await?))
}

/// `despite_due`: jobs are claimed although delayed ones that are due may come before them.
async fn take(
    connection: &mut Connection,
    (who, lease_ms): (&Incarnation, u64),
    room: &Room,
    despite_due: bool,
) -> Result<Vec<ClaimRecord>, sqlx::Error> {
    let tenants: Vec<&str> = column(&room.of_tenants, |(tenant, _)| tenant.as_str());
    let jobs: Vec<i64> = column(&room.of_tenants, |(_, jobs)| i64::from(*jobs));
    query_file_as!(
        ClaimRecord,
        "queries/job/claim.sql",
        who.worker.0.as_str(),
        who.epoch,
        i64::from(room.jobs),
        &tenants as &[&str],
        &jobs,
        i64::from(room.of_others),
        span_ms(lease_ms),
        despite_due
    )
    .fetch_all(connection)
    .await
}

/// Adds jobs, a JSON array of rows, with their places in the queue. Says which were handed over.
pub(crate) async fn insert_jobs(
    connection: &mut Connection,
    rows: &str,
) -> Result<Vec<String>, sqlx::Error> {
    query_file_scalar!("queries/job/insert_jobs.sql", rows)
        .fetch_all(connection)
        .await
}

/// Which of these jobs are held, and under which fence.
pub(crate) async fn held(
    connection: &mut Connection,
    ids: &[&str],
) -> Result<Vec<HeldRecord>, sqlx::Error> {
    query_file_as!(HeldRecord, "queries/job/held.sql", ids as &[&str])
        .fetch_all(connection)
        .await
}

/// Makes the jobs that a worker's lives up to `through` still hold ready. Says how many.
pub(crate) async fn free(
    connection: &mut Connection,
    name: &str,
    through: i64,
) -> Result<u64, sqlx::Error> {
    let freed = query_file!("queries/worker/free.sql", name, through)
        .execute(connection)
        .await?;
    Ok(freed.rows_affected())
}
