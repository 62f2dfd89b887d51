//! An append that nothing waits beside: one statement, which is its own transaction.

use agent_core::event::EVENT_FORMAT;
use agent_core::job::JobAfter;
use agent_core::ports::store::Append;
use sqlx::query_file_as;
use store_records::CommittedRecord;

use crate::Connection;
use crate::dialect::column;
use crate::verbs::log::{Log, count};

/// Makes an append with what it leaves to be written; nothing if its guard does not hold.
pub(crate) async fn append_alone(
    connection: &mut Connection,
    commit: &Append,
    rows: &Log<'_>,
) -> Result<Option<CommittedRecord>, sqlx::Error> {
    let guard = &commit.guard;
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
