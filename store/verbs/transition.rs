//! `transition`: something decided from the whole task, under its version, and under a fence if a worker decided it.

use std::sync::Mutex;

use agent_core::delivery::{DeliveryState, NewDelivery};
use agent_core::id::{TaskId, TenantId};
use agent_core::ports::store::{Committed, Right, StepChange, StoreError, Transition};
use agent_core::step::Step;
use agent_core::turns::Turns;
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{
    BodyColumns, BudgetColumns, CommittedRecord, WaitColumns, depends_on_column, plain,
};

use super::failure::Failure;
use super::log::{Log, count};
use super::{append, queue, upkeep};
use crate::Connection;

type Owner<'a> = (&'a TenantId, &'a TaskId);

pub(crate) async fn apply<'a>(
    connection: &mut Connection,
    commit: &'a Transition,
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<Committed, Failure> {
    let owner = check(connection, commit).await?;
    let committed = save(connection, owner, commit).await?;
    for step in &commit.new_steps {
        add_step(connection, owner, step).await?;
    }
    for change in &commit.steps {
        change_step(connection, owner, change).await?;
    }
    for (call, state) in &commit.settled {
        log.settle(owner, call, *state, committed.seq);
    }
    log.add(owner, &commit.events, (committed.seq, committed.at_ms));
    log.name(owner, &commit.blobs);
    for message in &commit.deliveries {
        add_delivery(connection, owner, message, committed.at_ms).await?;
    }
    let parent = match &commit.right {
        Right::Job(guard, _) => Some(&guard.job),
        Right::Owner(..) => None,
    };
    let enqueue = queue::Enqueue {
        turns,
        parent,
        now_ms: committed.at_ms,
    };
    queue::change(connection, owner, &commit.jobs, &enqueue).await?;
    // After the other jobs: until here the job that the commit is made under is held, so it is not woken.
    if let Right::Job(guard, after) = &commit.right {
        queue::after(connection, guard, *after, log, turns).await?;
        if let Some(found) = &commit.jobs.quarantine {
            upkeep::quarantine(connection, guard, found).await?;
        }
    }
    Ok(committed)
}

/// Refuses in this order: no such task, a lost fence, a version that moved on.
async fn check<'a>(
    connection: &mut Connection,
    commit: &'a Transition,
) -> Result<Owner<'a>, Failure> {
    let (owner, version) = match &commit.right {
        Right::Job(guard, _) => {
            let version = append::check(connection, guard).await?;
            ((&guard.tenant, &guard.task), version)
        }
        Right::Owner(tenant, task) => {
            let version = query_file_scalar!(
                "../queries/commit/version.sql",
                tenant.as_str(),
                task.as_str()
            )
            .fetch_optional(connection)
            .await?;
            ((tenant, task), version.ok_or(StoreError::NotFound)?)
        }
    };
    if version == commit.version {
        Ok(owner)
    } else {
        Err(moved(owner.1, commit.version).into())
    }
}

fn moved(task: &TaskId, presented: i64) -> StoreError {
    StoreError::VersionMoved {
        task: task.clone(),
        presented,
    }
}

async fn save(
    connection: &mut Connection,
    (tenant, task): Owner<'_>,
    commit: &Transition,
) -> Result<Committed, Failure> {
    let change = &commit.task;
    let wait = WaitColumns::from(change.waiting.as_ref());
    let budget = BudgetColumns::from(&change.budget);
    let result = BodyColumns::from(change.result.as_ref());
    let error = change.error.as_deref().map(plain);
    let saved = query_file_as!(
        CommittedRecord,
        "../queries/commit/transition.sql",
        tenant.as_str(),
        task.as_str(),
        commit.version,
        change.state.label(),
        wait.kind,
        wait.until_ms,
        wait.reason.as_deref(),
        count(&commit.events),
        commit.charge.model_calls,
        commit.charge.tool_calls,
        commit.charge.tokens,
        commit.charge.wall_ms,
        budget.model_calls,
        budget.tool_calls,
        budget.tokens,
        budget.wall_ms,
        i64::from(change.plan_version),
        i64::from(change.replans),
        change.running_since_ms,
        result.text,
        result.blob,
        result.bytes,
        error.as_deref(),
        i64::from(change.state.is_final())
    )
    .fetch_optional(connection)
    .await?;
    let saved = saved.ok_or_else(|| moved(task, commit.version))?;
    Ok(saved.into())
}

async fn add_step(
    connection: &mut Connection,
    (tenant, task): Owner<'_>,
    step: &Step,
) -> Result<(), sqlx::Error> {
    let spec = BodyColumns::from(&step.spec);
    let outcome = BodyColumns::from(step.outcome.as_ref());
    let wait = WaitColumns::from(step.waiting.as_ref());
    query_file!(
        "../queries/commit/insert_step.sql",
        tenant.as_str(),
        task.as_str(),
        step.id.as_str(),
        i64::from(step.ordinal),
        i64::from(step.plan_version),
        step.key.as_str(),
        &*plain(&step.title),
        step.state.label(),
        depends_on_column(&step.depends_on),
        spec.text,
        spec.blob,
        spec.bytes,
        outcome.text,
        outcome.blob,
        outcome.bytes,
        step.snapshot
            .as_ref()
            .map(agent_core::blob::BlobHash::as_str),
        wait.kind,
        wait.until_ms,
        wait.reason.as_deref()
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn change_step(
    connection: &mut Connection,
    (tenant, task): Owner<'_>,
    change: &StepChange,
) -> Result<(), sqlx::Error> {
    let wait = WaitColumns::from(change.waiting.as_ref());
    let outcome = BodyColumns::from(change.outcome.as_ref());
    query_file!(
        "../queries/commit/change_step.sql",
        tenant.as_str(),
        task.as_str(),
        change.id.as_str(),
        change.state.label(),
        wait.kind,
        wait.until_ms,
        wait.reason.as_deref(),
        outcome.text,
        outcome.blob,
        outcome.bytes
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_delivery(
    connection: &mut Connection,
    (tenant, task): Owner<'_>,
    message: &NewDelivery,
    at_ms: i64,
) -> Result<(), sqlx::Error> {
    query_file!(
        "../queries/commit/insert_delivery.sql",
        tenant.as_str(),
        task.as_str(),
        message.id.as_str(),
        message.webhook.as_str(),
        message.kind.as_str(),
        &*plain(&message.body),
        DeliveryState::Pending.label(),
        at_ms
    )
    .execute(connection)
    .await?;
    Ok(())
}
