//! Decisions about steps.

use crate::event::{StepFailed, StepResumed, StepStarted, StepSucceeded, StepWaiting};
use crate::id::StepId;
use crate::job::JobAfter;
use crate::mark;
use crate::place;
use crate::policy::Label;
use crate::queue::JobRecovered;
use crate::step::{StepOutcome, StepState};
use crate::task::Waiting;

use super::Wait;
use super::draft::Draft;

/// A worker took the step up, for the first time or again.
pub fn claimed<'a>(
    mut draft: Draft<'a>,
    id: &StepId,
    begun: bool,
    crashes: u32,
) -> Result<Draft<'a>, String> {
    let step = draft.step_in(
        id,
        &[StepState::Ready, StepState::Running, StepState::Waiting],
    )?;
    draft.forget_idle_time(Some(id));
    draft.run("a worker took the step up again");
    if begun {
        draft.note_of(
            id,
            StepResumed {
                key: step.key.clone(),
            },
        );
    } else {
        draft.note_of(
            id,
            StepStarted {
                key: step.key.clone(),
                title: step.title.clone(),
            },
        );
    }
    if crashes > 0 {
        draft.note_of(id, JobRecovered { crashes });
    }
    draft.set_step(id, StepState::Running, None, None);
    Ok(draft)
}

/// The step has a result; what waited for it may go on.
pub fn succeeded<'a>(
    mut draft: Draft<'a>,
    id: &StepId,
    (result, label): (String, Label),
) -> Result<Draft<'a>, String> {
    let step = draft.step_in(id, &[StepState::Running])?;
    draft.note_of(
        id,
        StepSucceeded {
            key: step.key.clone(),
            result: result.clone(),
            label,
        },
    );
    draft.set_step(
        id,
        StepState::Succeeded,
        None,
        Some(StepOutcome {
            result: Some(result),
            error: None,
            label,
            mark: mark::drawn(draft.entropy),
        }),
    );
    draft.out.own_job = JobAfter::Delete;
    draft.settle();
    Ok(draft)
}

/// The step has no result; what needs it stays blocked until a new plan, or is skipped.
pub fn failed<'a>(
    mut draft: Draft<'a>,
    id: &StepId,
    (reason, label): (String, Label),
) -> Result<Draft<'a>, String> {
    let step = draft.step_in(id, &[StepState::Running])?;
    draft.note_of(
        id,
        StepFailed {
            key: step.key.clone(),
            reason: reason.clone(),
        },
    );
    draft.set_step(
        id,
        StepState::Failed,
        None,
        Some(StepOutcome {
            result: None,
            error: Some(reason),
            label,
            mark: mark::drawn(draft.entropy),
        }),
    );
    draft.out.own_job = JobAfter::Delete;
    draft.settle();
    Ok(draft)
}

/// The step holds no worker until its wait ends. The task waits with it if nothing else moves.
pub fn waits<'a>(mut draft: Draft<'a>, id: &StepId, wait: &Wait) -> Result<Draft<'a>, String> {
    let step = draft.step_in(id, &[StepState::Running])?;
    draft.out.charge = draft.out.charge.plus(wait.refund);
    if draft.is_over(wait) {
        draft.set_step(id, StepState::Ready, None, None);
        draft.out.own_job = JobAfter::Delay(0);
        return Ok(draft);
    }
    let waiting = waiting_at(wait, draft.now_ms);
    draft.note_of(
        id,
        StepWaiting {
            key: step.key.clone(),
            wait: wait.kind,
            until_ms: waiting.until_ms,
            reason: waiting.reason.clone(),
        },
    );
    draft.set_step(id, StepState::Waiting, Some(waiting), None);
    draft.out.own_job = wait.delay_ms.map_or(JobAfter::Park, JobAfter::Delay);
    draft.settle();
    Ok(draft)
}

/// The step can be taken up before its time, because what it waits for is there. It waits until a worker takes it up, so nothing
/// else about it changes.
pub fn place_freed<'a>(mut draft: Draft<'a>, id: &StepId) -> Result<Draft<'a>, String> {
    let step = draft.step_in(id, &[StepState::Waiting])?;
    if !step.waiting.as_ref().is_some_and(place::is_waited_for) {
        return Err(format!("step {} waits for no place", step.key));
    }
    draft.out.jobs.take_back.push(id.clone());
    Ok(draft)
}

pub fn waiting_at(wait: &Wait, now_ms: i64) -> Waiting {
    let until_ms = wait
        .delay_ms
        .map(|delay_ms| now_ms.saturating_add(i64::try_from(delay_ms).unwrap_or(i64::MAX)));
    Waiting {
        kind: wait.kind,
        until_ms,
        reason: wait.reason.clone(),
    }
}
