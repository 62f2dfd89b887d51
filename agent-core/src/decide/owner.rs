//! Decisions that the task's owner makes through the API.

use crate::budget::Budget;
use crate::call::{CallDecided, CallDecision};
use crate::event::BudgetRaised;
use crate::id::StepId;
use crate::ports::store::CallState;
use crate::step::StepState;
use crate::task::{TaskState, WaitKind};

use super::draft::Draft;

/// The task ends here, whatever it was doing; its workers learn it from their fences, end what they run of it, and say so in the log.
pub fn cancelled(mut draft: Draft<'_>, reason: Option<String>) -> Draft<'_> {
    let why = reason.map_or_else(
        || "cancelled by its owner".to_owned(),
        |reason| format!("cancelled by its owner: {reason}"),
    );
    draft.finish(TaskState::Cancelled, None, Some(why));
    draft.out.jobs.stop_held = true;
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
    for step in &task.steps {
        if step.state == StepState::Waiting && for_budget(&step.waiting) {
            draft.set_step(&step.id, StepState::Ready, None, None);
            // Its own job and no other: a step that waits for a decision, or for its provider, waits on.
            draft.out.jobs.take_back.push(step.id.clone());
        }
    }
    if draft.out.jobs.take_back.is_empty() {
        // Then it is the plan or the report that waited, if anything did.
        draft.out.jobs.wake = for_budget(&task.waiting);
    }
    if draft.out.jobs.wake || !draft.out.jobs.take_back.is_empty() {
        draft.run("the budget was raised");
    }
    draft
}

/// A call with an unknown outcome is settled, or one that was held is allowed or not, and the step that waited for it goes on under a higher fence: a worker that
/// was about to go on without an answer has read the log before this decision, and must not act on what it read. The job
/// stays the same, since receivers of a call that is made again must never see its fence fall.
pub fn call_decided<'a>(
    mut draft: Draft<'a>,
    id: &StepId,
    decided: CallDecided,
) -> Result<Draft<'a>, String> {
    let step = draft.step_in(id, &[StepState::Waiting])?;
    let waits_for = step.waiting.as_ref().map(|waiting| waiting.kind);
    if waits_for != Some(WaitKind::Approval) {
        let what = waits_for.map_or("something else", WaitKind::label);
        return Err(format!("step {} waits for {what}", step.key));
    }
    if !CallDecision::OF_OWNER.contains(&decided.decision) {
        return Err("an owner decides done, not_done, repeat, approve or deny".to_owned());
    }
    let known = match decided.decision {
        CallDecision::Done => Some(CallState::Returned),
        CallDecision::NotDone => Some(CallState::Failed),
        // The next intent opens the call, again or for the first time; one that is denied was never begun.
        CallDecision::Repeat
        | CallDecision::Approve
        | CallDecision::Deny
        | CallDecision::Undecided => None,
    };
    let settled = known.map(|state| (decided.call.clone(), state));
    draft.out.settled.extend(settled);
    draft.note_of(id, decided);
    draft.set_step(id, StepState::Ready, None, None);
    draft.out.jobs.take_back.push(id.clone());
    draft.run("its owner decided about a call");
    Ok(draft)
}
