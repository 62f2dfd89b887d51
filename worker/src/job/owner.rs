//! A step that waits for what its task's owner decides about a call.

use agent_core::budget::Spend;
use agent_core::call::{CallDecided, CallDecision};
use agent_core::decide::Wait;
use agent_core::event::NewEvent;
use agent_core::id::CallId;
use agent_core::task::WaitKind;

use super::step::StepRun;
use crate::stop::Stop;

/// What the owner was asked, as the log has it.
pub struct Inquiry<'a> {
    /// The call.
    pub call: &'a CallId,
    /// The tool's name.
    pub tool: &'a str,
    /// When it goes on without an answer, in milliseconds since the epoch; absent when it waits for ever.
    pub decide_by_ms: Option<i64>,
    /// What the owner reads while the task waits.
    pub question: String,
    /// Why the step fails without an answer in time; absent where it goes on.
    pub failure: Option<String>,
}

/// Waits for the owner's decision, or goes on without it when its time is over. `false`: the step has failed.
pub async fn await_decision(step: &mut StepRun<'_>, asked: Inquiry<'_>) -> Result<bool, Stop> {
    let left_ms = asked
        .decide_by_ms
        .map(|by_ms| by_ms.saturating_sub(step.last.at_ms));
    if left_ms.is_none_or(|left_ms| left_ms > 0) {
        return Err(Stop::Wait(Box::new(Wait {
            kind: WaitKind::Approval,
            reason: asked.question,
            delay_ms: left_ms.and_then(|left_ms| u64::try_from(left_ms).ok()),
            limit: None,
            refund: Spend::default(),
        })));
    }
    if let Some(failure) = asked.failure {
        step.fail(failure).await?;
        return Ok(false);
    }
    let decided = CallDecided {
        call: asked.call.clone(),
        tool: asked.tool.to_owned(),
        decision: CallDecision::Undecided,
        note: None,
    };
    let commit = step.context.blank();
    step.commit(commit, vec![NewEvent::of_step(&step.id, decided)])
        .await?;
    Ok(true)
}
