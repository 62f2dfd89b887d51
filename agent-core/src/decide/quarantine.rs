//! Decisions about jobs that are set aside because workers die on them, and that come back when somebody says so.

use crate::id::{JobId, StepId};
use crate::job::{JobAfter, JobKind};
use crate::queue::{JobQuarantined, JobRequeued, Quarantine};
use crate::step::StepState;
use crate::task::{TaskState, WaitKind, Waiting};

use super::draft::Draft;

/// What a worker found out about a job that kills its holders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The job.
    pub job: JobId,
    /// What it is for.
    pub kind: JobKind,
    /// How often a worker died on it.
    pub crashes: u32,
    /// What is noted about it.
    pub found: Quarantine,
}

/// The job stays aside until somebody requeues it. What does not need it goes on; the task waits when nothing else moves.
pub fn quarantined<'a>(
    mut draft: Draft<'a>,
    step: Option<&StepId>,
    aside: SetAside,
) -> Result<Draft<'a>, String> {
    draft.run("a worker took it up again");
    let waiting = Waiting {
        kind: WaitKind::Input,
        until_ms: None,
        reason: format!(
            "{}; see `errand dead list`, then `errand dead requeue {}` or cancel the task",
            aside.found.reason, aside.job
        ),
    };
    let event = JobQuarantined {
        job: aside.job,
        job_kind: aside.kind.label().to_owned(),
        crashes: aside.crashes,
        reason: aside.found.reason.clone(),
        last_events: aside.found.events.clone(),
    };
    draft.out.own_job = JobAfter::Park;
    draft.out.jobs.quarantine = Some(aside.found);
    let Some(id) = step else {
        draft.note(event);
        draft.wait(waiting, None);
        return Ok(draft);
    };
    draft.step_in(
        id,
        &[StepState::Ready, StepState::Running, StepState::Waiting],
    )?;
    draft.note_of(id, event);
    draft.set_step(id, StepState::Waiting, Some(waiting), None);
    draft.settle();
    Ok(draft)
}

/// What was set aside goes on, with its deaths forgotten.
pub fn requeued<'a>(
    mut draft: Draft<'a>,
    step: Option<&StepId>,
    job: JobId,
) -> Result<Draft<'a>, String> {
    let is_aside = |waiting: Option<&Waiting>| waiting.is_some_and(|w| w.kind == WaitKind::Input);
    let event = JobRequeued { job: job.clone() };
    if let Some(id) = step {
        let step = draft.step_in(id, &[StepState::Waiting])?;
        if !is_aside(step.waiting.as_ref()) {
            return Err(format!("step {} was not set aside", step.key));
        }
        draft.note_of(id, event);
        draft.set_step(id, StepState::Ready, None, None);
    } else {
        let waits = draft.task.state == TaskState::Waiting;
        if !waits || !is_aside(draft.task.waiting.as_ref()) {
            return Err("the plan or report job was not set aside".to_owned());
        }
        draft.note(event);
    }
    draft.out.jobs.requeue = Some(job);
    draft.run("its owner requeued it");
    Ok(draft)
}
