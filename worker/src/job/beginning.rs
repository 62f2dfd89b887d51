//! What a step begins from: whose words, which messages, which files.

use agent_core::conversation::Conversation;
use agent_core::event::EventBody;
use agent_core::id::StepId;
use agent_core::plan::StepSpec;
use agent_core::policy::Label;
use agent_core::ports::model::Message;
use agent_core::prompt::{StepPrompt, StepResult, goal_text, step_messages};
use agent_core::step::Step;
use agent_core::task::{Task, TaskSpec};
use agent_core::workspace::Manifest;

use super::plan::{mark_of, outcome_of};
use crate::context::Context;
use crate::files::{Files, Lineage};
use crate::stop::Stop;

pub fn step_of<'a>(task: &'a Task, id: &StepId) -> Result<&'a Step, Stop> {
    task.step(id)
        .ok_or_else(|| Stop::Damaged("a step job names no step of its task".to_owned()))
}

/// Whose words the step begins with: those of the files, of the results that it needs, and of those that its plan was made from.
pub async fn label(
    context: &Context,
    task: &Task,
    spec: &TaskSpec,
    id: &StepId,
) -> Result<Label, Stop> {
    let step = step_of(task, id)?;
    let mut label = spec.label();
    let read = task
        .steps
        .iter()
        .filter(|one| step.depends_on.contains(&one.id) || one.plan_version < step.plan_version);
    for one in read {
        if label == Label::Outside {
            break;
        }
        let outcome = outcome_of(context, one).await?;
        label = outcome.map_or(label, |outcome| label.max(outcome.label));
    }
    Ok(label)
}

/// What the step begins from: the messages that open its conversation, and its files as the log knows them.
pub async fn inputs(
    context: &Context,
    task: &Task,
    spec: &TaskSpec,
    id: &StepId,
    conversation: &Conversation,
) -> Result<(Vec<Message>, Manifest), Stop> {
    let step = step_of(task, id)?;
    let lineage = Lineage::of(context, task, &spec.snapshot, step).await?;
    let files = lineage.before(step);
    let opening = opening(context, task, spec, step, &files).await?;
    let manifest = match conversation.snapshot().or(step.snapshot.as_ref()) {
        Some(name) => {
            let workspaces = &context.parts.workspaces;
            workspaces.manifest(&context.claim.tenant, name).await?
        }
        None => files.manifest,
    };
    Ok((opening, manifest))
}

async fn opening(
    context: &Context,
    task: &Task,
    spec: &TaskSpec,
    step: &Step,
    files: &Files,
) -> Result<Vec<Message>, Stop> {
    let step_spec: StepSpec = context.read_json(&step.spec).await?;
    let in_force = task
        .steps
        .iter()
        .filter(|one| one.plan_version == step.plan_version);
    let steps: Vec<(String, String)> = in_force
        .map(|one| (one.key.clone(), one.title.clone()))
        .collect();
    let mut results = Vec::new();
    for needed in step.depends_on.iter().filter_map(|id| task.step(id)) {
        let outcome = outcome_of(context, needed).await?;
        let mark = mark_of(needed, outcome.as_ref());
        if let Some(result) = outcome.and_then(|outcome| outcome.result) {
            results.push(StepResult {
                mark,
                key: needed.key.clone(),
                result,
            });
        }
    }
    let overview = overview(context, step.plan_version).await?;
    Ok(step_messages(&StepPrompt {
        goal: &goal_text(spec),
        overview: &overview,
        steps: &steps,
        spec: &step_spec,
        results: &results,
        files: &files.lines(),
        remarks: &files.remarks(),
    }))
}

async fn overview(context: &Context, plan_version: u32) -> Result<String, Stop> {
    let events = context.events(None).await?;
    let found = events.into_iter().find_map(|body| {
        let EventBody::PlanAccepted(accepted) = body else {
            return None;
        };
        (accepted.plan_version == plan_version).then_some(accepted.plan.overview)
    });
    Ok(found.unwrap_or_default())
}
