//! Decisions about the jobs that belong to the task as a whole: plan and report.

use crate::job::JobAfter;
use crate::queue::JobRecovered;

use super::Wait;
use super::draft::Draft;
use super::step::waiting_at;

/// A worker took up the plan or report job.
pub fn task_job_claimed(mut draft: Draft<'_>, crashes: u32) -> Draft<'_> {
    draft.forget_idle_time(None);
    draft.run("a worker took the task up again");
    if crashes > 0 {
        draft.note(JobRecovered { crashes });
    }
    draft
}

/// The plan or report job holds no worker until its wait ends.
pub fn task_job_waits<'a>(mut draft: Draft<'a>, wait: &Wait) -> Draft<'a> {
    draft.out.charge = draft.out.charge.plus(wait.refund);
    if draft.is_over(wait) {
        draft.out.own_job = JobAfter::Delay(0);
        return draft;
    }
    let waiting = waiting_at(wait, draft.now_ms);
    draft.out.own_job = wait.delay_ms.map_or(JobAfter::Park, JobAfter::Delay);
    draft.wait(waiting, wait.limit);
    draft
}
