//! The sentences of an explanation: what is the matter, and what to do.

use super::{Cause, Look, Reason, Subject};
use crate::delivery::rfc3339;

/// Adds both sentences. `said` is what was noted when the thing was put aside.
pub fn add(reason: &mut Reason, look: &Look<'_>, said: Option<&str>) {
    reason.explanation = explanation(reason, look, said);
    reason.advice = advice(reason, look);
}

fn name(subject: &Subject) -> String {
    match subject {
        Subject::Plan => "the plan".to_owned(),
        Subject::Step { key, .. } => format!("step {key}"),
        Subject::Report => "the report".to_owned(),
        Subject::Delivery(id) => format!("message {id}"),
        Subject::Task => "the task".to_owned(),
    }
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
        format!(" until {} (in {})", rfc3339(until_ms), span(left_ms))
    });
    let until = until.unwrap_or_default();
    match reason.cause {
        Cause::Held | Cause::HolderSilent => held(&what, reason),
        Cause::Queued => format!("{what} is ready, and a worker takes it up when it has a place"),
        Cause::NoWorker => match look.queue.heartbeat_at_ms {
            Some(at_ms) => format!(
                "{what} is ready, but the last sign of life of any worker is {} old",
                span(look.age_ms(at_ms))
            ),
            None => format!("{what} is ready, but no worker runs"),
        },
        Cause::Steps => format!("{what} needs {}", reason.waits_for.join(", ")),
        Cause::Input
        | Cause::Approval
        | Cause::Budget
        | Cause::Provider
        | Cause::Timer
        | Cause::Capacity => format!("{what} waits{until}{noted}"),
        Cause::Receiver => format!("{what} was not taken by its receiver and is sent again{until}"),
        Cause::Quarantined => format!("{what} was set aside{noted}"),
        Cause::Unreadable => format!("{what} was set aside, because its job cannot be read{noted}"),
        Cause::Lost => format!("nothing carries {what}"),
    }
}

fn held(what: &str, reason: &Reason) -> String {
    let Some(holder) = &reason.holder else {
        return format!("{what} is held");
    };
    let heard = holder.heartbeat_age_ms.map_or_else(
        || "which nobody knows any more".to_owned(),
        |age_ms| format!("last heard of {} ago", span(age_ms)),
    );
    format!(
        "{what} is held by worker {} (life {}), {heard}",
        holder.worker.0, holder.epoch
    )
}

fn advice(reason: &Reason, look: &Look<'_>) -> String {
    let task = &look.task.id;
    match reason.cause {
        Cause::Held => "nothing: a worker is at work on it".to_owned(),
        Cause::HolderSilent => {
            "nothing, if other workers run: one takes over when the lease lapses; otherwise start `errand worker` or `errand serve`"
                .to_owned()
        }
        Cause::Queued => {
            "nothing; if this lasts, all places are taken: start more workers or raise worker.concurrency"
                .to_owned()
        }
        Cause::NoWorker => {
            "start a worker: `errand worker`, or `errand serve` on a single machine".to_owned()
        }
        Cause::Steps => "nothing: look at the steps that it needs".to_owned(),
        Cause::Input => "give the answer that the reason asks for, or cancel the task".to_owned(),
        Cause::Approval => {
            "decide on the call that the reason names, or cancel the task".to_owned()
        }
        Cause::Budget => format!(
            "raise the budget: `errand budget {task}` with the limit that the reason names, or cancel the task"
        ),
        Cause::Provider => {
            "nothing: it asks again by itself; check the model's provider and its key if this lasts"
                .to_owned()
        }
        Cause::Timer => "nothing: it goes on by itself".to_owned(),
        Cause::Capacity => {
            "make room on the machine that the reason is about; it tries again by itself".to_owned()
        }
        Cause::Receiver => {
            "nothing: it is sent again by itself; check the receiver if this lasts".to_owned()
        }
        Cause::Quarantined | Cause::Unreadable => dead_advice(reason),
        Cause::Lost => {
            "this is a fault of the program: cancel the task, submit it again, and report it"
                .to_owned()
        }
    }
}

fn dead_advice(reason: &Reason) -> String {
    let id = match (&reason.subject, &reason.job) {
        (Subject::Delivery(id), _) => id.to_string(),
        (_, Some(job)) => job.to_string(),
        (_, None) => "ID".to_owned(),
    };
    format!(
        "see `errand dead list`; when the cause is gone, `errand dead requeue {id}`, or cancel the task"
    )
}
