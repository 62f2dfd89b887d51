//! The plan job: from a goal to an accepted plan, with one repair round.

use std::collections::BTreeSet;
use std::sync::Arc;

use agent_core::budget::Spend;
use agent_core::conversation::finish_spec;
use agent_core::decide::Input;
use agent_core::event::{ModelReplied, NewEvent};
use agent_core::image::ImageBytes;
use agent_core::mark;
use agent_core::plan::{Plan, faults, plan_schema};
use agent_core::ports::model::{AnswerSchema, Message, ModelRequest, ModelRole};
use agent_core::prompt::{
    Earlier, FileLine, PlannerPrompt, StepResult, goal_text, planner_messages, repair_message,
};
use agent_core::step::{Step, StepOutcome, StepState};
use agent_core::task::{Task, TaskSpec};

use super::ask::{Asked, Question, ask};
use crate::context::Context;
use crate::fold::replies_of;
use crate::stop::Stop;

/// Plans that the planner may propose: the first and one repair.
const ROUNDS_MAX: usize = 2;

pub async fn run(context: &Context) -> Result<(), Stop> {
    let mut seen = context.see().await?;
    let spec = context.spec(&seen.task).await?;
    let mut replies = replies_of("plan", context.events(None).await?);
    let claimed = Input::Claimed {
        step: None,
        begun: false,
        crashes: context.claim.deaths(),
    };
    // What was recorded before may already answer the question.
    let mut charged = replies.is_empty();
    let charge = if charged {
        Spend::MODEL_CALL
    } else {
        Spend::default()
    };
    // Before anything is charged: what it reads may be away for long.
    let opening = opening(context, &seen.task, &spec).await?;
    let mut committed = context.transition(&mut seen, claimed, charge).await?;
    // The last reply, as long as it is not in the log.
    let mut unrecorded: Option<(NewEvent, Spend)> = None;
    loop {
        let judged: Vec<Result<Plan, Vec<String>>> = replies
            .iter()
            .map(|reply| judge(&seen.task, reply))
            .collect();
        if let Some(Ok(plan)) = judged.last() {
            let accepted = Input::PlanAccepted { plan: plan.clone() };
            let (before, charge) = unrecorded.unzip();
            let (before, charge) = (before.as_slice(), charge.unwrap_or_default());
            return context
                .transition_after(&mut seen, before, accepted, charge)
                .await
                .map(|_| ());
        }
        if let Some((event, spend)) = unrecorded.take() {
            let mut commit = context.blank();
            commit.charge = spend;
            context.append(commit, &[event]).await?;
        }
        if judged.len() >= ROUNDS_MAX {
            let found = judged
                .last()
                .and_then(|last| last.as_ref().err())
                .map(|found| found.join("; "));
            let reason = format!(
                "the planner's plan still has faults: {}",
                found.unwrap_or_default()
            );
            return context
                .transition(&mut seen, Input::PlanFailed { reason }, Spend::default())
                .await
                .map(|_| ());
        }
        if !charged {
            let mut charge = context.blank();
            charge.charge = Spend::MODEL_CALL;
            committed = context.append(charge, &[]).await?;
        }
        charged = false;
        context.may_go_on(&committed, Spend::MODEL_CALL)?;
        let request = request(&opening, &replies, &judged);
        let turn = u32::try_from(replies.len() + 1).unwrap_or(u32::MAX);
        match ask(
            context,
            Question {
                job: "plan",
                turn,
                request,
            },
        )
        .await?
        {
            Asked::Waits => return Ok(()),
            Asked::Failed(failure) => {
                let reason = format!("the planner gave no plan: {failure}");
                let spend = Spend::tokens(failure.tokens_all_attempts);
                return context
                    .transition(&mut seen, Input::PlanFailed { reason }, spend)
                    .await
                    .map(|_| ());
            }
            Asked::Replied(reply, spend) => {
                unrecorded = Some((NewEvent::of_task((*reply).clone()), spend));
                replies.push(*reply);
            }
        }
    }
}

fn request(
    opening: &[Message],
    replies: &[ModelReplied],
    judged: &[Result<Plan, Vec<String>>],
) -> ModelRequest {
    let mut messages = opening.to_vec();
    for (reply, verdict) in replies.iter().zip(judged) {
        let (text, thought) = (reply.text.clone(), reply.thought.clone());
        messages.push(Message::Assistant {
            text,
            thought,
            calls: Vec::new(),
        });
        if let Err(found) = verdict {
            messages.push(repair_message(found));
        }
    }
    ModelRequest {
        role: ModelRole::Planner,
        messages,
        images: ImageBytes::new(),
        tools: Arc::default(),
        answer: Some(AnswerSchema {
            name: "plan".to_owned(),
            schema: plan_schema(),
        }),
        deadline: std::time::Duration::ZERO,
    }
}

/// The plan in a reply, or its faults.
fn judge(task: &Task, reply: &ModelReplied) -> Result<Plan, Vec<String>> {
    let text = reply.text.as_deref().unwrap_or_default();
    let plan: Plan = serde_json::from_str(text)
        .map_err(|error| vec![format!("the answer is not a plan: {error}")])?;
    let done: BTreeSet<String> = task
        .steps
        .iter()
        .filter(|step| step.state == StepState::Succeeded)
        .map(|step| step.key.clone())
        .collect();
    let taken: BTreeSet<String> = task.steps.iter().map(|step| step.key.clone()).collect();
    let found = faults(&plan, &done, &taken);
    if found.is_empty() {
        Ok(plan)
    } else {
        Err(found)
    }
}

async fn opening(context: &Context, task: &Task, spec: &TaskSpec) -> Result<Vec<Message>, Stop> {
    let files: Vec<FileLine> = spec
        .files
        .iter()
        .map(|file| FileLine {
            path: file.name.clone(),
            bytes: file.blob.bytes,
        })
        .collect();
    let mut tools = context.allowed_tools(spec);
    tools.push(finish_spec());
    let earlier = if task.plan_version > 0 {
        Some(earlier(context, task).await?)
    } else {
        None
    };
    Ok(planner_messages(&PlannerPrompt {
        goal: &goal_text(spec),
        files: &files,
        tools: &tools,
        budget: task.budget,
        earlier,
    }))
}

async fn earlier(context: &Context, task: &Task) -> Result<Earlier, Stop> {
    let mut earlier = Earlier {
        done: Vec::new(),
        open: Vec::new(),
    };
    for step in &task.steps {
        let outcome = outcome_of(context, step).await?;
        let mark = mark_of(step, outcome.as_ref());
        match outcome {
            Some(StepOutcome {
                result: Some(result),
                ..
            }) => {
                earlier.done.push(StepResult {
                    mark,
                    key: step.key.clone(),
                    result,
                });
            }
            Some(StepOutcome { error, .. }) => {
                earlier.open.push(StepResult {
                    mark,
                    key: step.key.clone(),
                    result: format!("failed: {}", error.unwrap_or_default()),
                });
            }
            None => earlier.open.push(StepResult {
                mark,
                key: step.key.clone(),
                result: "not begun".to_owned(),
            }),
        }
    }
    Ok(earlier)
}

/// The word of the marks around a step's result. One that ended before there were such words has one of its id.
pub fn mark_of(step: &Step, outcome: Option<&StepOutcome>) -> String {
    let drawn = outcome.map(|outcome| outcome.mark.clone());
    drawn
        .filter(|drawn| !drawn.is_empty())
        .unwrap_or_else(|| mark::word(step.id.as_str()))
}

/// How a step ended, if it did.
pub async fn outcome_of(context: &Context, step: &Step) -> Result<Option<StepOutcome>, Stop> {
    match &step.outcome {
        Some(stored) => Ok(Some(context.read_json(stored).await?)),
        None => Ok(None),
    }
}
