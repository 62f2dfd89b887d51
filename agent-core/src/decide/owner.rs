//! Decisions that the task's owner makes through the API.

use crate::budget::Budget;
use crate::event::BudgetRaised;
use crate::step::StepState;
use crate::task::{TaskState, WaitKind};

use super::draft::Draft;

/// The task ends here, whatever it was doing; its workers learn it from their fences.
pub fn cancelled(mut draft: Draft<'_>, reason: Option<String>) -> Draft<'_> {
    let why = reason.map_or_else(
        || "cancelled by its owner".to_owned(),
        |reason| format!("cancelled by its owner: {reason}"),
    );
    draft.finish(TaskState::Cancelled, None, Some(why));
    draft
}

/// The limits change, and what waited for them goes on.
pub fn budget_raised(mut draft: Draft<'_>, budget: Budget) -> Draft<'_> {
    draft.out.task.budget = budget;
    draft.note(BudgetRaised { budget });
    let task = draft.task;
    let for_budget = |waiting: &Option<crate::task::Waiting>| {
        waiting.as_ref().is_some_and(|w| w.kind == WaitKind::Budget)
    };
    let mut woken = for_budget(&task.waiting);
    for step in &task.steps {
        if step.state == StepState::Waiting && for_budget(&step.waiting) {
            draft.set_step(&step.id, StepState::Ready, None, None);
            woken = true;
        }
    }
    if woken {
        draft.out.jobs.wake = true;
        draft.run("the budget was raised");
    }
    draft
}
