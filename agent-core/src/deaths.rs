//! How often workers died on a job without getting further, read off its log.
//!
//! A job knows how often its holders died, not what they did before. So whoever takes up such a job notes the number in
//! the log, and deaths count from the last event that shows progress. Only kinds and numbers are read, never a long body:
//! reading one may be what kills.

use serde_json::Value;

use crate::blob::Stored;
use crate::event::{Event, EventKind};
use crate::id::DeliveryId;

/// What a job's log says about deaths so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deaths {
    noted: u32,
    at_progress: u32,
}

impl Deaths {
    /// Takes in the next event of the step's log or, for a plan or report job, of the events that are of no step.
    pub fn push(&mut self, event: &Event) {
        let Some(kind) = EventKind::from_label(&event.kind) else {
            return;
        };
        match effect(kind) {
            Effect::None => {}
            Effect::Notes => self.noted = number(event, "crashes").unwrap_or(self.noted),
            Effect::Progress => self.at_progress = self.noted,
            Effect::Begins => *self = Self::default(),
        }
    }

    /// Takes in the next event of no step, for the job that sends a message: every recorded attempt is progress. A message
    /// that was requeued begins again, with attempt 1.
    pub fn push_of_message(&mut self, event: &Event, message: &DeliveryId) {
        let public = public(event);
        let is_own = event.kind == EventKind::DeliveryAttempted.label()
            && public.get("delivery").and_then(Value::as_str) == Some(message.as_str());
        if is_own {
            self.noted = number(event, "crashes").unwrap_or(0);
            self.at_progress = self.noted;
        }
    }

    /// How many of the deaths so far came after the last progress.
    pub fn since_progress(self, died: u32) -> u32 {
        died.saturating_sub(self.at_progress)
    }
}

/// What an event means for the count.
enum Effect {
    None,
    Notes,
    Progress,
    Begins,
}

fn effect(kind: EventKind) -> Effect {
    match kind {
        EventKind::JobRecovered => Effect::Notes,
        EventKind::ModelReplied
        | EventKind::ToolIntended
        | EventKind::CallHeld
        | EventKind::ToolReturned
        | EventKind::NetworkUsed
        | EventKind::BrowserActed
        | EventKind::ToolUnknown
        | EventKind::CallDecided
        | EventKind::NoteAdded
        | EventKind::ArtifactPublished
        | EventKind::StepWaiting
        | EventKind::TaskWaiting => Effect::Progress,
        // Another job begins, or this one does again.
        EventKind::PlanAccepted | EventKind::PlanFailed | EventKind::JobRequeued => Effect::Begins,
        // That it was taken up is no progress, and the rest is not the job's own doing.
        EventKind::TaskSubmitted
        | EventKind::TaskStarted
        | EventKind::TaskResumed
        | EventKind::TaskFinished
        | EventKind::StepStarted
        | EventKind::StepResumed
        | EventKind::StepSucceeded
        | EventKind::StepFailed
        | EventKind::JobQuarantined
        | EventKind::JobStopped
        | EventKind::BudgetRaised
        | EventKind::DeliveryAttempted => Effect::None,
    }
}

fn public(event: &Event) -> Value {
    match &event.public {
        Stored::Inline(text) => serde_json::from_str(text).unwrap_or_default(),
        Stored::Blob(_) => Value::Null,
    }
}

fn number(event: &Event, name: &str) -> Option<u32> {
    let public = public(event);
    let number = public.get(name)?.as_u64()?;
    u32::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ports::entropy::Seeded;

    fn event(kind: EventKind, public: &Value) -> Event {
        Event {
            seq: 1,
            at_ms: 0,
            v: 1,
            kind: kind.label().to_owned(),
            step: None,
            public: Stored::Inline(public.to_string()),
            private: Stored::Inline("{}".to_owned()),
        }
    }

    /// The log of a job in short: a number is a worker that took it up after so many deaths.
    fn deaths(log: &[Result<EventKind, u32>], died: u32) -> u32 {
        let mut deaths = Deaths::default();
        for entry in log {
            deaths.push(&match entry {
                Ok(kind) => event(*kind, &json!({})),
                Err(crashes) => event(EventKind::JobRecovered, &json!({"crashes": crashes})),
            });
        }
        deaths.since_progress(died)
    }

    /// A log, all deaths, and how many of them came after the last progress.
    type Row<'a> = (&'a [Result<EventKind, u32>], u32, u32);

    #[test]
    fn only_deaths_after_the_last_progress_count() {
        use EventKind::{
            JobRequeued, ModelReplied, PlanAccepted, StepResumed, StepStarted, TaskWaiting,
        };
        let table: &[Row<'_>] = &[
            (&[], 3, 3),
            (&[Ok(StepStarted)], 3, 3),
            (&[Ok(StepStarted), Ok(ModelReplied)], 3, 3),
            (&[Ok(StepStarted), Err(1), Err(2)], 3, 3),
            (&[Ok(StepStarted), Err(1), Ok(ModelReplied)], 2, 1),
            (&[Err(1), Ok(ModelReplied), Err(2), Ok(ModelReplied)], 3, 1),
            (&[Err(1), Ok(ModelReplied), Err(2), Err(3)], 4, 3),
            // A hand-over without a death in between is none.
            (
                &[Err(1), Ok(ModelReplied), Ok(StepResumed), Ok(StepResumed)],
                1,
                0,
            ),
            (&[Err(7), Ok(TaskWaiting)], 7, 0),
            // Whoever requeued it has seen to the cause; the job counts from nothing.
            (&[Err(3), Ok(JobRequeued)], 1, 1),
            // The report job is not the plan job.
            (&[Err(2), Ok(ModelReplied), Ok(PlanAccepted)], 2, 2),
        ];
        for (log, died, wanted) in table {
            assert_eq!(deaths(log, *died), *wanted, "{log:?} after {died}");
        }
    }

    #[test]
    fn an_attempt_of_a_message_counts_for_that_message_only() {
        let ids = [1, 2].map(|seed| DeliveryId::new(&Seeded::new(seed)));
        let mut deaths = Deaths::default();
        let tried = |id: &DeliveryId| {
            let public = json!({"delivery": id.as_str(), "attempt": 1, "crashes": 2});
            event(EventKind::DeliveryAttempted, &public)
        };
        deaths.push_of_message(&tried(&ids[1]), &ids[0]);
        assert_eq!(deaths.since_progress(3), 3);
        deaths.push_of_message(&tried(&ids[0]), &ids[0]);
        assert_eq!(deaths.since_progress(3), 1);
        deaths.push(&tried(&ids[0]));
        assert_eq!(deaths.since_progress(3), 1);
    }
}
