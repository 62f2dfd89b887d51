//! Why a task is where it is: one case for each cause.

use agent_core::explain::{Cause, Reason, Subject, explain};
use agent_core::id::{CallId, DeliveryId, JobId};
use agent_core::job::{Incarnation, JobKind, WorkerName};
use agent_core::ports::entropy::Seeded;
use agent_core::queue::{DeadKind, Holder, JobPlace, OpenCall, QueuedJob, TaskQueue};
use agent_core::step::StepState;
use agent_core::task::{Task, TaskState, WaitKind};

use crate::fixture::{
    NOW_MS, step_id, step_waits_for, step_waits_for_a_place, task, waiting_task, with_steps,
};

const SILENT_MS: i64 = 15_000;

fn job(kind: JobKind, place: JobPlace) -> QueuedJob {
    QueuedJob {
        job: JobId::new(&Seeded::new(80)),
        kind: Some(kind),
        step: None,
        delivery: None,
        place,
        attempts: 0,
        crashes: 2,
    }
}

fn of_step(task: &Task, place: JobPlace) -> QueuedJob {
    QueuedJob {
        step: Some(step_id(task, "work")),
        ..job(JobKind::Step, place)
    }
}

fn held(heartbeat_age_ms: i64, is_over: bool) -> JobPlace {
    JobPlace::Held(Holder {
        who: Incarnation {
            worker: WorkerName("w-1".to_owned()),
            epoch: 4,
        },
        heartbeat_at_ms: Some(NOW_MS - heartbeat_age_ms),
        is_over,
    })
}

/// The reasons, while a worker was heard of so long ago.
fn reasons(task: &Task, jobs: Vec<QueuedJob>, heard_age_ms: Option<i64>) -> Vec<Reason> {
    let heartbeat_at_ms = heard_age_ms.map(|age_ms| NOW_MS - age_ms);
    let queue = TaskQueue {
        heartbeat_at_ms,
        ..queue(jobs)
    };
    explain(task, &queue, SILENT_MS)
}

/// The queue while a worker was just heard of.
fn queue(jobs: Vec<QueuedJob>) -> TaskQueue {
    TaskQueue {
        jobs,
        calls: Vec::new(),
        given_up: Vec::new(),
        heartbeat_at_ms: Some(NOW_MS),
        read_at_ms: NOW_MS,
    }
}

fn call(seed: u64, task: &Task, is_unknown: bool) -> OpenCall {
    OpenCall {
        call: CallId::new(&Seeded::new(seed)),
        step: Some(step_id(task, "work")),
        tool: "http_request".to_owned(),
        is_unknown,
        since_ms: NOW_MS - 9_000,
        last_begun_ms: NOW_MS - 9_000,
    }
}

fn only(reasons: Vec<Reason>) -> Reason {
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    let reason = reasons.into_iter().next().unwrap();
    assert!(!reason.explanation.is_empty() && !reason.advice.is_empty());
    reason
}

fn step_in(state: StepState) -> Task {
    with_steps(task(TaskState::Running), &[("work", state, &[])])
}

fn step_waiting(kind: WaitKind) -> Task {
    let mut task = with_steps(waiting_task(kind), &[("work", StepState::Waiting, &[])]);
    step_waits_for(&mut task, "work", kind);
    task
}

#[test]
fn a_task_of_a_newer_release_is_said_to_wait_for_a_worker_of_it() {
    let mut task = step_in(StepState::Ready);
    task.engine = agent_core::ENGINE_VERSION + 1;
    for heard_age_ms in [Some(0), None] {
        let jobs = vec![of_step(&task, JobPlace::Ready)];
        let reason = only(reasons(&task, jobs, heard_age_ms));
        assert!(
            reason
                .explanation
                .contains("only a worker of the newer release"),
            "{reason:?}"
        );
        assert!(
            reason.advice.contains("start workers of the release"),
            "{reason:?}"
        );
    }
}

#[test]
fn a_held_job_names_its_worker_and_when_it_was_heard_of() {
    let task = step_in(StepState::Running);
    let jobs = vec![of_step(&task, held(4_000, false))];
    let reason = only(reasons(&task, jobs, Some(4_000)));
    assert_eq!((reason.cause, reason.crashes), (Cause::Held, 2));
    let holder = reason.holder.unwrap();
    assert_eq!((holder.worker.0.as_str(), holder.epoch), ("w-1", 4));
    assert_eq!(holder.heartbeat_age_ms, Some(4_000));
    assert_eq!(
        reason.explanation,
        "step work is held by worker w-1 (life 4), last heard of 4 s ago"
    );
}

#[test]
fn a_holder_that_is_silent_or_over_is_told() {
    let task = step_in(StepState::Running);
    for place in [held(SILENT_MS + 1, false), held(10, true)] {
        let reason = only(reasons(&task, vec![of_step(&task, place)], Some(10)));
        assert_eq!(reason.cause, Cause::HolderSilent);
    }
}

#[test]
fn a_ready_job_waits_for_a_place_or_for_a_worker_to_be_started() {
    let task = task(TaskState::Queued);
    let due = JobPlace::Delayed {
        until_ms: NOW_MS - 1,
    };
    for place in [JobPlace::Ready, due] {
        let of = |heard| {
            only(reasons(
                &task,
                vec![job(JobKind::Plan, place.clone())],
                heard,
            ))
        };
        let queued = of(Some(1_000));
        assert_eq!(queued.cause, Cause::Queued);
        // More places do not help a tenant that is at its limit.
        let limit = "worker.tenant_jobs_at_once";
        assert!(queued.advice.contains(limit), "{queued:?}");
        assert_eq!(of(Some(SILENT_MS + 1)).cause, Cause::NoWorker);
        let none = of(None);
        assert_eq!(
            (none.cause, &none.subject),
            (Cause::NoWorker, &Subject::Plan)
        );
        assert!(none.advice.contains("errand worker"), "{none:?}");
    }
}

#[test]
fn each_kind_of_wait_says_for_what_and_until_when() {
    for kind in WaitKind::ALL {
        let task = step_waiting(kind);
        let timed = !kind.needs_a_person();
        let until_ms = NOW_MS + 60_000;
        let place = if timed {
            JobPlace::Delayed { until_ms }
        } else {
            JobPlace::Parked
        };
        let reason = only(reasons(&task, vec![of_step(&task, place)], Some(0)));
        assert_eq!(reason.cause.label(), kind.label());
        assert_eq!(reason.passes(), timed);
        assert_eq!(reason.until_ms, timed.then_some(until_ms));
        let noted = format!("waits for {}", kind.label());
        assert!(reason.explanation.contains(&noted), "{reason:?}");
    }
}

#[test]
fn a_step_that_needs_a_place_of_a_tool_says_which_and_that_it_goes_on_by_itself() {
    let mut task = with_steps(
        waiting_task(WaitKind::Capacity),
        &[("work", StepState::Waiting, &[])],
    );
    step_waits_for_a_place(&mut task, "work");
    let until_ms = NOW_MS + 12_000;
    let jobs = vec![of_step(&task, JobPlace::Delayed { until_ms })];
    let reason = only(reasons(&task, jobs, Some(0)));
    assert_eq!(reason.cause, Cause::Capacity);
    assert_eq!(
        reason.explanation,
        "step work waits for a place of tool shell (limit 2 on this worker), and looks for one again, maybe on another worker, at \
2023-11-14T22:13:32Z (in 12 s) at the latest"
    );
    assert!(
        reason.passes() && reason.advice.contains("worker.tool_calls_at_once"),
        "{reason:?}"
    );
}

#[test]
fn a_budget_that_is_used_up_is_to_be_raised() {
    let task = waiting_task(WaitKind::Budget);
    let reason = only(reasons(
        &task,
        vec![job(JobKind::Report, JobPlace::Parked)],
        None,
    ));
    assert_eq!(
        (reason.cause, reason.subject),
        (Cause::Budget, Subject::Report)
    );
    assert!(
        reason
            .advice
            .contains(&format!("errand budget {}", task.id))
    );
}

#[test]
fn a_blocked_step_names_what_it_needs() {
    let task = with_steps(
        task(TaskState::Running),
        &[
            ("done", StepState::Succeeded, &[]),
            ("work", StepState::Running, &[]),
            ("after", StepState::Blocked, &["done", "work"]),
        ],
    );
    let found = reasons(&task, vec![of_step(&task, held(0, false))], Some(0));
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].cause, Cause::Steps);
    assert_eq!(found[1].waits_for, ["work"]);
}

#[test]
fn what_was_set_aside_says_how_to_requeue_it() {
    let task = step_waiting(WaitKind::Input);
    for (kind, cause) in [
        (DeadKind::Job, Cause::Quarantined),
        (DeadKind::Unreadable, Cause::Unreadable),
    ] {
        let place = JobPlace::Dead {
            kind,
            reason: "it kills".to_owned(),
        };
        let job = of_step(&task, place);
        let wanted = format!("errand dead requeue {}", job.job);
        let reason = only(reasons(&task, vec![job], Some(0)));
        assert_eq!(reason.cause, cause);
        assert!(reason.explanation.contains("it kills"), "{reason:?}");
        assert!(reason.advice.contains(&wanted), "{reason:?}");
    }
}

#[test]
fn a_message_is_open_even_when_the_task_has_ended_and_nothing_else_is() {
    let task = task(TaskState::Succeeded);
    let until_ms = NOW_MS + 300_000;
    let message = DeliveryId::new(&Seeded::new(81));
    let job = QueuedJob {
        delivery: Some(message.clone()),
        ..job(JobKind::Deliver, JobPlace::Delayed { until_ms })
    };
    let reason = only(reasons(&task, vec![job], Some(0)));
    assert_eq!(reason.subject, Subject::Delivery(message));
    assert_eq!(reason.cause, Cause::Receiver);
    assert_eq!(reason.until_ms, Some(until_ms));
    assert_eq!(reasons(&task, Vec::new(), None), vec![]);
}

#[test]
fn work_that_nothing_carries_is_called_a_fault() {
    let lost_step = only(reasons(&step_in(StepState::Ready), Vec::new(), Some(0)));
    assert_eq!(lost_step.cause, Cause::Lost);
    let lost_task = only(reasons(&task(TaskState::Queued), Vec::new(), Some(0)));
    assert_eq!(
        (lost_task.cause, lost_task.subject),
        (Cause::Lost, Subject::Task)
    );
}

#[test]
fn a_held_step_names_the_call_that_is_being_made() {
    let task = step_in(StepState::Running);
    let mut queue = queue(vec![of_step(&task, held(4_000, false))]);
    let other = OpenCall {
        step: None,
        ..call(90, &task, false)
    };
    queue.calls = vec![call(91, &task, true), call(92, &task, false), other];
    let reason = only(explain(&task, &queue, SILENT_MS));
    assert_eq!(reason.call, Some(call(92, &task, false)));
    let wanted = format!(
        "makes call {} (http_request) since 9 s",
        call(92, &task, false).call
    );
    assert!(reason.explanation.ends_with(&wanted), "{reason:?}");
}

#[test]
fn a_call_that_is_made_again_says_since_when_and_when_it_was_first_begun() {
    let task = step_in(StepState::Running);
    let mut queue = queue(vec![of_step(&task, held(4_000, false))]);
    let again = OpenCall {
        since_ms: NOW_MS - 7_200_000,
        ..call(92, &task, false)
    };
    queue.calls = vec![again.clone()];
    let reason = only(explain(&task, &queue, SILENT_MS));
    let wanted = format!(
        "makes call {} (http_request) since 9 s, again after its worker was stopped or lost; it was first begun 2 h ago",
        again.call
    );
    assert!(reason.explanation.ends_with(&wanted), "{reason:?}");
}

#[test]
fn a_call_to_be_decided_is_named_with_the_command_that_decides_it() {
    let task = step_waiting(WaitKind::Approval);
    let mut queue = queue(vec![of_step(&task, JobPlace::Parked)]);
    queue.calls = vec![call(91, &task, true), call(92, &task, true)];
    let reason = only(explain(&task, &queue, SILENT_MS));
    let asked = call(92, &task, true).call;
    let command = format!("errand decide {} {asked} done|not_done|repeat", task.id);
    assert!(reason.advice.contains(&command), "{reason:?}");
    let path = format!("/v1/tasks/{}/calls/{asked}/decision", task.id);
    assert!(reason.advice.contains(&path), "{reason:?}");
}

#[test]
fn a_call_to_be_decided_goes_on_by_itself_only_where_its_owner_has_a_deadline() {
    let task = step_waiting(WaitKind::Approval);
    let until_ms = NOW_MS + 60_000;
    let of = |place| only(reasons(&task, vec![of_step(&task, place)], Some(0)));
    let timed = of(JobPlace::Delayed { until_ms });
    assert_eq!(timed.cause, Cause::Approval);
    assert_eq!((timed.passes(), timed.until_ms), (true, Some(until_ms)));
    assert!(!of(JobPlace::Parked).passes());
}

#[test]
fn the_limit_that_is_used_up_is_named_as_the_command_line_does() {
    let mut task = waiting_task(WaitKind::Budget);
    let flag = |task: &Task| {
        let job = job(JobKind::Plan, JobPlace::Parked);
        only(explain(task, &queue(vec![job]), SILENT_MS)).advice
    };
    assert!(flag(&task).contains("--budget-model-calls"), "{task:?}");
    task.budget.model_calls = 1_000;
    task.spent.tokens = i64::try_from(task.budget.tokens).unwrap();
    assert!(flag(&task).contains("--budget-tokens"), "{task:?}");
    task.spent.tokens = 0;
    task.spent.wall_ms = i64::try_from(task.budget.wall_ms).unwrap();
    assert!(flag(&task).contains("--budget-minutes"), "{task:?}");
    task.spent.wall_ms = 0;
    task.spent.tool_calls = i64::try_from(task.budget.tool_calls).unwrap();
    assert!(flag(&task).contains("--budget-tool-calls"), "{task:?}");
}

#[test]
fn a_call_that_had_not_come_back_when_its_task_was_cancelled_is_shown() {
    let task = with_steps(
        task(TaskState::Cancelled),
        &[("work", StepState::Cancelled, &[])],
    );
    let mut queue = queue(Vec::new());
    queue.calls = vec![call(91, &task, true), call(92, &task, false)];
    let reason = only(explain(&task, &queue, SILENT_MS));
    let left = call(92, &task, false);
    assert_eq!(reason.subject, Subject::Call(left.call.clone()));
    assert!(reason.explanation.contains("http_request"), "{reason:?}");
    assert_eq!((reason.cause, reason.call), (Cause::CutOff, Some(left)));
}

#[test]
fn a_message_that_was_given_up_can_be_requeued_after_the_end() {
    let task = task(TaskState::Succeeded);
    let message = DeliveryId::new(&Seeded::new(81));
    let mut queue = queue(Vec::new());
    let why = "the receiver answered 500".to_owned();
    queue.given_up = vec![(message.clone(), why.clone())];
    let reason = only(explain(&task, &queue, SILENT_MS));
    assert_eq!(reason.cause, Cause::Undelivered);
    assert!(reason.explanation.contains(&why), "{reason:?}");
    let wanted = format!("errand dead requeue {message}");
    assert!(reason.advice.contains(&wanted), "{reason:?}");
    assert!(!reason.advice.contains("cancel"), "it has ended");
}
