//! An append that nothing waits beside: all its statements in one go, with the transaction round them.

use agent_core::event::EVENT_FORMAT;
use agent_core::job::JobAfter;
use agent_core::ports::store::Append;
use store_records::CommittedRecord;

use crate::Connection;
use crate::dialect::{events, ids, intended};
use crate::verbs::array_of;
use crate::verbs::log::{Log, count};

/// Not checked when it is compiled: the check takes a parameter that several statements name for several.
const STATEMENTS: &str = include_str!("../scripts/append_alone.sql");

/// What is returned of the task, in the order of the statement's columns.
type Charged = (
    i64,
    i64,
    i64,
    Option<i64>,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
    i64,
);

/// Makes an append with what it leaves to be written; nothing if its guard does not hold.
pub(crate) async fn append_alone(
    connection: &mut Connection,
    commit: &Append,
    rows: &Log<'_>,
) -> Result<Option<CommittedRecord>, sqlx::Error> {
    let (guard, charge) = (&commit.guard, &commit.charge);
    // All rows: asked for one, the driver leaves out the statements after the one that returned it.
    let mut charged: Vec<Charged> = sqlx::query_as(STATEMENTS)
        .bind(guard.tenant.as_str())
        .bind(guard.task.as_str())
        .bind(guard.job.as_str())
        .bind(guard.fence.0)
        .bind(count(&commit.events))
        .bind(charge.model_calls)
        .bind(charge.tool_calls)
        .bind(charge.tokens)
        .bind(charge.wall_ms)
        .bind(i64::from(EVENT_FORMAT))
        .bind(events(&rows.events)?)
        .bind(intended(rows)?)
        .bind(array_of(&rows.unknown, ids)?)
        .bind(array_of(&rows.done, ids)?)
        .bind(commit.job == JobAfter::Delete)
        .fetch_all(connection)
        .await?;
    Ok(charged.pop().map(record))
}

fn record(row: Charged) -> CommittedRecord {
    CommittedRecord {
        seq: row.0,
        version: row.1,
        at_ms: row.2,
        running_since_ms: row.3,
        budget_model_calls: row.4,
        budget_tool_calls: row.5,
        budget_tokens: row.6,
        budget_wall_ms: row.7,
        spent_model_calls: row.8,
        spent_tool_calls: row.9,
        spent_tokens: row.10,
        spent_wall_ms: row.11,
    }
}
