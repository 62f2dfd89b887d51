//! The policy check before a call: whether it is made, held for its owner's consent, or not made.
//!
//! What was asked is in the log before the step waits, so a crash in between asks the same question with the same deadline
//! again. A call that is held is charged for when it is made.

use agent_core::event::{RecordedCall, ToolIntended};
use agent_core::policy::{
    self, CallHeld, Consent, Consented, Outward, Question, Read, Source, Trail, Verdict, judge,
};
use tracing::warn;

use super::call::{named, one_line};
use super::help;
use super::owner::Inquiry;
use super::step::StepRun;
use crate::options::Unapproved;
use crate::stop::Stop;

/// What is to be done about a call.
pub enum Checked {
    /// It is made.
    Go(Consent),
    /// It is not, or not yet.
    Held(CallHeld),
}

/// Checks a call.
pub async fn check(step: &StepRun<'_>, call: &RecordedCall) -> Result<Checked, Stop> {
    if let Some(held) = help::held(step, call) {
        return Ok(Checked::Held(held));
    }
    let tools = step.context.parts.tools.as_ref();
    let outward = tools.outward(&call.tool, &call.arguments);
    let (spec, options) = (&step.spec, &step.context.options);
    let mut verdict = judge(&Question {
        outward: &outward,
        label: step.conversation.label(),
        is_private: spec.is_private(),
        policy: &spec.policy,
        network: spec.network.as_ref(),
        approvals: options.approvals,
        is_approved: step.conversation.is_approved(&call.call),
        was_denied: was_denied(step, &outward),
    });
    if let Verdict::IfKnown(otherwise) = verdict {
        verdict = match known(step, &outward).await? {
            Some(consent) => Verdict::Go(consent),
            None => *otherwise,
        };
    }
    let (reason, asked) = match verdict {
        Verdict::Go(consent) => return Ok(Checked::Go(consent)),
        Verdict::Ask(reason) => (reason, true),
        Verdict::Deny(reason) => (reason, false),
        // A judgement has one condition at most. One with more would not be understood, so nothing is made of it.
        Verdict::IfKnown(_) => ("it could not be judged".to_owned(), false),
    };
    warn!(
        tool.name = call.tool,
        tool.call_id = %call.call,
        asked,
        "a call is held"
    );
    Ok(Checked::Held(held(step, call, reason, asked)))
}

/// Whether the owner did not allow a call of this step that would have sent to the same place.
fn was_denied(step: &StepRun<'_>, outward: &Outward) -> bool {
    let tools = step.context.parts.tools.as_ref();
    let mut denied = step.conversation.denied();
    denied.any(|call| tools.outward(&call.tool, &call.arguments).place() == outward.place())
}

fn held(step: &StepRun<'_>, call: &RecordedCall, reason: String, asked: bool) -> CallHeld {
    let tools = step.context.parts.tools.as_ref();
    // All of it: nobody can consent to what they were not shown.
    let content = if asked {
        call.arguments.to_string()
    } else {
        String::new()
    };
    CallHeld {
        call: call.call.clone(),
        tool: call.tool.clone(),
        summary: one_line(&tools.summary(&call.tool, &call.arguments)),
        reason,
        asked,
        decide_by_ms: asked.then(|| decide_by_ms(step)).flatten(),
        content,
        help: None,
    }
}

/// When a step that asks now goes on without an answer; absent where it waits for ever.
pub fn decide_by_ms(step: &StepRun<'_>) -> Option<i64> {
    let deadline_ms = step.context.options.approval_deadline_ms;
    let deadline_ms = (deadline_ms > 0).then(|| i64::try_from(deadline_ms).unwrap_or(i64::MAX));
    deadline_ms.map(|deadline_ms| step.last.at_ms.saturating_add(deadline_ms))
}

/// How a call for this address may be made at once: it carries nothing that the model could have put into it, or leads to a
/// host of a secret of the task.
async fn known(step: &StepRun<'_>, outward: &Outward) -> Result<Option<Consent>, Stop> {
    let (address, of_secret) = match outward {
        Outward::Fetch {
            address,
            host,
            port,
        } => (address, Some((host, *port))),
        // Scripts of a page read the fragment, which is not told apart in what somebody else wrote.
        Outward::Open { address, .. } if address.contains('#') => return Ok(None),
        // A host of a secret may lead a browser on to another.
        Outward::Open { address, .. } => (address, None),
        Outward::Nothing
        | Outward::Page
        | Outward::Send { .. }
        | Outward::Program
        | Outward::Uncaged => return Ok(None),
    };
    if trail(step).leads_to(address) {
        return Ok(Some(Consent::NotNeeded));
    }
    let Some((host, port)) = of_secret.filter(|_| !step.spec.secrets.is_empty()) else {
        return Ok(None);
    };
    let (parts, tenant) = (&step.context.parts, &step.place.tenant);
    let secrets = parts
        .credentials
        .find_sealed(tenant, &step.spec.secrets)
        .await?;
    let mut hosts = secrets.iter().flat_map(|secret| &secret.terms.hosts);
    let is_of_secret = hosts.any(|pattern| pattern.covers(host, port));
    Ok(is_of_secret.then_some(Consent::Granted))
}

/// What the step read of servers. Not what commands printed: those can be told to print anything.
fn trail(step: &StepRun<'_>) -> Trail {
    let tools = step.context.parts.tools.as_ref();
    let mut trail = Trail::new(&step.spec.goal);
    for (call, intended, returned) in step.conversation.made() {
        if tools.source(&call.tool, &call.arguments) == Source::Outside {
            trail.push(&Read {
                outward: tools.outward(&call.tool, &call.arguments),
                label: intended.label,
                arguments: &call.arguments,
                answer: returned
                    .filter(|returned| returned.ok)
                    .map(|returned| returned.content.as_str()),
            });
        }
    }
    trail
}

/// Whether what the call reads of the task's own servers must not reach the network: the task holds private data, and nobody
/// consented to programs that read there and send.
pub fn is_apart(step: &StepRun<'_>) -> bool {
    let spec = &step.spec;
    let verdict = judge(&Question {
        outward: &Outward::Program,
        label: step.conversation.label(),
        is_private: spec.is_private(),
        policy: &spec.policy,
        network: spec.network.as_ref(),
        approvals: step.context.options.approvals,
        is_approved: false,
        was_denied: false,
    });
    !matches!(verdict, Verdict::Go(_))
}

/// The only hosts that redirects may take a call to: else it could carry elsewhere what it was consented to for one.
pub fn redirects_within(step: &StepRun<'_>, intended: &ToolIntended) -> Option<Vec<String>> {
    let (spec, tools) = (&step.spec, step.context.parts.tools.as_ref());
    policy::redirects_within(&Consented {
        outward: &tools.outward(&intended.tool, &intended.arguments),
        consent: intended.consent,
        policy: &spec.policy,
        network: spec.network.as_ref(),
        approvals: step.context.options.approvals,
    })
}

/// What the owner is asked about a call that is held.
pub fn asked<'a>(step: &StepRun<'_>, held: &'a CallHeld) -> Inquiry<'a> {
    let fails = step.context.options.approval_undecided == Unapproved::Fail;
    let failure = || {
        let what = named(&held.tool, &held.summary);
        let reason = &held.reason;
        format!("nobody said in time whether {what} may be made: {reason}")
    };
    Inquiry {
        call: &held.call,
        tool: &held.tool,
        decide_by_ms: held.decide_by_ms,
        question: question(step, held),
        failure: fails.then(failure),
    }
}

fn question(step: &StepRun<'_>, held: &CallHeld) -> String {
    let (task, call, what) = (
        &step.place.task,
        &held.call,
        named(&held.tool, &held.summary),
    );
    format!(
        "{what} needs consent: {}. `errand logs {task}` shows what it would send; decide with `errand decide {task} {call} \
         approve|deny`, or POST /v1/tasks/{task}/calls/{call}/decision",
        held.reason
    )
}
