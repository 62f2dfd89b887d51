//! Calls that must not be made twice, and of which nobody knows whether they had their effect.
//!
//! Such a call is never made again by a worker's own choice. Inside the sandbox the model can look for itself and is told
//! to. Outside it, the step asks the task's owner and holds no worker meanwhile. What was asked is in the log before the
//! step waits, so a crash in between asks the same question with the same deadline again.

use agent_core::event::{NewEvent, ToolIntended, ToolUnknown};
use agent_core::ports::store::{CallChange, CallState};
use tracing::warn;

use super::call::named;
use super::owner::Inquiry;
use super::step::StepRun;
use crate::options::{Undecided, UnknownCall};
use crate::stop::Stop;

const CUT_OFF: &str = "its worker was cut off before the result was in the log";

/// Records that the outcome of a call is unknown, with what is done about it.
pub async fn settle(step: &mut StepRun<'_>, intended: &ToolIntended) -> Result<(), Stop> {
    let options = &step.context.options;
    let (asks, wait_ms) = match options.unknown_call_decision {
        UnknownCall::Ask => (intended.outside, options.unknown_call_deadline_ms),
        // The question whose time is over at once.
        UnknownCall::Fail => (intended.outside, 0),
        UnknownCall::TellModel => (false, 0),
    };
    let for_ever = options.unknown_call_decision == UnknownCall::Ask && wait_ms == 0;
    let by_ms = i64::try_from(wait_ms).unwrap_or(i64::MAX);
    let by_ms = step.last.at_ms.saturating_add(by_ms);
    let decide_by_ms = (asks && !for_ever).then_some(by_ms);
    warn!(
        tool.name = intended.tool,
        tool.call_id = %intended.call,
        asks,
        "the outcome of a call is unknown"
    );
    let unknown = ToolUnknown {
        call: intended.call.clone(),
        tool: intended.tool.clone(),
        reason: CUT_OFF.to_owned(),
        asked: asks,
        decide_by_ms,
    };
    let event = NewEvent::of_step(&step.id, unknown);
    let mut commit = step.context.blank();
    commit.calls.push(CallChange::Settled {
        call: intended.call.clone(),
        state: CallState::Unknown,
    });
    step.commit(commit, vec![event]).await
}

/// What the owner is asked about such a call.
pub fn asked<'a>(
    step: &StepRun<'_>,
    intended: &'a ToolIntended,
    unknown: &ToolUnknown,
) -> Inquiry<'a> {
    let options = &step.context.options;
    let fails = options.unknown_call_decision == UnknownCall::Fail
        || options.unknown_call_undecided == Undecided::Fail;
    let failure = || {
        let what = named(&intended.tool, &intended.summary);
        format!("it is not known whether {what} had its effect: {CUT_OFF}")
    };
    Inquiry {
        call: &intended.call,
        tool: &intended.tool,
        decide_by_ms: unknown.decide_by_ms,
        question: question(step, intended),
        failure: fails.then(failure),
    }
}

fn question(step: &StepRun<'_>, intended: &ToolIntended) -> String {
    let (task, call, what) = (
        &step.place.task,
        &intended.call,
        named(&intended.tool, &intended.summary),
    );
    format!(
        "it is not known whether {what} had its effect: {CUT_OFF}. Look, then decide: `errand decide {task} {call} \
done|not_done|repeat`, or POST /v1/tasks/{task}/calls/{call}/decision"
    )
}
