//! What must hold after every move, whatever came before.

use std::collections::{BTreeMap, BTreeSet};

use agent_core::budget::Spend;
use agent_core::decide::REPLANS_MAX;
use agent_core::id::{JobId, StepId};
use agent_core::job::JobKind;
use agent_core::ports::store::Tasks;
use agent_core::queue::{JobPlace, QueuedJob};
use agent_core::step::{Step, StepState};
use agent_core::task::{Task, TaskState, WaitKind};

use crate::hand::Ground;
use crate::log::Log;
use crate::world::Book;

/// Breaks off with the law that does not hold.
macro_rules! law {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err(format!($($text)+));
        }
    };
}
pub(crate) use law;

/// The laws, with what they remember from the move before.
#[derive(Default)]
pub struct Laws {
    before: Option<Task>,
    log: Log,
    seen_jobs: BTreeMap<(&'static str, Option<StepId>), BTreeSet<JobId>>,
}

impl Laws {
    pub async fn check(
        &mut self,
        ground: &Ground,
        book: &Book,
        outstanding: Spend,
    ) -> Result<(), String> {
        let task = ground.read().await;
        let jobs = ground.store.jobs(&task.id);
        let events = ground
            .store
            .events_after(&ground.tenant, &ground.task, self.log.seq(), 10_000)
            .await;
        self.log.read(&events.unwrap())?;
        self.log.agrees_with(&task)?;
        if let Some(before) = &self.before {
            nothing_went_back(before, &task)?;
        }
        every_step_is_carried(&task, &jobs)?;
        the_task_is_carried(&task, &jobs)?;
        the_book_is_right(&task, book, outstanding)?;
        no_raise_was_missed(&task)?;
        self.each_job_is_made_once(&jobs)?;
        self.before = Some(task);
        Ok(())
    }

    /// At the end: every wait that needed a person was told, each once.
    pub fn ended(&self, told_waiting: usize) -> Result<(), String> {
        let waits = self.log.waits_for_a_person();
        law!(
            waits == told_waiting,
            "{waits} waits for a person were told {told_waiting} times"
        );
        Ok(())
    }

    fn each_job_is_made_once(&mut self, jobs: &[QueuedJob]) -> Result<(), String> {
        for job in jobs.iter().filter(|job| is_work(job)) {
            let about = (job.kind.map_or("?", JobKind::label), job.step.clone());
            let seen = self.seen_jobs.entry(about).or_default();
            seen.insert(job.job.clone());
            let most = if job.kind == Some(JobKind::Plan) {
                1 + REPLANS_MAX as usize
            } else {
                1
            };
            law!(
                seen.len() <= most,
                "too many jobs were made for one thing: {job:?}"
            );
        }
        Ok(())
    }
}

fn nothing_went_back(before: &Task, now: &Task) -> Result<(), String> {
    law!(
        now.version >= before.version,
        "the version fell from {} to {}",
        before.version,
        now.version
    );
    law!(now.seq >= before.seq, "the log shrank");
    law!(
        now.plan_version >= before.plan_version,
        "the plan went back"
    );
    law!(
        now.spent.wall_ms >= before.spent.wall_ms,
        "the running time fell"
    );
    if before.state.is_final() {
        let same = (
            before.state,
            before.version,
            &before.result,
            &before.error,
            &before.steps,
        ) == (now.state, now.version, &now.result, &now.error, &now.steps);
        law!(same, "an ended task changed: {before:?} {now:?}");
    }
    for step in &before.steps {
        let after = now.step(&step.id);
        law!(after.is_some(), "step {} is gone", step.key);
        let unfinished = step.state.is_final() && after != Some(step);
        law!(!unfinished, "an ended step changed: {step:?} {after:?}");
    }
    law!(
        now.running_since_ms.is_some() == (now.state == TaskState::Running),
        "the clock does not fit the state"
    );
    law!(
        now.waiting.is_some() == (now.state == TaskState::Waiting),
        "the wait does not fit the state"
    );
    Ok(())
}

/// Neither a message nor what only tells of an end.
fn is_work(job: &QueuedJob) -> bool {
    !matches!(job.kind, Some(JobKind::Deliver | JobKind::Stop))
}

fn every_step_is_carried(task: &Task, jobs: &[QueuedJob]) -> Result<(), String> {
    for step in &task.steps {
        let own: Vec<&QueuedJob> = jobs
            .iter()
            .filter(|job| is_work(job) && job.step.as_ref() == Some(&step.id))
            .collect();
        let expected = usize::from(step.state.is_carried());
        law!(
            own.len() == expected,
            "step {} is {} and has {} jobs",
            step.key,
            step.state.label(),
            own.len()
        );
        if let [job] = own[..] {
            place_fits(step, job)?;
        }
        if step.state == StepState::Blocked {
            let mut needs = step.depends_on.iter().filter_map(|id| task.step(id));
            law!(
                needs.any(|need| need.state != StepState::Succeeded),
                "step {} is blocked by nothing",
                step.key
            );
        }
    }
    Ok(())
}

/// A job that is aside belongs to a step that says why. A woken or claimed one may be ahead of its step.
fn place_fits(step: &Step, job: &QueuedJob) -> Result<(), String> {
    let until = step
        .waiting
        .as_ref()
        .map(|waiting| waiting.until_ms.is_some());
    let fits = match &job.place {
        JobPlace::Parked | JobPlace::Dead { .. } => until == Some(false),
        JobPlace::Delayed { .. } => until == Some(true),
        JobPlace::Ready | JobPlace::Held(_) => true,
    };
    law!(
        fits,
        "the job of step {} is {:?}, and it waits for {:?}",
        step.key,
        job.place,
        step.waiting
    );
    Ok(())
}

fn the_task_is_carried(task: &Task, jobs: &[QueuedJob]) -> Result<(), String> {
    let work: Vec<&QueuedJob> = jobs.iter().filter(|job| is_work(job)).collect();
    let tells = |job: &QueuedJob| job.kind == Some(JobKind::Stop);
    law!(
        task.state == TaskState::Cancelled || !jobs.iter().any(tells),
        "something is to be told of an end without a cancel: {jobs:?}"
    );
    if task.state.is_final() {
        law!(work.is_empty(), "work is left for an ended task: {work:?}");
        let open = task.steps.iter().find(|step| !step.state.is_final());
        law!(open.is_none(), "a step of an ended task is open: {open:?}");
        return Ok(());
    }
    let carried = task.steps.iter().any(|step| step.state.is_carried());
    let of_task = work.iter().filter(|job| job.step.is_none()).count();
    law!(
        of_task == usize::from(!carried),
        "{of_task} plan or report jobs while steps are at work: {carried}"
    );
    let aside = |job: &QueuedJob| matches!(job.place, JobPlace::Parked | JobPlace::Dead { .. });
    let moving = work.iter().any(|job| !aside(job));
    let needs_a_person = task
        .waiting
        .as_ref()
        .is_some_and(|waiting| waiting.kind.needs_a_person());
    law!(
        moving || needs_a_person,
        "all work is aside, and nobody is asked: {task:?}"
    );
    let at_work = task
        .steps
        .iter()
        .any(|step| matches!(step.state, StepState::Ready | StepState::Running));
    law!(
        !at_work || task.state == TaskState::Running,
        "a step is at work while the task is {}",
        task.state.label()
    );
    Ok(())
}

/// The counters are the sum of the calls that were made, that are about to be made, and that a worker charged and died.
/// So they exceed the limits by no more than the last two, since no call is made beyond the limits.
fn the_book_is_right(task: &Task, book: &Book, outstanding: Spend) -> Result<(), String> {
    let all = book.made.plus(book.lost).plus(outstanding);
    let expected = (all.model_calls, all.tool_calls, book.tokens);
    let counted = (
        task.spent.model_calls,
        task.spent.tool_calls,
        task.spent.tokens,
    );
    law!(
        counted == expected,
        "the task counts {counted:?}, and {expected:?} happened"
    );
    Ok(())
}

/// A task that waits for its budget waits for one that is really used up. (While others are at work a step may wait for
/// a call that they have charged and then give back; they charge it again.)
fn no_raise_was_missed(task: &Task) -> Result<(), String> {
    let next = Spend::MODEL_CALL.plus(Spend::tool_calls(1));
    let spent = task.spent_at(task.read_at_ms).plus(next);
    let waits = task
        .waiting
        .as_ref()
        .is_some_and(|waiting| waiting.kind == WaitKind::Budget);
    law!(
        !waits || task.budget.exhausted(&spent).is_some(),
        "the task waits for a budget that is not used up: {task:?}"
    );
    Ok(())
}
