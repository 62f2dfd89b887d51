//! Small facts that are read off a list of events.

use agent_core::event::{EventBody, ModelReplied, StepWaiting, TaskWaiting};
use agent_core::place;
use agent_core::task::WaitKind;

/// How many waits for trouble to pass stand at the end of a step's log, with no progress after them.
pub fn step_waits(events: &[EventBody]) -> u32 {
    count_since_progress(
        events,
        |event| matches!(event, EventBody::StepWaiting(StepWaiting { wait, reason, .. }) if is_trouble(*wait, reason)),
    )
}

/// The same for the plan or report job, from the whole log: a step that got further is progress, too.
pub fn task_waits(events: &[EventBody]) -> u32 {
    count_since_progress(
        events,
        |event| matches!(event, EventBody::TaskWaiting(TaskWaiting { wait, reason, .. }) if is_trouble(*wait, reason)),
    )
}

/// A tool that others use is no trouble, so a wait for a place of it is not one in vain.
fn is_trouble(wait: WaitKind, reason: &str) -> bool {
    matches!(wait, WaitKind::Provider | WaitKind::Capacity) && !place::is_reason(wait, reason)
}

fn count_since_progress(events: &[EventBody], counted: impl Fn(&EventBody) -> bool) -> u32 {
    let since_progress = events.iter().rev().take_while(|event| !is_progress(event));
    u32::try_from(since_progress.filter(|event| counted(event)).count()).unwrap_or(u32::MAX)
}

fn is_progress(event: &EventBody) -> bool {
    matches!(
        event,
        EventBody::ModelReplied(_)
            | EventBody::ToolReturned(_)
            | EventBody::PlanAccepted(_)
            // Whoever requeued it has seen to the cause.
            | EventBody::JobRequeued(_)
    )
}

/// The replies of a job (`plan` or `report`) since the plan in force was accepted.
pub fn replies_of(job: &str, events: Vec<EventBody>) -> Vec<ModelReplied> {
    let mut replies = Vec::new();
    for event in events {
        if let EventBody::ModelReplied(reply) = event {
            if reply.job == job {
                replies.push(reply);
            }
        } else if matches!(event, EventBody::PlanAccepted(_) | EventBody::PlanFailed(_)) {
            replies.clear();
        }
    }
    replies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited(reason: String) -> EventBody {
        StepWaiting {
            key: "work".to_owned(),
            wait: WaitKind::Capacity,
            until_ms: Some(1),
            reason,
        }
        .into()
    }

    #[test]
    fn a_tool_that_others_use_is_no_trouble() {
        let full = || waited("the disk is full".to_owned());
        let busy = || waited(place::reason("shell", 2));
        assert_eq!(step_waits(&[full(), busy(), full(), busy()]), 2);
    }
}
