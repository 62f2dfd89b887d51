//! `submit`: the idempotency key first, then the task with its first event, its job and its webhook.

use std::sync::Mutex;

use agent_core::id::WebhookId;
use agent_core::ports::store::{Idempotency, NewTask, Submitted};
use agent_core::task::TaskState;
use agent_core::turns::Turns;
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{BodyColumns, BudgetColumns, RecallRecord, metadata_column, parsed, plain};

use super::failure::Failure;
use super::log::Log;
use super::queue;
use crate::Connection;

pub(crate) async fn apply<'a>(
    connection: &mut Connection,
    task: &'a NewTask,
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<Submitted, Failure> {
    if let Some(key) = &task.idempotency
        && let Some(earlier) = remember(connection, task, key).await?
    {
        return Ok(earlier);
    }
    let at_ms = insert(connection, task).await?;
    let owner = (&task.tenant, &task.id);
    if let Some(webhook) = &task.webhook {
        query_file!(
            "../queries/submit/insert_webhook.sql",
            webhook.id.as_str(),
            task.tenant.as_str(),
            task.id.as_str(),
            webhook.url.as_str(),
            webhook.secret.0.as_slice(),
            at_ms
        )
        .execute(&mut *connection)
        .await?;
    }
    let first = std::slice::from_ref(&task.event);
    log.add(owner, first, (1, at_ms));
    log.name((&task.tenant, &task.id), &task.blobs);
    let enqueue = queue::Enqueue {
        turns,
        parent: None,
        now_ms: at_ms,
    };
    queue::create(connection, owner, &task.job, &enqueue).await?;
    Ok(Submitted::Created)
}

/// Takes the key for this task, or says what it was used for before. Another process that is using the same key right
/// now is waited for.
async fn remember(
    connection: &mut Connection,
    task: &NewTask,
    key: &Idempotency,
) -> Result<Option<Submitted>, Failure> {
    let taken = query_file!(
        "../queries/submit/remember.sql",
        task.tenant.as_str(),
        key.key.as_str(),
        key.request.as_str(),
        task.id.as_str()
    )
    .execute(&mut *connection)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    let earlier = query_file_as!(
        RecallRecord,
        "../queries/submit/recall.sql",
        task.tenant.as_str(),
        key.key.as_str()
    )
    .fetch_one(connection)
    .await?;
    if earlier.request != key.request.as_str() {
        return Ok(Some(Submitted::Mismatch));
    }
    let id = parsed(&earlier.task_id, "idempotency", "task_id", &key.key)?;
    Ok(Some(Submitted::Replayed(id)))
}

async fn insert(connection: &mut Connection, task: &NewTask) -> Result<i64, sqlx::Error> {
    let spec = BodyColumns::from(&task.spec);
    let budget = BudgetColumns::from(&task.budget);
    query_file_scalar!(
        "../queries/submit/insert_task.sql",
        task.id.as_str(),
        task.tenant.as_str(),
        TaskState::Queued.label(),
        i64::from(task.engine),
        &*plain(&task.title),
        metadata_column(&task.metadata),
        spec.text,
        spec.blob,
        spec.bytes,
        budget.model_calls,
        budget.tool_calls,
        budget.tokens,
        budget.wall_ms,
        task.webhook
            .as_ref()
            .map(|webhook| WebhookId::as_str(&webhook.id)),
        task.priority.rank()
    )
    .fetch_one(connection)
    .await
}
