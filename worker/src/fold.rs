//! Small facts that are read off a list of events.

use agent_core::event::{EventBody, ModelReplied};
use agent_core::task::WaitKind;

/// How many waits for trouble to pass stand at the end of the log, with no progress after them.
pub fn trouble_waits(events: &[EventBody]) -> u32 {
    let mut count = 0;
    for event in events {
        match event {
            EventBody::StepWaiting(waiting) if is_trouble(waiting.wait) => count += 1,
            EventBody::TaskWaiting(waiting) if is_trouble(waiting.wait) => count += 1,
            EventBody::ModelReplied(_)
            | EventBody::ToolReturned(_)
            | EventBody::PlanAccepted(_) => count = 0,
            EventBody::TaskSubmitted(_)
            | EventBody::TaskStarted(_)
            | EventBody::PlanFailed(_)
            | EventBody::StepStarted(_)
            | EventBody::StepResumed(_)
            | EventBody::ToolIntended(_)
            | EventBody::ToolUnknown(_)
            | EventBody::NoteAdded(_)
            | EventBody::ArtifactPublished(_)
            | EventBody::StepSucceeded(_)
            | EventBody::StepFailed(_)
            | EventBody::StepWaiting(_)
            | EventBody::TaskWaiting(_)
            | EventBody::TaskResumed(_)
            | EventBody::BudgetRaised(_)
            | EventBody::TaskFinished(_)
            | EventBody::DeliveryAttempted(_) => {}
        }
    }
    count
}

fn is_trouble(kind: WaitKind) -> bool {
    matches!(kind, WaitKind::Provider | WaitKind::Capacity)
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
