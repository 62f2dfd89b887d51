//! `submit`: the idempotency key first, then the task with its first event, its job and its webhook.

use std::sync::Mutex;

use agent_core::id::WebhookId;
use agent_core::ports::store::{Idempotency, NewTask, StoreError, Submitted};
use agent_core::task::TaskState;
use agent_core::turns::Turns;
use sqlx::{query_file, query_file_as};
use store_records::{
    BodyColumns, BudgetColumns, NewTaskRow, RecallRecord, metadata_column, parsed, plain,
};

use super::failure::Failure;
use super::log::Log;
use super::{array_of, now_ms, queue};
use crate::Connection;

/// Accepts tasks. A key that two of them share makes the second one a repeat.
pub(crate) async fn apply<'a>(
    connection: &mut Connection,
    tasks: &[&'a NewTask],
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<Vec<Result<Submitted, StoreError>>, sqlx::Error> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let mut answers = Vec::with_capacity(tasks.len());
    let mut new: Vec<&'a NewTask> = Vec::with_capacity(tasks.len());
    for task in tasks {
        let earlier = match &task.idempotency {
            Some(key) => remember(connection, task, key).await,
            None => Ok(None),
        };
        answers.push(match earlier {
            Ok(Some(earlier)) => Ok(earlier),
            Ok(None) => {
                new.push(task);
                Ok(Submitted::Created)
            }
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Broken(error)) => return Err(error),
        });
    }
    if !new.is_empty() {
        add(connection, &new, log, turns).await?;
    }
    Ok(answers)
}

async fn add<'a>(
    connection: &mut Connection,
    tasks: &[&'a NewTask],
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<(), sqlx::Error> {
    let at_ms = now_ms(connection).await?;
    let rows = array_of(tasks, |task| row(task))?;
    query_file!("queries/submit/insert_tasks.sql", rows, at_ms)
        .execute(&mut *connection)
        .await?;
    for task in tasks {
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
        log.name(owner, &task.blobs);
    }
    let made: Vec<queue::Made<'_>> = tasks
        .iter()
        .map(|task| queue::Made {
            owner: (&task.tenant, &task.id),
            job: &task.job,
            parent: None,
            to: None,
            now_ms: at_ms,
        })
        .collect();
    queue::create(connection, &made, turns).await.map(|_| ())
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

fn row(task: &NewTask) -> NewTaskRow<'_> {
    let spec = BodyColumns::from(&task.spec);
    let budget = BudgetColumns::from(&task.budget);
    let webhook = task.webhook.as_ref();
    NewTaskRow {
        id: task.id.as_str(),
        tenant_id: task.tenant.as_str(),
        state: TaskState::Queued.label(),
        engine: i64::from(task.engine),
        title: plain(&task.title),
        metadata: metadata_column(&task.metadata),
        spec_text: spec.text,
        spec_blob: spec.blob,
        spec_bytes: spec.bytes,
        budget_model_calls: budget.model_calls,
        budget_tool_calls: budget.tool_calls,
        budget_tokens: budget.tokens,
        budget_wall_ms: budget.wall_ms,
        webhook_id: webhook.map(|webhook| WebhookId::as_str(&webhook.id)),
        priority: task.priority.rank(),
    }
}
