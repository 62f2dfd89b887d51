//! `append`: a turn's progress, under the fence of its job. Touches no state.

use std::sync::Mutex;

use agent_core::id::StepId;
use agent_core::job::Guard;
use agent_core::ports::store::{Append, Artifact, CallChange, Committed, StoreError};
use agent_core::turns::Turns;
use sqlx::{query_file, query_file_as};
use store_records::{CommittedRecord, GuardRecord, plain, saturated};

use super::failure::Failure;
use super::log::{Log, count};
use super::queue;
use crate::Connection;

pub(crate) async fn apply<'a>(
    connection: &mut Connection,
    commit: &'a Append,
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<Committed, Failure> {
    let guard = &commit.guard;
    let charged = query_file_as!(
        CommittedRecord,
        "../queries/commit/append.sql",
        guard.tenant.as_str(),
        guard.task.as_str(),
        guard.job.as_str(),
        guard.fence.0,
        count(&commit.events),
        commit.charge.model_calls,
        commit.charge.tool_calls,
        commit.charge.tokens,
        commit.charge.wall_ms
    )
    .fetch_optional(&mut *connection)
    .await?;
    let Some(charged) = charged else {
        check(connection, guard).await?;
        return Err(stale(guard).into());
    };
    let committed = Committed::from(charged);
    log.add((&guard.tenant, &guard.task), &commit.events, &committed);
    log.name(&guard.tenant, &commit.blobs);
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
    for call in &commit.calls {
        record_call(connection, guard, call, committed.seq).await?;
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
    }
    queue::after(connection, guard, commit.job, turns).await?;
    Ok(committed)
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

async fn record_call(
    connection: &mut Connection,
    guard: &Guard,
    change: &CallChange,
    seq: i64,
) -> Result<(), sqlx::Error> {
    let (tenant, task) = (guard.tenant.as_str(), guard.task.as_str());
    match change {
        CallChange::Intended {
            call,
            step,
            tool,
            effect,
            key,
        } => {
            query_file!(
                "../queries/commit/intend_call.sql",
                tenant,
                task,
                call.as_str(),
                step.as_ref().map(StepId::as_str),
                &*plain(tool),
                effect.label(),
                key.as_str(),
                guard.fence.0,
                seq
            )
            .execute(connection)
            .await?;
        }
        CallChange::Settled { call, state } => {
            query_file!(
                "../queries/commit/settle_call.sql",
                tenant,
                task,
                call.as_str(),
                state.label(),
                seq
            )
            .execute(connection)
            .await?;
        }
    }
    Ok(())
}
