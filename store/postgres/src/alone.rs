//! An append that nothing waits beside: one statement, which is its own transaction.
//!
//! It does what the same append would do in a batch. A crash leaves all of it or nothing.

use std::collections::BTreeSet;

use agent_core::event::EVENT_FORMAT;
use agent_core::job::JobAfter;
use agent_core::ports::store::{Append, CallChange, Committed, StoreError};
use sqlx::query_file_as;
use store_records::CommittedRecord;

use crate::dialect::column;
use crate::verbs::append::refusal;
use crate::verbs::log::{Log, count};
use crate::{Connection, Pool};

/// Whether the one statement can write all that this append changes. It cannot change one row twice.
fn can_go_alone(commit: &Append) -> bool {
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

/// Makes an append without a transaction round it, if that is possible: makes it, or says why not.
pub(crate) async fn append_alone(
    pool: &Pool,
    commit: &Append,
) -> Result<Option<Result<Committed, StoreError>>, sqlx::Error> {
    if !can_go_alone(commit) {
        return Ok(None);
    }
    let mut connection = pool.acquire().await?;
    let made = match charge(&mut connection, commit).await? {
        Some(charged) => Ok(charged.into()),
        None => Err(refusal(&mut connection, &commit.guard).await?),
    };
    Ok(Some(made))
}

async fn charge(
    connection: &mut Connection,
    commit: &Append,
) -> Result<Option<CommittedRecord>, sqlx::Error> {
    let guard = &commit.guard;
    let mut rows = Log::default();
    for call in &commit.calls {
        rows.call(guard, call, 0);
    }
    let owner = (&guard.tenant, &guard.task);
    // Numbers and time are the statement's to give.
    rows.add(owner, &commit.events, (0, 0));
    let (events, intended) = (&rows.events, &rows.intended);
    query_file_as!(
        CommittedRecord,
        "queries/commit/append_alone.sql",
        guard.tenant.as_str(),
        guard.task.as_str(),
        guard.job.as_str(),
        guard.fence.0,
        count(&commit.events),
        commit.charge.model_calls,
        commit.charge.tool_calls,
        commit.charge.tokens,
        commit.charge.wall_ms,
        i64::from(EVENT_FORMAT),
        &column(events, |event| event.kind) as &[&str],
        &column(events, |event| event.step) as &[Option<&str>],
        &column(events, |event| event.public.text) as &[Option<&str>],
        &column(events, |event| event.public.blob) as &[Option<&str>],
        &column(events, |event| event.public.bytes) as &[Option<i64>],
        &column(events, |event| event.private.text) as &[Option<&str>],
        &column(events, |event| event.private.blob) as &[Option<&str>],
        &column(events, |event| event.private.bytes) as &[Option<i64>],
        &column(intended, |call| call.call) as &[&str],
        &column(intended, |call| call.step) as &[Option<&str>],
        &column(intended, |call| call.tool.as_ref()) as &[&str],
        &column(intended, |call| call.effect) as &[&str],
        &column(intended, |call| call.key) as &[&str],
        &column(&rows.unknown, |call| call.call) as &[&str],
        &column(&rows.done, |call| call.call) as &[&str],
        commit.job == JobAfter::Delete
    )
    .fetch_optional(connection)
    .await
}
