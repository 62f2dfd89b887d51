//! `append`: a turn's progress, under the fence of its job. Touches no state.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use agent_core::delivery::DeliveryState;
use agent_core::id::StepId;
use agent_core::job::{Guard, JobAfter};
use agent_core::ports::store::{Append, Artifact, CallChange, Committed, StoreError};
use agent_core::turns::Turns;
use sqlx::{query_file, query_file_as};
use store_records::{ChargedRecord, GuardRecord, plain, saturated};

use super::failure::Failure;
use super::log::Log;
use super::{queue, upkeep};
use crate::{Connection, dialect};

/// Whether each of some jobs was ended.
pub(crate) type Endings = Vec<Result<(), StoreError>>;

/// Ends jobs that leave nothing in a log.
pub(crate) async fn finish(
    connection: &mut Connection,
    guards: &[&Guard],
) -> Result<Endings, sqlx::Error> {
    let ended = dialect::finish(connection, guards).await?;
    if ended.len() == guards.len() {
        return Ok(guards.iter().map(|_| Ok(())).collect());
    }
    let mut ended: BTreeSet<&str> = ended.iter().map(String::as_str).collect();
    let mut answers = Vec::with_capacity(guards.len());
    for guard in guards {
        answers.push(if ended.remove(guard.job.as_str()) {
            Ok(())
        } else {
            Err(refusal(connection, guard).await?)
        });
    }
    Ok(answers)
}

/// What a statement for many tasks found, by task.
pub(crate) fn keyed(rows: Vec<ChargedRecord>) -> HashMap<String, Committed> {
    rows.into_iter()
        .map(|mut row| (std::mem::take(&mut row.key), Committed::from(row)))
        .collect()
}

/// Whether an append can be made by itself. What does that changes no row twice, and leaves rare rows to others.
pub(crate) fn can_go_alone(commit: &Append) -> bool {
    let calls: BTreeSet<&str> = commit.calls.iter().map(call_of).collect();
    commit.snapshot.is_none()
        && commit.artifacts.is_empty()
        && commit.delivery.is_none()
        && commit.blobs.is_empty()
        && calls.len() == commit.calls.len()
        && matches!(commit.job, JobAfter::Keep | JobAfter::Delete)
}

fn call_of(change: &CallChange) -> &str {
    match change {
        CallChange::Intended { call, .. } | CallChange::Settled { call, .. } => call.as_str(),
    }
}

/// Makes an append that nothing waits beside, in one round trip. It does what the same append would do in a batch. A crash leaves
/// all of it or nothing.
pub(crate) async fn alone(
    connection: &mut Connection,
    commit: &Append,
) -> Result<Result<Committed, StoreError>, sqlx::Error> {
    let guard = &commit.guard;
    let mut rows = Log::default();
    // Numbers and time are the statement's to give.
    for call in &commit.calls {
        rows.call(guard, call, 0);
    }
    rows.add((&guard.tenant, &guard.task), &commit.events, (0, 0));
    Ok(
        match dialect::append_alone(connection, commit, &rows).await? {
            Some(charged) => Ok(charged.into()),
            None => Err(refusal(connection, guard).await?),
        },
    )
}

/// Charges appends of which no two are about one task, and notes what is left to be written for those whose guard held.
pub(crate) async fn apply<'a>(
    connection: &mut Connection,
    commits: &[&'a Append],
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<Vec<Result<Committed, StoreError>>, sqlx::Error> {
    let mut charged = keyed(dialect::charge(connection, commits).await?);
    let mut answers = Vec::with_capacity(commits.len());
    for commit in commits {
        answers.push(match charged.remove(commit.guard.task.as_str()) {
            Some(committed) => {
                write(connection, commit, &committed, log, turns).await?;
                Ok(committed)
            }
            None => Err(refusal(connection, &commit.guard).await?),
        });
    }
    Ok(answers)
}

/// Writes what is peculiar to one commit, and leaves to the log what goes together.
async fn write<'a>(
    connection: &mut Connection,
    commit: &'a Append,
    committed: &Committed,
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<(), sqlx::Error> {
    let guard = &commit.guard;
    let at = (committed.seq, committed.at_ms);
    log.add((&guard.tenant, &guard.task), &commit.events, at);
    log.name((&guard.tenant, &guard.task), &commit.blobs);
    for call in &commit.calls {
        log.call(guard, call, committed.seq);
    }
    if let Some((step, snapshot)) = &commit.snapshot {
        query_file!(
            "../queries/commit/snapshot_step.sql",
            guard.tenant.as_str(),
            guard.task.as_str(),
            step.as_str(),
            snapshot.as_str()
        )
        .execute(&mut *connection)
        .await?;
    }
    for artifact in &commit.artifacts {
        publish(connection, guard, artifact, committed.at_ms).await?;
    }
    if let Some(patch) = &commit.delivery {
        query_file!(
            "../queries/commit/patch_delivery.sql",
            guard.tenant.as_str(),
            guard.task.as_str(),
            patch.id.as_str(),
            i64::from(patch.attempts),
            patch.state.label(),
            committed.at_ms
        )
        .execute(&mut *connection)
        .await?;
        if patch.state == DeliveryState::Abandoned {
            upkeep::abandoned(connection, guard, patch, committed.seq).await?;
        }
    }
    queue::after(connection, guard, commit.job, log, turns).await
}

/// Why a commit was not made.
pub(crate) async fn refusal(
    connection: &mut Connection,
    guard: &Guard,
) -> Result<StoreError, sqlx::Error> {
    match check(connection, guard).await {
        // It is held again under this fence only if it was not when that counted.
        Ok(_) => Ok(stale(guard)),
        Err(Failure::Refused(refused)) => Ok(refused),
        Err(Failure::Broken(error)) => Err(error),
    }
}

/// Refuses a guard whose task is not the tenant's, or whose job is not held under its fence. Otherwise tells the
/// task's version.
pub(crate) async fn check(connection: &mut Connection, guard: &Guard) -> Result<i64, Failure> {
    let found = query_file_as!(
        GuardRecord,
        "../queries/commit/guard.sql",
        guard.tenant.as_str(),
        guard.task.as_str(),
        guard.job.as_str()
    )
    .fetch_optional(connection)
    .await?;
    let found = found.ok_or(StoreError::NotFound)?;
    if found.fence == Some(guard.fence.0) {
        Ok(found.version)
    } else {
        Err(stale(guard).into())
    }
}

pub(crate) fn stale(guard: &Guard) -> StoreError {
    StoreError::Stale {
        job: guard.job.clone(),
        presented: guard.fence,
    }
}

async fn publish(
    connection: &mut Connection,
    guard: &Guard,
    artifact: &Artifact,
    at_ms: i64,
) -> Result<(), sqlx::Error> {
    query_file!(
        "../queries/commit/publish_artifact.sql",
        guard.tenant.as_str(),
        guard.task.as_str(),
        artifact.id.as_str(),
        &*plain(&artifact.name),
        artifact.blob.hash.as_str(),
        saturated(artifact.blob.bytes),
        &*plain(&artifact.media_type),
        artifact.step.as_ref().map(StepId::as_str),
        at_ms
    )
    .execute(connection)
    .await?;
    Ok(())
}
