//! Plain values to start a case from: each is legal and changes as little as it can; the case sets what it is about.

use std::collections::BTreeMap;

use agent_core::blob::{BlobHash, BlobRef, Stored};
use agent_core::budget::{Budget, Spend};
use agent_core::event::{EventKind, NewEvent, NoteAdded, PreparedEvent};
use agent_core::id::{ArtifactId, JobId, StepId, TaskId, TenantId};
use agent_core::job::{Claim, JobAfter, JobKind, NewJob};
use agent_core::ports::entropy::Entropy;
use agent_core::ports::store::{
    Append, Artifact, JobChanges, NewTask, Right, TaskChange, Transition,
};
use agent_core::step::{Step, StepState};
use agent_core::task::{Priority, Task};

/// A body in the row.
pub fn inline(text: &str) -> Stored {
    Stored::Inline(text.to_owned())
}

/// The name of some bytes.
pub fn blob(text: &str) -> BlobRef {
    BlobRef {
        hash: BlobHash::of(text.as_bytes()),
        bytes: text.len() as u64,
    }
}

/// A `note.added` event of the task.
pub fn note(text: &str) -> PreparedEvent {
    let event = NewEvent::of_task(NoteAdded {
        text: text.to_owned(),
    });
    let (public, private) = event.split();
    PreparedEvent {
        kind: event.body.kind(),
        step: event.step,
        public: inline(&public.to_string()),
        private: inline(&private.to_string()),
    }
}

/// A `note.added` event of a step.
pub fn step_note(step: &StepId, text: &str) -> PreparedEvent {
    PreparedEvent {
        step: Some(step.clone()),
        ..note(text)
    }
}

/// A ready job of the task as a whole.
pub fn job(entropy: &dyn Entropy, kind: JobKind) -> NewJob {
    NewJob {
        id: JobId::new(entropy),
        kind,
        step: None,
        delivery: None,
        priority: Priority::Normal,
        delay_ms: 0,
    }
}

/// A task with one event and a plan job.
pub fn new_task(entropy: &dyn Entropy, tenant: &TenantId) -> NewTask {
    NewTask {
        id: TaskId::new(entropy),
        tenant: tenant.clone(),
        engine: agent_core::ENGINE_VERSION,
        title: "Count the words".to_owned(),
        metadata: BTreeMap::new(),
        priority: Priority::Normal,
        spec: inline(r#"{"goal":"Count the words"}"#),
        budget: Budget::default(),
        webhook: None,
        idempotency: None,
        event: PreparedEvent {
            kind: EventKind::TaskSubmitted,
            step: None,
            public: inline(r#"{"title":"Count the words"}"#),
            private: inline("{}"),
        },
        job: job(entropy, JobKind::Plan),
        blobs: Vec::new(),
    }
}

/// A ready step of the first plan.
pub fn step(entropy: &dyn Entropy, ordinal: u32) -> Step {
    Step {
        id: StepId::new(entropy),
        ordinal,
        plan_version: 1,
        key: format!("step-{ordinal}"),
        title: format!("Step {ordinal}"),
        state: StepState::Ready,
        depends_on: Vec::new(),
        spec: inline(r#"{"key":"step"}"#),
        outcome: None,
        snapshot: None,
        waiting: None,
    }
}

/// An artifact that the task publishes.
pub fn artifact(entropy: &dyn Entropy, name: &str, content: &str) -> Artifact {
    Artifact {
        id: ArtifactId::new(entropy),
        name: name.to_owned(),
        blob: blob(content),
        media_type: "text/plain".to_owned(),
        step: None,
        created_at_ms: 0,
    }
}

/// A commit under a claim that changes nothing and keeps the job.
pub fn append(claim: &Claim) -> Append {
    Append::of(claim.guard())
}

/// [`append`] with one note.
pub fn append_note(claim: &Claim, text: &str) -> Append {
    Append {
        events: vec![note(text)],
        ..append(claim)
    }
}

/// A commit from `task` as it was read that leaves everything but the version as it is.
pub fn transition(task: &Task, right: Right) -> Transition {
    Transition {
        right,
        version: task.version,
        task: TaskChange {
            state: task.state,
            waiting: task.waiting.clone(),
            budget: task.budget,
            plan_version: task.plan_version,
            replans: task.replans,
            running_since_ms: task.running_since_ms,
            result: task.result.clone(),
            error: task.error.clone(),
        },
        charge: Spend::default(),
        new_steps: Vec::new(),
        steps: Vec::new(),
        jobs: JobChanges::default(),
        settled: Vec::new(),
        deliveries: Vec::new(),
        events: Vec::new(),
        blobs: Vec::new(),
    }
}

/// [`transition`] by the owner.
pub fn owners(task: &Task) -> Transition {
    transition(task, Right::Owner(task.tenant.clone(), task.id.clone()))
}

/// [`transition`] under a claim, which keeps its job.
pub fn workers(task: &Task, claim: &Claim) -> Transition {
    transition(task, Right::Job(claim.guard(), JobAfter::Keep))
}
