//! A cancelled task as its log tells it. Only public parts are read, and none that are out of line: they hold nothing that a receipt
//! needs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::blob::Stored;
use crate::event::{Event, EventKind};
use crate::id::{CallId, StepId};
use crate::queue::{StoppedBy, TaskQueue};
use crate::task::{Task, TaskState};

use super::gone::{Told, untold};
use super::outside::{Outside, SeenCall, text};
use super::{CallName, Gone, Proof, Receipt, StepName, Stopped};

/// See the module's description.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CancelHistory {
    after: i64,
    cancelled_at_ms: Option<i64>,
    /// Steps at work, in the order in which they were taken up, with their background programs.
    at_work: Vec<(StepId, BTreeMap<String, CallName>)>,
    outside: Outside,
    told: Vec<Told>,
}

impl CancelHistory {
    /// The number of the last event that was taken in.
    pub fn after(&self) -> i64 {
        self.after
    }

    /// Takes in the next event of the task's log.
    pub fn push(&mut self, event: &Event) {
        self.after = event.seq;
        let Some(kind) = EventKind::from_label(&event.kind) else {
            return;
        };
        let public = public(event);
        self.outside.push(kind, event, &public);
        match kind {
            EventKind::StepStarted | EventKind::StepResumed => self.taken_up(event),
            EventKind::StepSucceeded
            | EventKind::StepFailed
            | EventKind::StepWaiting
            | EventKind::JobQuarantined => self.laid_down(event),
            EventKind::ToolReturned => self.programs(event, &public),
            EventKind::TaskFinished => {
                let is_cancel = text(&public, "state") == TaskState::Cancelled.label();
                self.cancelled_at_ms = is_cancel.then_some(event.at_ms);
            }
            EventKind::JobStopped => self.told(event, &public),
            EventKind::TaskSubmitted
            | EventKind::TaskStarted
            | EventKind::PlanAccepted
            | EventKind::PlanFailed
            | EventKind::ModelReplied
            | EventKind::ToolIntended
            | EventKind::NetworkUsed
            | EventKind::BrowserActed
            | EventKind::CallHeld
            | EventKind::ToolUnknown
            | EventKind::CallDecided
            | EventKind::NoteAdded
            | EventKind::ArtifactPublished
            | EventKind::TaskWaiting
            | EventKind::TaskResumed
            | EventKind::JobRecovered
            | EventKind::JobRequeued
            | EventKind::BudgetRaised
            | EventKind::DeliveryAttempted => {}
        }
    }

    /// The receipt, if the log so far tells of a cancel. `queue` must have been read before the end of the log was: what is told
    /// leaves the queue in the same commit. A worker that was not heard of for `lease_ms` holds nothing any more.
    pub fn receipt(&self, task: &Task, queue: &TaskQueue, lease_ms: i64) -> Option<Receipt> {
        let at_ms = self.cancelled_at_ms?;
        let name = |id: &StepId| StepName {
            id: id.clone(),
            key: task
                .step(id)
                .map_or_else(String::new, |step| step.key.clone()),
        };
        let gone = self.gone(at_ms, queue, lease_ms, name);
        let is_of_task = |gone: &Gone| gone.step.is_none();
        let mut stopped = Vec::new();
        if gone.iter().any(is_of_task) {
            stopped.push(Stopped::PlanOrReport);
        }
        // A step that was claimed a moment ago has said nothing yet.
        let held = gone.iter().filter_map(|gone| gone.step.clone());
        let silent = held.filter(|step| self.at_work.iter().all(|(id, _)| *id != step.id));
        stopped.extend(silent.map(Stopped::Step));
        for (id, programs) in &self.at_work {
            stopped.push(Stopped::Step(name(id)));
            let own = |call: &&SeenCall| call.step.as_ref() == Some(id);
            let calls = self.outside.open().filter(own);
            stopped.extend(calls.map(|call| Stopped::Call(name(id), call.name.clone())));
            stopped.extend(programs.iter().map(|(program, call)| Stopped::Program {
                step: name(id),
                name: program.clone(),
                started_by: call.clone(),
            }));
        }
        Some(Receipt {
            at_ms,
            stopped,
            gone,
            effects: self.outside.effects(name),
        })
    }

    fn gone(
        &self,
        at_ms: i64,
        queue: &TaskQueue,
        lease_ms: i64,
        name: impl Fn(&StepId) -> StepName,
    ) -> Vec<Gone> {
        let told = self.told.iter().map(|told| Gone {
            step: told.step.as_ref().map(&name),
            job: Some(told.job.clone()),
            proof: told.proof(),
        });
        let mut gone: Vec<Gone> = told.collect();
        for (job, proof) in untold(queue, lease_ms) {
            if self.told.iter().all(|told| told.job != job.job) {
                gone.push(Gone {
                    step: job.step.as_ref().map(&name),
                    job: Some(job.job.clone()),
                    proof,
                });
            }
        }
        for (id, _) in &self.at_work {
            let is_known = |one: &Gone| one.step.as_ref().is_some_and(|step| step.id == *id);
            if !gone.iter().any(is_known) {
                gone.push(Gone {
                    step: Some(name(id)),
                    job: None,
                    proof: Proof::NotHeld { at_ms },
                });
            }
        }
        gone
    }

    fn taken_up(&mut self, event: &Event) {
        self.laid_down(event);
        if let Some(step) = event.step.clone() {
            self.at_work.push((step, BTreeMap::new()));
        }
    }

    /// Programs in the background end with whatever ends a step's hold.
    fn laid_down(&mut self, event: &Event) {
        self.at_work
            .retain(|(step, _)| Some(step) != event.step.as_ref());
    }

    fn programs(&mut self, event: &Event, public: &Value) {
        let Some(said) = public.get("programs").and_then(Value::as_array) else {
            return;
        };
        let call = text(public, "call").parse::<CallId>().ok();
        let call = call.and_then(|id| self.outside.name(&id).cloned());
        let mut own = self.at_work.iter_mut();
        let own = own.find(|(step, _)| Some(step) == event.step.as_ref());
        let (Some((_, programs)), Some(call)) = (own, call) else {
            return;
        };
        let now: Vec<&str> = said.iter().filter_map(Value::as_str).collect();
        programs.retain(|name, _| now.contains(&name.as_str()));
        for name in now {
            let started_by = programs.entry(name.to_owned());
            started_by.or_insert_with(|| call.clone());
        }
    }

    fn told(&mut self, event: &Event, public: &Value) {
        let Ok(job) = text(public, "job").parse() else {
            return;
        };
        let by = if text(public, "by") == StoppedBy::Lease.label() {
            StoppedBy::Lease
        } else {
            StoppedBy::Worker
        };
        self.told.push(Told {
            job,
            step: event.step.clone(),
            at_ms: event.at_ms,
            by,
            is_gone: public.get("gone").and_then(Value::as_bool) == Some(true),
        });
    }
}

fn public(event: &Event) -> Value {
    match &event.public {
        Stored::Inline(text) => serde_json::from_str(text).unwrap_or_default(),
        Stored::Blob(_) => Value::Null,
    }
}
