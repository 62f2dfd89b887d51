//! A call for a person: the step waits until somebody did in its browser what the model asks for, and only then is the call made.

use agent_core::event::RecordedCall;
use agent_core::help::HelpAsked;
use agent_core::id::CallId;
use agent_core::policy::{Approvals, CallHeld, Consent};
use agent_core::ports::tool::ToolOutcome;
use tracing::info;

use super::call::{self, named, one_line};
use super::consent;
use super::owner::Inquiry;
use super::step::StepRun;
use crate::options::Unapproved;
use crate::stop::Stop;

/// The question, if this call asks for a person who has not helped yet. A task whose owner is never asked gets no person either.
pub fn held(step: &StepRun<'_>, call: &RecordedCall) -> Option<CallHeld> {
    let tools = step.context.parts.tools.as_ref();
    let help = tools.help(&call.tool, &call.arguments)?;
    if step.conversation.helped(&call.call).is_some() {
        return None;
    }
    let approvals = step.spec.policy.approvals;
    let asked = approvals.unwrap_or(step.context.options.approvals) != Approvals::Deny;
    info!(tool.name = call.tool, tool.call_id = %call.call, asked, "a person is asked for");
    Some(CallHeld {
        call: call.call.clone(),
        tool: call.tool.clone(),
        summary: one_line(&tools.summary(&call.tool, &call.arguments)),
        reason: "it needs a person at the browser of the task".to_owned(),
        asked,
        decide_by_ms: asked.then(|| consent::decide_by_ms(step)).flatten(),
        content: String::new(),
        help: Some(help),
    })
}

/// Has kept for the person what they need, before the step waits for them.
pub async fn keep(step: &StepRun<'_>, held: &CallHeld) -> Result<(), Stop> {
    let asked = step.conversation.call(&held.call);
    if let (Some(_), Some(asked)) = (&held.help, asked) {
        let (intended, _) = call::intent(step, asked, Consent::NotNeeded);
        let call = call::tool_call(step, &intended).await?;
        step.context.parts.tools.await_person(call);
    }
    Ok(())
}

/// What the owner is asked.
pub fn asked<'a>(step: &StepRun<'_>, held: &'a CallHeld, wanted: &HelpAsked) -> Inquiry<'a> {
    let (task, call) = (&step.place.task, &held.call);
    let question = format!(
        "{} asks for a person ({}): {:?}. See and use the page in the console, or through GET /v1/tasks/{task}/browser; then \
         `errand decide {task} {call} done|not_done`, or POST /v1/tasks/{task}/calls/{call}/decision",
        held.tool,
        wanted.why.label(),
        one_line(&wanted.note),
    );
    let fails = step.context.options.approval_undecided == Unapproved::Fail;
    let failure = || {
        let what = named(&held.tool, &held.summary);
        format!("nobody helped in time: {what}")
    };
    Inquiry {
        call,
        tool: &held.tool,
        decide_by_ms: held.decide_by_ms,
        question,
        failure: fails.then(failure),
    }
}

/// Adds to the answer of a call what the person said who helped before it.
pub fn tell(step: &StepRun<'_>, outcome: &mut ToolOutcome, call: &CallId) {
    let decided = step.conversation.helped(call);
    if let Some(note) = decided.and_then(|decided| decided.note.as_ref()) {
        outcome.content = format!("The person says: {note}\n\n{}", outcome.content);
    }
}
