//! The log and what goes with it: events under the numbers that a commit was given, and the blobs that it names.

use std::collections::BTreeSet;

use agent_core::event::{EVENT_FORMAT, PreparedEvent};
use agent_core::id::{StepId, TaskId, TenantId};
use agent_core::ports::store::Committed;
use sqlx::query_file;
use store_records::{BodyColumns, saturated};

use crate::Connection;

/// Adds the events of a commit as the last ones before `committed.seq`.
pub(crate) async fn write(
    connection: &mut Connection,
    (tenant, task): (&TenantId, &TaskId),
    events: &[PreparedEvent],
    committed: &Committed,
) -> Result<(), sqlx::Error> {
    let last = committed.seq;
    let first = last - count(events) + 1;
    for (seq, event) in (first..=last).zip(events) {
        let public = BodyColumns::from(&event.public);
        let private = BodyColumns::from(&event.private);
        query_file!(
            "../queries/commit/insert_event.sql",
            tenant.as_str(),
            task.as_str(),
            seq,
            committed.at_ms,
            i64::from(EVENT_FORMAT),
            event.kind.label(),
            event.step.as_ref().map(StepId::as_str),
            public.text,
            public.blob,
            public.bytes,
            private.text,
            private.blob,
            private.bytes
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// How many numbers a commit needs.
pub(crate) fn count(events: &[PreparedEvent]) -> i64 {
    i64::try_from(events.len()).unwrap_or(i64::MAX)
}

/// Notes blobs as named, in an order that is the same for every process.
pub(crate) async fn name_blobs(
    connection: &mut Connection,
    named: &BTreeSet<(&str, &str, u64)>,
) -> Result<(), sqlx::Error> {
    for (tenant, hash, bytes) in named {
        query_file!(
            "../queries/commit/name_blob.sql",
            *tenant,
            *hash,
            saturated(*bytes)
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
