//! The decision that ends a task by its report.

use crate::report::final_state;
use crate::step::StepState;
use crate::task::{Task, TaskResult, TaskState};

use super::draft::Draft;

/// The final state follows from steps and checks; the report's own words can only lower it.
pub fn reported(mut draft: Draft<'_>, mut result: TaskResult) -> Result<Draft<'_>, String> {
    let task = draft.task;
    if let Some(step) = task
        .steps
        .iter()
        .find(|step| step.state == StepState::Blocked)
    {
        return Err(format!("step {} is {}", step.key, step.state.label()));
    }
    let state = final_state(task, &result.criteria, &result.not_done);
    add_what_is_not_done(task, &mut result);
    let error = match state {
        TaskState::Failed => Some(first_reason(&result)),
        TaskState::Queued
        | TaskState::Running
        | TaskState::Waiting
        | TaskState::Succeeded
        | TaskState::Partial
        | TaskState::Cancelled => None,
    };
    draft.finish(state, Some(result), error);
    Ok(draft)
}

/// What the steps and the checks show as not done is said, whether or not the report's writer said it.
fn add_what_is_not_done(task: &Task, result: &mut TaskResult) {
    let current = task
        .steps
        .iter()
        .filter(|step| step.plan_version == task.plan_version);
    let missing = current.filter(|step| step.state != StepState::Succeeded);
    let steps =
        missing.map(|step| format!("Step {} ({}) {}.", step.key, step.title, step.state.label()));
    let refuted = result
        .criteria
        .iter()
        .filter(|verdict| verdict.holds == Some(false));
    let checks = refuted.map(|verdict| {
        format!(
            "Step {}: it does not hold that {} ({}).",
            verdict.step, verdict.criterion, verdict.found
        )
    });
    let found: Vec<String> = steps.chain(checks).collect();
    result.not_done.extend(found);
}

fn first_reason(result: &TaskResult) -> String {
    let refuted = result
        .criteria
        .iter()
        .find(|verdict| verdict.holds == Some(false));
    let from_check = refuted.map(|verdict| format!("{}: {}", verdict.criterion, verdict.found));
    result
        .not_done
        .first()
        .cloned()
        .or(from_check)
        .unwrap_or_else(|| "no step succeeded".to_owned())
}
