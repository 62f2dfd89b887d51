//! `transition`: something decided from the whole task, under its version, and under a fence if a worker decided it.
//!
//! All that many transitions have in common is written in one statement for each table. What few have, such as waking jobs, is
//! done one by one.

use std::collections::HashSet;
use std::sync::Mutex;

use agent_core::blob::BlobHash;
use agent_core::delivery::{DeliveryState, NewDelivery};
use agent_core::id::{TaskId, TenantId};
use agent_core::ports::store::{Committed, Right, StepChange, StoreError, Transition};
use agent_core::step::Step;
use agent_core::turns::Turns;
use sqlx::{query_file, query_file_as, query_file_scalar};
use store_records::{
    BodyColumns, BudgetColumns, ChangedStepRow, ChargedRecord, DecidedRow, NewDeliveryRow,
    NewStepRow, WaitColumns, depends_on_column, plain,
};

use super::append::keyed;
use super::failure::Failure;
use super::log::{Log, count};
use super::{append, array_of, queue, upkeep};
use crate::Connection;

type Owner<'a> = (&'a TenantId, &'a TaskId);
type Saved<'a> = (&'a Transition, Committed);

/// Saves decisions of which no two are about one task, and notes what is left to be written for those whose guard held.
pub(crate) async fn apply<'a>(
    connection: &mut Connection,
    commits: &[&'a Transition],
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<Vec<Result<Committed, StoreError>>, sqlx::Error> {
    let mut found = keyed(save(connection, commits).await?);
    let mut answers: Vec<Result<Committed, StoreError>> = Vec::with_capacity(commits.len());
    let mut saved: Vec<Saved<'a>> = Vec::with_capacity(commits.len());
    for commit in commits {
        answers.push(match found.remove(owner(commit).1.as_str()) {
            Some(committed) => {
                saved.push((commit, committed));
                Ok(committed)
            }
            None => Err(refusal(connection, commit).await?),
        });
    }
    for (commit, committed) in &saved {
        let owner = owner(commit);
        for (call, state) in &commit.settled {
            log.settle(owner, call, *state, committed.seq);
        }
        log.add(owner, &commit.events, (committed.seq, committed.at_ms));
        log.name(owner, &commit.blobs);
    }
    write_steps(connection, &saved).await?;
    write_deliveries(connection, &saved).await?;
    let handed = move_jobs(connection, &saved, log, turns).await?;
    for (commit, answer) in commits.iter().zip(&mut answers) {
        if let (Some(wish), Ok(committed)) = (&commit.jobs.hand_over, answer) {
            committed.handed_over = handed.contains(wish.job.as_str());
        }
    }
    Ok(answers)
}

fn owner(commit: &Transition) -> Owner<'_> {
    match &commit.right {
        Right::Job(guard, _) => (&guard.tenant, &guard.task),
        Right::Owner(tenant, task) => (tenant, task),
    }
}

async fn save(
    connection: &mut Connection,
    commits: &[&Transition],
) -> Result<Vec<ChargedRecord>, sqlx::Error> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = array_of(commits, |commit| decided(commit))?;
    query_file_as!(ChargedRecord, "queries/commit/transition_many.sql", wanted)
        .fetch_all(connection)
        .await
}

fn decided(commit: &Transition) -> DecidedRow<'_> {
    let (tenant, task) = owner(commit);
    let guard = match &commit.right {
        Right::Job(guard, _) => Some(guard),
        Right::Owner(..) => None,
    };
    let change = &commit.task;
    let wait = WaitColumns::from(change.waiting.as_ref());
    let budget = BudgetColumns::from(&change.budget);
    let result = BodyColumns::from(change.result.as_ref());
    DecidedRow {
        tenant_id: tenant.as_str(),
        task_id: task.as_str(),
        job_id: guard.map(|guard| guard.job.as_str()),
        fence: guard.map(|guard| guard.fence.0),
        version: commit.version,
        state: change.state.label(),
        wait_kind: wait.kind,
        wait_until_ms: wait.until_ms,
        wait_reason: wait.reason,
        events: count(&commit.events),
        model_calls: commit.charge.model_calls,
        tool_calls: commit.charge.tool_calls,
        tokens: commit.charge.tokens,
        wall_ms: commit.charge.wall_ms,
        budget_model_calls: budget.model_calls,
        budget_tool_calls: budget.tool_calls,
        budget_tokens: budget.tokens,
        budget_wall_ms: budget.wall_ms,
        plan_version: i64::from(change.plan_version),
        replans: i64::from(change.replans),
        running_since_ms: change.running_since_ms,
        result_text: result.text,
        result_blob: result.blob,
        result_bytes: result.bytes,
        error: change.error.as_deref().map(plain),
        is_final: i64::from(change.state.is_final()),
    }
}

/// Why a decision was not saved, in this order: no such task, a lost fence, a version that moved on.
async fn refusal(
    connection: &mut Connection,
    commit: &Transition,
) -> Result<StoreError, sqlx::Error> {
    let (tenant, task) = owner(commit);
    match &commit.right {
        Right::Job(guard, _) => match append::check(connection, guard).await {
            Ok(_) => {}
            Err(Failure::Refused(refused)) => return Ok(refused),
            Err(Failure::Broken(error)) => return Err(error),
        },
        Right::Owner(..) => {
            let version = query_file_scalar!(
                "../queries/commit/version.sql",
                tenant.as_str(),
                task.as_str()
            )
            .fetch_optional(connection)
            .await?;
            if version.is_none() {
                return Ok(StoreError::NotFound);
            }
        }
    }
    Ok(StoreError::VersionMoved {
        task: task.clone(),
        presented: commit.version,
    })
}

async fn write_steps(connection: &mut Connection, saved: &[Saved<'_>]) -> Result<(), sqlx::Error> {
    let new = saved
        .iter()
        .flat_map(|(commit, _)| commit.new_steps.iter().map(|step| (owner(commit), step)));
    let new: Vec<(Owner<'_>, &Step)> = new.collect();
    if !new.is_empty() {
        let rows = array_of(&new, |(owner, step)| new_step(*owner, step))?;
        query_file!("queries/commit/insert_steps.sql", rows)
            .execute(&mut *connection)
            .await?;
    }
    let changes = saved
        .iter()
        .flat_map(|(commit, _)| commit.steps.iter().map(|change| (owner(commit), change)));
    let mut left: Vec<(Owner<'_>, &StepChange)> = changes.collect();
    // A statement changes a row once.
    while !left.is_empty() {
        let mut seen = HashSet::new();
        let (now, later) = left
            .into_iter()
            .partition::<Vec<_>, _>(|(_, change)| seen.insert(change.id.as_str()));
        let rows = array_of(&now, |(owner, change)| changed_step(*owner, change))?;
        query_file!("queries/commit/change_steps.sql", rows)
            .execute(&mut *connection)
            .await?;
        left = later;
    }
    Ok(())
}

fn new_step<'a>((tenant, task): Owner<'a>, step: &'a Step) -> NewStepRow<'a> {
    let spec = BodyColumns::from(&step.spec);
    let outcome = BodyColumns::from(step.outcome.as_ref());
    let wait = WaitColumns::from(step.waiting.as_ref());
    NewStepRow {
        tenant_id: tenant.as_str(),
        task_id: task.as_str(),
        id: step.id.as_str(),
        ordinal: i64::from(step.ordinal),
        plan_version: i64::from(step.plan_version),
        key: step.key.as_str(),
        title: plain(&step.title),
        state: step.state.label(),
        depends_on: depends_on_column(&step.depends_on),
        spec_text: spec.text,
        spec_blob: spec.blob,
        spec_bytes: spec.bytes,
        outcome_text: outcome.text,
        outcome_blob: outcome.blob,
        outcome_bytes: outcome.bytes,
        snapshot: step.snapshot.as_ref().map(BlobHash::as_str),
        wait_kind: wait.kind,
        wait_until_ms: wait.until_ms,
        wait_reason: wait.reason,
    }
}

fn changed_step<'a>((tenant, task): Owner<'a>, change: &'a StepChange) -> ChangedStepRow<'a> {
    let wait = WaitColumns::from(change.waiting.as_ref());
    let outcome = BodyColumns::from(change.outcome.as_ref());
    ChangedStepRow {
        tenant_id: tenant.as_str(),
        task_id: task.as_str(),
        id: change.id.as_str(),
        state: change.state.label(),
        wait_kind: wait.kind,
        wait_until_ms: wait.until_ms,
        wait_reason: wait.reason,
        outcome_text: outcome.text,
        outcome_blob: outcome.blob,
        outcome_bytes: outcome.bytes,
        snapshot: change.snapshot.as_ref().map(BlobHash::as_str),
    }
}

async fn write_deliveries(
    connection: &mut Connection,
    saved: &[Saved<'_>],
) -> Result<(), sqlx::Error> {
    let messages = saved.iter().flat_map(|(commit, committed)| {
        let messages = commit.deliveries.iter();
        messages.map(|message| (owner(commit), message, committed.at_ms))
    });
    let messages: Vec<(Owner<'_>, &NewDelivery, i64)> = messages.collect();
    if messages.is_empty() {
        return Ok(());
    }
    let rows = array_of(&messages, |((tenant, task), message, at_ms)| {
        NewDeliveryRow {
            tenant_id: tenant.as_str(),
            task_id: task.as_str(),
            id: message.id.as_str(),
            webhook_id: message.webhook.as_str(),
            kind: message.kind.as_str(),
            body: plain(&message.body),
            state: DeliveryState::Pending.label(),
            at_ms: *at_ms,
        }
    })?;
    query_file!("queries/commit/insert_deliveries.sql", rows)
        .execute(connection)
        .await?;
    Ok(())
}

/// What becomes of the tasks' other jobs, then of the ones that the commits are made under: until there these are held, so they
/// are not woken. Says which new jobs were handed over.
async fn move_jobs<'a>(
    connection: &mut Connection,
    saved: &[Saved<'a>],
    log: &mut Log<'a>,
    turns: &Mutex<Turns>,
) -> Result<HashSet<String>, sqlx::Error> {
    let mut made = Vec::new();
    for (commit, committed) in saved {
        queue::change(connection, owner(commit), &commit.jobs).await?;
        let parent = match &commit.right {
            Right::Job(guard, _) => Some(&guard.job),
            Right::Owner(..) => None,
        };
        made.extend(commit.jobs.create.iter().map(|job| queue::Made {
            owner: owner(commit),
            job,
            parent,
            to: commit.jobs.taker_of(&job.id),
            now_ms: committed.at_ms,
        }));
    }
    let handed = queue::create(connection, &made, turns).await?;
    for (commit, _) in saved {
        if let Right::Job(guard, after) = &commit.right {
            queue::after(connection, guard, *after, log, turns).await?;
            if let Some(found) = &commit.jobs.quarantine {
                upkeep::quarantine(connection, guard, found).await?;
            }
        }
    }
    Ok(handed.into_iter().collect())
}
