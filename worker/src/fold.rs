//! Small facts that are read off a list of events.

use agent_core::blob::Stored;
use agent_core::event::{Event, EventBody, EventKind, ModelReplied};
use agent_core::place;
use agent_core::task::WaitKind;
use serde::Deserialize;

/// How many waits for trouble to pass stand at the end of a log, with no progress after them. Bodies that lie elsewhere are not
/// read: they may be just what is waited for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waits {
    count: u32,
}

/// What a waiting event says, of a step or of the task.
#[derive(Deserialize)]
struct Waited {
    wait: WaitKind,
    reason: String,
}

impl Waits {
    /// Takes in the next event of a log. Waits are events of kind `counted`.
    pub fn push(&mut self, event: &Event, counted: EventKind) {
        let kind = EventKind::from_label(&event.kind);
        if kind.is_some_and(is_progress) {
            self.count = 0;
        } else if kind == Some(counted) && is_trouble(event) {
            self.count = self.count.saturating_add(1);
        }
    }

    pub fn count(self) -> u32 {
        self.count
    }
}

/// A tool that others use is no trouble, so a wait for a place of it is not one in vain.
fn is_trouble(event: &Event) -> bool {
    let Stored::Inline(text) = &event.public else {
        // Only trouble has so much to say.
        return true;
    };
    serde_json::from_str(text).is_ok_and(|Waited { wait, reason }| {
        matches!(wait, WaitKind::Provider | WaitKind::Capacity) && !place::is_reason(wait, &reason)
    })
}

fn is_progress(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::ModelReplied
            | EventKind::ToolReturned
            | EventKind::PlanAccepted
            // Whoever requeued it has seen to the cause.
            | EventKind::JobRequeued
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
    use agent_core::event::{NewEvent, StepWaiting};

    use super::*;

    fn event(body: EventBody) -> Event {
        let kind = body.kind().label().to_owned();
        let (public, private) = NewEvent::of_task(body).split();
        Event {
            seq: 1,
            at_ms: 1,
            v: 1,
            kind,
            step: None,
            public: Stored::Inline(public.to_string()),
            private: Stored::Inline(private.to_string()),
        }
    }

    fn waited(reason: String) -> Event {
        let waiting = StepWaiting {
            key: "work".to_owned(),
            wait: WaitKind::Capacity,
            until_ms: Some(1),
            reason,
        };
        event(waiting.into())
    }

    fn count(log: &[Event]) -> u32 {
        let mut waits = Waits::default();
        for event in log {
            waits.push(event, EventKind::StepWaiting);
        }
        waits.count()
    }

    #[test]
    fn a_tool_that_others_use_is_no_trouble() {
        let full = || waited("the disk is full".to_owned());
        let busy = || waited(place::reason("shell", 2));
        assert_eq!(count(&[full(), busy(), full(), busy()]), 2);
    }

    #[test]
    fn a_reason_too_long_for_a_row_is_not_read_and_is_trouble() {
        let hash = agent_core::blob::BlobHash::of(b"elsewhere");
        let long = Event {
            public: Stored::Blob(agent_core::blob::BlobRef { hash, bytes: 9 }),
            ..waited(String::new())
        };
        assert_eq!(count(&[long.clone(), long]), 2);
    }
}
