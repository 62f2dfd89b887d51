//! The task as its log tells it. It must be told without gaps, each thing once, and it must be the task that is stored.

use std::collections::BTreeMap;

use agent_core::blob::Stored;
use agent_core::event::{Event, EventBody, EventKind, TaskWaiting, read_body};
use agent_core::id::StepId;
use agent_core::step::StepState;
use agent_core::task::{Task, TaskState};
use serde_json::Value;

use crate::laws::law;

/// What the log says so far.
pub struct Log {
    seq: i64,
    state: TaskState,
    steps: BTreeMap<StepId, StepState>,
    plans: u32,
    waits_for_a_person: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            seq: 0,
            state: TaskState::Queued,
            steps: BTreeMap::new(),
            plans: 0,
            waits_for_a_person: 0,
        }
    }
}

fn json(stored: &Stored) -> Value {
    let Stored::Inline(text) = stored else {
        panic!("a body is out of line: {stored:?}");
    };
    serde_json::from_str(text).unwrap()
}

impl Log {
    pub fn seq(&self) -> i64 {
        self.seq
    }

    pub fn waits_for_a_person(&self) -> usize {
        self.waits_for_a_person
    }

    pub fn read(&mut self, events: &[Event]) -> Result<(), String> {
        for event in events {
            law!(
                event.seq == self.seq + 1,
                "event {} follows {}",
                event.seq,
                self.seq
            );
            self.seq = event.seq;
            // The submitted event of the samples has no full body.
            if event.kind == EventKind::TaskSubmitted.label() {
                law!(event.seq == 1, "the task was submitted again");
                continue;
            }
            let body = read_body(&event.kind, json(&event.public), json(&event.private));
            self.take(
                event.step.as_ref(),
                body.map_err(|error| error.to_string())?,
            )?;
        }
        Ok(())
    }

    fn take(&mut self, step: Option<&StepId>, body: EventBody) -> Result<(), String> {
        let kind = body.kind().label();
        if let EventBody::JobStopped(_) = &body {
            law!(
                self.state == TaskState::Cancelled,
                "{kind} without a cancel"
            );
            return Ok(());
        }
        law!(!self.state.is_final(), "{kind} after the end");
        if let Some(step) = step {
            return self.take_of_step(step, &body);
        }
        let from = self.state;
        if let EventBody::TaskWaiting(TaskWaiting { wait, .. }) = &body {
            self.waits_for_a_person += usize::from(wait.needs_a_person());
        }
        let (legal, to) = match body {
            EventBody::TaskStarted(_) => (from == TaskState::Queued, TaskState::Running),
            EventBody::TaskWaiting(_) => (from == TaskState::Running, TaskState::Waiting),
            EventBody::TaskResumed(_) => (from == TaskState::Waiting, TaskState::Running),
            EventBody::TaskFinished(end) => (end.state.is_final(), end.state),
            EventBody::PlanAccepted(accepted) => {
                self.plans += 1;
                (
                    accepted.plan_version == self.plans && from == TaskState::Running,
                    from,
                )
            }
            EventBody::PlanFailed(_) => (from == TaskState::Running, from),
            EventBody::BudgetRaised(_)
            | EventBody::NoteAdded(_)
            | EventBody::JobRecovered(_)
            | EventBody::JobQuarantined(_)
            | EventBody::JobRequeued(_) => (true, from),
            EventBody::TaskSubmitted(_)
            | EventBody::ModelReplied(_)
            | EventBody::ToolIntended(_)
            | EventBody::ToolReturned(_)
            | EventBody::NetworkUsed(_)
            | EventBody::BrowserActed(_)
            | EventBody::CallHeld(_)
            | EventBody::ToolUnknown(_)
            | EventBody::CallDecided(_)
            | EventBody::ArtifactPublished(_)
            | EventBody::DeliveryAttempted(_)
            | EventBody::JobStopped(_)
            | EventBody::StepStarted(_)
            | EventBody::StepResumed(_)
            | EventBody::StepSucceeded(_)
            | EventBody::StepFailed(_)
            | EventBody::StepWaiting(_) => (false, from),
        };
        law!(legal, "{kind} while the log says {}", from.label());
        self.state = to;
        Ok(())
    }

    fn take_of_step(&mut self, step: &StepId, body: &EventBody) -> Result<(), String> {
        let from = self.steps.get(step).copied();
        let kind = body.kind().label();
        let runs = from == Some(StepState::Running);
        let (legal, to) = match body {
            EventBody::StepStarted(_) => (from.is_none(), StepState::Running),
            EventBody::StepResumed(_) => (
                from.is_some_and(|from| !from.is_final()),
                StepState::Running,
            ),
            EventBody::StepSucceeded(_) => (runs, StepState::Succeeded),
            EventBody::StepFailed(_) => (runs, StepState::Failed),
            EventBody::StepWaiting(_) => (runs, StepState::Waiting),
            EventBody::JobQuarantined(_) => {
                (from.is_none_or(|from| !from.is_final()), StepState::Waiting)
            }
            EventBody::JobRequeued(_) => (from == Some(StepState::Waiting), StepState::Ready),
            EventBody::NoteAdded(_) | EventBody::JobRecovered(_) => (runs, StepState::Running),
            EventBody::TaskSubmitted(_)
            | EventBody::TaskStarted(_)
            | EventBody::TaskWaiting(_)
            | EventBody::TaskResumed(_)
            | EventBody::TaskFinished(_)
            | EventBody::PlanAccepted(_)
            | EventBody::PlanFailed(_)
            | EventBody::JobStopped(_)
            | EventBody::BudgetRaised(_)
            | EventBody::ModelReplied(_)
            | EventBody::ToolIntended(_)
            | EventBody::ToolReturned(_)
            | EventBody::NetworkUsed(_)
            | EventBody::BrowserActed(_)
            | EventBody::CallHeld(_)
            | EventBody::ToolUnknown(_)
            | EventBody::CallDecided(_)
            | EventBody::ArtifactPublished(_)
            | EventBody::DeliveryAttempted(_) => (false, StepState::Running),
        };
        law!(legal, "{kind} while the log says {from:?}");
        self.steps.insert(step.clone(), to);
        Ok(())
    }

    pub fn agrees_with(&self, task: &Task) -> Result<(), String> {
        law!(
            self.seq == task.seq,
            "the log ends at {}, the task says {}",
            self.seq,
            task.seq
        );
        law!(
            self.state == task.state,
            "the log says {}, the task is {}",
            self.state.label(),
            task.state.label()
        );
        law!(
            self.plans == task.plan_version,
            "the log has {} plans",
            self.plans
        );
        for step in &task.steps {
            let told = self.steps.get(&step.id).copied();
            let (told_final, is_final) =
                (told.filter(|told| told.is_final()), step.state.is_final());
            // Steps that were never begun, or were cut off by the end of the task, have no event of their own; one
            // that goes back to the queue is ready again.
            let agrees = match step.state {
                StepState::Running
                | StepState::Waiting
                | StepState::Succeeded
                | StepState::Failed => told == Some(step.state),
                StepState::Ready => told_final.is_none(),
                StepState::Blocked => told.is_none(),
                StepState::Skipped | StepState::Cancelled => told_final.is_none() && is_final,
            };
            law!(
                agrees,
                "the log says {told:?}, step {} is {}",
                step.key,
                step.state.label()
            );
        }
        Ok(())
    }
}
