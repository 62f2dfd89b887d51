//! The way from a decision to the commit that the store saves.

use crate::blob::{BlobRef, Stored};
use crate::id::TenantId;
use crate::journal::{named_blobs, prepare_all, store_text};
use crate::ports::blobs::{BlobError, Blobs};
use crate::ports::store::{Right, StepChange, TaskChange, Transition};
use crate::step::Step;

use super::{AddedStep, ChangedStep, ChangedTask, Decision};

/// Puts the long bodies of a decision out of line and makes the commit. `version` is that of the task it was made from.
///
/// # Errors
/// [`BlobError`] when a blob could not be put; nothing has changed then.
pub async fn prepare(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    right: Right,
    version: i64,
    decision: Decision,
) -> Result<Transition, BlobError> {
    let events = prepare_all(blobs, tenant, &decision.events).await?;
    let mut named = named_blobs(&events);
    let task = task_change(blobs, tenant, decision.task, &mut named).await?;
    let mut new_steps = Vec::with_capacity(decision.new_steps.len());
    for added in decision.new_steps {
        new_steps.push(new_step(blobs, tenant, added, &mut named).await?);
    }
    let mut steps = Vec::with_capacity(decision.steps.len());
    for changed in decision.steps {
        steps.push(step_change(blobs, tenant, changed, &mut named).await?);
    }
    Ok(Transition {
        right,
        version,
        task,
        charge: decision.charge,
        new_steps,
        steps,
        jobs: decision.jobs,
        settled: decision.settled,
        deliveries: decision.deliveries,
        events,
        blobs: named,
    })
}

/// Stores a value that always serialises: a struct with string keys.
async fn store<T: serde::Serialize + Sync>(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    value: &T,
    named: &mut Vec<BlobRef>,
) -> Result<Stored, BlobError> {
    let text =
        serde_json::to_string(value).map_err(|error| BlobError::Unavailable(error.into()))?;
    let stored = store_text(blobs, tenant, text).await?;
    named.extend(stored.blob().cloned());
    Ok(stored)
}

async fn task_change(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    task: ChangedTask,
    named: &mut Vec<BlobRef>,
) -> Result<TaskChange, BlobError> {
    let result = match &task.result {
        Some(result) => Some(store(blobs, tenant, result, named).await?),
        None => None,
    };
    Ok(TaskChange {
        state: task.state,
        waiting: task.waiting,
        budget: task.budget,
        plan_version: task.plan_version,
        replans: task.replans,
        running_since_ms: task.running_since_ms,
        result,
        error: task.error,
    })
}

async fn new_step(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    added: AddedStep,
    named: &mut Vec<BlobRef>,
) -> Result<Step, BlobError> {
    Ok(Step {
        id: added.id,
        ordinal: added.ordinal,
        plan_version: added.plan_version,
        key: added.spec.key.clone(),
        title: added.spec.title.clone(),
        state: added.state,
        depends_on: added.depends_on,
        spec: store(blobs, tenant, &added.spec, named).await?,
        outcome: None,
        snapshot: None,
        waiting: None,
    })
}

async fn step_change(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    changed: ChangedStep,
    named: &mut Vec<BlobRef>,
) -> Result<StepChange, BlobError> {
    let outcome = match &changed.outcome {
        Some(outcome) => Some(store(blobs, tenant, outcome, named).await?),
        None => None,
    };
    Ok(StepChange {
        id: changed.id,
        state: changed.state,
        waiting: changed.waiting,
        outcome,
        snapshot: None,
    })
}
