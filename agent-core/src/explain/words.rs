//! The sentences of an explanation: what is the matter, and what to do.

use super::{Cause, Look, Reason, Subject};
use crate::ENGINE_VERSION;
use crate::budget::{Limit, Spend};
use crate::delivery::rfc3339;
use crate::place;
use crate::queue::OpenCall;
use crate::task::WaitKind;

/// Adds both sentences. `said` is what was noted when the thing was put aside.
pub fn add(reason: &mut Reason, look: &Look<'_>, said: Option<&str>) {
    reason.explanation = explanation(reason, look, said);
    reason.advice = advice(reason, look, said);
}

/// Whether what was noted is that no place of a tool was free.
fn is_for_a_place(said: Option<&str>) -> bool {
    said.is_some_and(|said| place::is_reason(WaitKind::Capacity, said))
}

fn name(subject: &Subject) -> String {
    match subject {
        Subject::Plan => "the plan".to_owned(),
        Subject::Step { key, .. } => format!("step {key}"),
        Subject::Report => "the report".to_owned(),
        Subject::Delivery(id) => format!("message {id}"),
        Subject::Call(id) => format!("call {id}"),
        Subject::Task => "the task".to_owned(),
    }
}

/// Whether the task was begun under rules that came after this release.
fn is_of_newer_release(look: &Look<'_>) -> bool {
    look.task.engine > ENGINE_VERSION
}

/// A span for people.
fn span(ms: i64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200.. => format!("{} h", seconds / 3_600),
    }
}

fn explanation(reason: &Reason, look: &Look<'_>, said: Option<&str>) -> String {
    let what = name(&reason.subject);
    let noted = said.map(|said| format!(": {said}")).unwrap_or_default();
    let until = reason.until_ms.map(|until_ms| {
        let left_ms = until_ms.saturating_sub(look.queue.read_at_ms);
        format!("{} (in {})", rfc3339(until_ms), span(left_ms))
    });
    let at_the_latest = until.as_ref().map(|until| {
        format!(", and looks for one again, maybe on another worker, at {until} at the latest")
    });
    let until = until
        .map(|until| format!(" until {until}"))
        .unwrap_or_default();
    match reason.cause {
        Cause::Held | Cause::HolderSilent => held(&what, reason, look),
        Cause::Queued | Cause::NoWorker if is_of_newer_release(look) => format!(
            "{what} is ready, but its task follows the rules of version {}, and this release knows those up to {ENGINE_VERSION}; only a worker of the newer release takes it up",
            look.task.engine
        ),
        Cause::Queued => format!("{what} is ready, and a worker takes it up when it has a place"),
        Cause::NoWorker => match look.queue.heartbeat_at_ms {
            Some(at_ms) => format!(
                "{what} is ready, but the last sign of life of any worker is {} old",
                span(look.age_ms(at_ms))
            ),
            None => format!("{what} is ready, but no worker runs"),
        },
        Cause::Steps => format!("{what} needs {}", reason.waits_for.join(", ")),
        Cause::Capacity if is_for_a_place(said) => {
            let noted = said.unwrap_or_default();
            format!("{what} {noted}{}", at_the_latest.unwrap_or_default())
        }
        Cause::Input
        | Cause::Approval
        | Cause::Budget
        | Cause::Provider
        | Cause::Timer
        | Cause::Capacity => format!("{what} waits{until}{noted}"),
        Cause::Receiver => format!("{what} could not be handed over and is sent again{until}"),
        Cause::Undelivered => format!("{what} was given up{noted}"),
        Cause::Quarantined => format!("{what} was set aside{noted}"),
        Cause::Unreadable => format!("{what} was set aside, because its job cannot be read{noted}"),
        Cause::CutOff => cut_off(&what, reason, look),
        Cause::Lost => format!("nothing carries {what}"),
    }
}

fn held(what: &str, reason: &Reason, look: &Look<'_>) -> String {
    let Some(holder) = &reason.holder else {
        return format!("{what} is held");
    };
    let heard = holder.heartbeat_age_ms.map_or_else(
        || "which nobody knows any more".to_owned(),
        |age_ms| format!("last heard of {} ago", span(age_ms)),
    );
    let call = reason.call.as_ref().map(|call| {
        let age = span(look.age_ms(call.last_begun_ms));
        let again = first_begun(call, look);
        format!(
            "; it makes call {} ({}) since {age}{again}",
            call.call, call.tool
        )
    });
    format!(
        "{what} is held by worker {} (life {}), {heard}{}",
        holder.worker.0,
        holder.epoch,
        call.unwrap_or_default()
    )
}

fn cut_off(what: &str, reason: &Reason, look: &Look<'_>) -> String {
    let (tool, began, again) = reason.call.as_ref().map_or_else(
        || ("a tool", 0, String::new()),
        |call| {
            let began = look.age_ms(call.last_begun_ms);
            (call.tool.as_str(), began, first_begun(call, look))
        },
    );
    format!(
        "{what} ({tool}) was begun {} ago{again} and had not come back when the task ended; its outcome is not recorded",
        span(began)
    )
}

/// When a call was first begun, where that is another time than the last.
fn first_begun(call: &OpenCall, look: &Look<'_>) -> String {
    if call.last_begun_ms == call.since_ms {
        return String::new();
    }
    let age = span(look.age_ms(call.since_ms));
    format!(", again after its worker was stopped or lost; it was first begun {age} ago")
}

fn advice(reason: &Reason, look: &Look<'_>, said: Option<&str>) -> String {
    let task = &look.task.id;
    match reason.cause {
        Cause::Held if reason.call.is_some() || matches!(reason.subject, Subject::Delivery(_)) => {
            "nothing: a worker is at work on it".to_owned()
        }
        // Questions are not in the log before they are answered.
        Cause::Held => "nothing: a worker is at work on it; a model that is silent is waited for as long as worker.model_deadline_ms and model.timeouts say, and then the log says so".to_owned(),
        Cause::HolderSilent => {
            "nothing, if other workers run: one takes over when the lease lapses; otherwise start `errand worker` or `errand serve`"
                .to_owned()
        }
        Cause::Queued | Cause::NoWorker if is_of_newer_release(look) => {
            "start workers of the release under which the task was begun, or of a newer one".to_owned()
        }
        Cause::Queued => {
            "nothing; if this lasts, either all places are taken (start more workers, or raise worker.concurrency), or this tenant has as many jobs at work as each worker lets it (worker.tenant_jobs_at_once)"
                .to_owned()
        }
        Cause::NoWorker => {
            "start a worker: `errand worker`, or `errand serve` on a single machine".to_owned()
        }
        Cause::Steps => "nothing: look at the steps that it needs".to_owned(),
        Cause::Input => format!("give the answer that the reason asks for, or {}", or_cancel(look)),
        Cause::Approval => decide_advice(reason, look),
        Cause::Budget => budget_advice(look),
        Cause::Provider => format!(
            "nothing: it asks again by itself; if this lasts, check the model's provider and its key with `errand doctor`, or {}",
            or_cancel(look)
        ),
        Cause::Timer => "nothing: it goes on by itself".to_owned(),
        Cause::Capacity if is_for_a_place(said) => {
            "nothing: it goes on when a call of that tool ends; if this lasts, raise the tool's limit (worker.tool_calls_at_once) or start more workers"
                .to_owned()
        }
        Cause::Capacity => "see to what the reason names, on the machine that it is about: room, the blob store, the sandbox; `errand doctor` there says what is missing; it tries again by itself".to_owned(),
        Cause::Receiver => format!(
            "nothing: it is sent again by itself; if this lasts, see what came of it with `errand logs {task}`, then check the receiver, or allow its host (egress.allow_private)"
        ),
        Cause::Undelivered | Cause::Quarantined | Cause::Unreadable => dead_advice(reason, look),
        Cause::CutOff => "nothing: a worker that still makes it stops within seconds; look where it would have had its effect".to_owned(),
        Cause::Lost => format!(
            "this is a fault of the program: {}, submit it again, and report it",
            or_cancel(look)
        ),
    }
}

fn or_cancel(look: &Look<'_>) -> String {
    format!("cancel the task: `errand cancel {}`", look.task.id)
}

fn decide_advice(reason: &Reason, look: &Look<'_>) -> String {
    let task = &look.task.id;
    let Some(call) = &reason.call else {
        return format!(
            "decide on the call that the reason names, as it says: `errand decide {task} CALL …`, or {}",
            or_cancel(look)
        );
    };
    let call = &call.call;
    format!(
        "look whether it had its effect, then `errand decide {task} {call} done|not_done|repeat` (POST /v1/tasks/{task}/calls/{call}/decision), or {}",
        or_cancel(look)
    )
}

fn budget_advice(look: &Look<'_>) -> String {
    let task = &look.task.id;
    let spent = look.task.spent_at(look.queue.read_at_ms);
    // The charge for the call that was not made was given back, so the next one is what the limit forbids.
    let next = spent.plus(Spend {
        model_calls: 1,
        tool_calls: 1,
        ..Spend::default()
    });
    let limit = look.task.budget.exhausted(&next);
    let flag = match limit {
        Some(Limit::ModelCalls) => "--budget-model-calls N",
        Some(Limit::ToolCalls) => "--budget-tool-calls N",
        Some(Limit::Tokens) => "--budget-tokens N",
        Some(Limit::WallMs) => "--budget-minutes N",
        None => "and the limit that the reason names",
    };
    format!(
        "raise the budget: `errand budget {task} {flag}` (POST /v1/tasks/{task}/budget), or {}",
        or_cancel(look)
    )
}

fn dead_advice(reason: &Reason, look: &Look<'_>) -> String {
    let id = match (&reason.subject, &reason.job) {
        // A message that was given up is known by its own id, a job that sends one by the job's.
        (_, Some(job)) => job.to_string(),
        (Subject::Delivery(id), None) => id.to_string(),
        (_, None) => "ID".to_owned(),
    };
    let requeue = format!(
        "see `errand dead list`; when the cause is gone, `errand dead requeue {id}` (POST /v1/dead/{id}/requeue)"
    );
    if look.task.state.is_final() {
        return requeue;
    }
    format!("{requeue}, or {}", or_cancel(look))
}
