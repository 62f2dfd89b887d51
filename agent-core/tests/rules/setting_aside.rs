//! What holds for a step that was set aside, whatever else happens to its task.

use agent_core::budget::Budget;
use agent_core::decide::{Decision, Input, decide};
use agent_core::id::JobId;
use agent_core::job::JobKind;
use agent_core::ports::entropy::Seeded;
use agent_core::step::StepState;
use agent_core::task::{Task, TaskState, WaitKind};

use crate::fixture::{NOW_MS, step_id, step_waits_for, task, with_steps};

/// `work` was set aside; `other` is in this state.
fn beside(other: StepState) -> Task {
    let steps: [(&str, StepState, &[&str]); 3] = [
        ("work", StepState::Waiting, &[]),
        ("other", other, &[]),
        ("after", StepState::Blocked, &["work"]),
    ];
    let mut task = with_steps(task(TaskState::Running), &steps);
    step_waits_for(&mut task, "work", WaitKind::Input);
    task
}

fn decided(task: &Task, input: Input) -> Decision {
    decide(task, input, NOW_MS, &Seeded::new(1)).unwrap()
}

fn state_of(task: &Task, decision: &Decision, key: &str) -> StepState {
    let id = step_id(task, key);
    let changed = decision.steps.iter().find(|step| step.id == id);
    changed.map_or(task.step(&id).unwrap().state, |step| step.state)
}

fn kinds(decision: &Decision) -> Vec<JobKind> {
    decision.jobs.create.iter().map(|job| job.kind).collect()
}

#[test]
fn a_cancelled_task_takes_what_was_set_aside_along() {
    let task = beside(StepState::Running);
    let decision = decided(&task, Input::CancelRequested { reason: None });
    assert_eq!(decision.task.state, TaskState::Cancelled);
    assert_eq!(state_of(&task, &decision, "work"), StepState::Cancelled);
    assert!(
        decision.jobs.delete_work,
        "its dead letter goes with its job"
    );
}

#[test]
fn a_raised_budget_wakes_what_waited_for_it_and_not_what_was_set_aside() {
    let raise = || Input::BudgetRaised {
        budget: Budget::default(),
    };
    let alone = beside(StepState::Succeeded);
    let decision = decided(&alone, raise());
    assert!(!decision.jobs.wake);
    assert_eq!(state_of(&alone, &decision, "work"), StepState::Waiting);

    let mut both = beside(StepState::Waiting);
    step_waits_for(&mut both, "other", WaitKind::Budget);
    let decision = decided(&both, raise());
    let other = step_id(&both, "other");
    assert_eq!(decision.jobs.take_back, [other]);
    assert!(!decision.jobs.wake && decision.jobs.requeue.is_none());
    assert_eq!(state_of(&both, &decision, "other"), StepState::Ready);
    assert_eq!(state_of(&both, &decision, "work"), StepState::Waiting);
}

#[test]
fn a_raised_budget_leaves_a_step_alone_that_waits_for_a_decision() {
    let mut both = beside(StepState::Waiting);
    step_waits_for(&mut both, "work", WaitKind::Budget);
    step_waits_for(&mut both, "other", WaitKind::Approval);
    let raise = Input::BudgetRaised {
        budget: Budget::default(),
    };
    let decision = decided(&both, raise);
    assert_eq!(decision.jobs.take_back, [step_id(&both, "work")]);
    assert!(!decision.jobs.wake, "that would begin the other's job too");
    assert_eq!(state_of(&both, &decision, "other"), StepState::Waiting);
}

#[test]
fn no_new_plan_replaces_a_step_that_was_set_aside() {
    let task = beside(StepState::Running);
    let failed = Input::StepFailed {
        step: step_id(&task, "other"),
        reason: "it cannot be done".to_owned(),
        label: agent_core::policy::Label::User,
    };
    let decision = decided(&task, failed);
    assert_eq!(decision.task.state, TaskState::Waiting);
    let waiting = decision.task.waiting.as_ref().unwrap();
    assert_eq!(waiting.kind, WaitKind::Input);
    assert_eq!(kinds(&decision), [JobKind::Deliver], "its owner is told");
}

#[test]
fn the_steps_beside_it_go_on_and_what_needs_it_stays_blocked() {
    let task = beside(StepState::Running);
    let done = Input::StepSucceeded {
        step: step_id(&task, "other"),
        result: "done".to_owned(),
        label: agent_core::policy::Label::User,
    };
    let decision = decided(&task, done);
    assert_eq!(decision.task.state, TaskState::Waiting);
    assert_eq!(state_of(&task, &decision, "other"), StepState::Succeeded);
    assert_eq!(state_of(&task, &decision, "after"), StepState::Blocked);
}

#[test]
fn only_a_step_that_was_set_aside_is_requeued() {
    let requeued = |task: &Task, key: &str| {
        let input = Input::Requeued {
            step: Some(step_id(task, key)),
            job: JobId::new(&Seeded::new(60)),
        };
        decide(task, input, NOW_MS, &Seeded::new(1))
    };
    let task = beside(StepState::Waiting);
    let decision = requeued(&task, "work").unwrap();
    assert_eq!(state_of(&task, &decision, "work"), StepState::Ready);
    assert_eq!(decision.jobs.requeue, Some(JobId::new(&Seeded::new(60))));
    assert!(requeued(&task, "other").is_err(), "it waits for the budget");
    assert!(requeued(&task, "after").is_err());
}
