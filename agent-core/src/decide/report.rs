//! The decision that ends a task by its report.

use crate::report::final_state;
use crate::step::StepState;
use crate::task::{TaskResult, TaskState};

use super::draft::Draft;

/// The final state follows from steps and checks; the report's own words can only lower it.
pub fn reported(mut draft: Draft<'_>, result: TaskResult) -> Result<Draft<'_>, String> {
    let task = draft.task;
    if let Some(step) = task
        .steps
        .iter()
        .find(|step| step.state == StepState::Blocked)
    {
        return Err(format!("step {} is {}", step.key, step.state.label()));
    }
    let state = final_state(task, &result.criteria, &result.not_done);
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
