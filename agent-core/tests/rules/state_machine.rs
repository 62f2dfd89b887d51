//! The answer of `decide` to every input in every situation, as a recorded text.

use std::collections::BTreeSet;
use std::fmt::Write;

use agent_core::decide::Input;
use agent_core::step::StepState;
use agent_core::task::{Task, TaskState};

use crate::fixture::{
    add_step, inputs, situations, step_id, step_inputs, step_waits_for, task, task_inputs,
    with_steps,
};
use crate::recorded::must_equal;
use crate::render::answer;

/// A running task with `work` in this state and a step behind it. Another step is at work, so that the task runs on.
pub fn with_work_in(state: StepState) -> Task {
    let before = if state == StepState::Blocked {
        StepState::Running
    } else {
        StepState::Succeeded
    };
    with_steps(
        task(TaskState::Running),
        &[
            ("before", before, &[]),
            ("work", state, &["before"]),
            ("after", StepState::Blocked, &["work"]),
            ("beside", StepState::Running, &[]),
        ],
    )
}

/// A running task in which `work` is at work, by what else there is in its plan.
pub fn companies() -> Vec<(&'static str, Task)> {
    use StepState::{Blocked, Failed, Ready, Running, Succeeded, Waiting};
    let of = |steps| with_steps(task(TaskState::Running), steps);
    let waits_for = |kind| {
        let mut task = of(&[("work", Running, &[]), ("other", Waiting, &[])]);
        step_waits_for(&mut task, "other", kind);
        task
    };
    let mut replanned = of(&[("first", Failed, &[])]);
    replanned.plan_version = 2;
    replanned.replans = 1;
    add_step(&mut replanned, "work", Running, &[]);
    let mut replanned_again = replanned.clone();
    add_step(&mut replanned_again, "other", Failed, &[]);
    vec![
        ("nothing else", of(&[("work", Running, &[])])),
        (
            "a step that needs it",
            of(&[("work", Running, &[]), ("after", Blocked, &["work"])]),
        ),
        (
            "a step that needs it and another that runs",
            of(&[
                ("work", Running, &[]),
                ("other", Running, &[]),
                ("after", Blocked, &["work", "other"]),
            ]),
        ),
        (
            "another that is ready",
            of(&[("work", Running, &[]), ("other", Ready, &[])]),
        ),
        (
            "another that waits for the provider",
            waits_for(agent_core::task::WaitKind::Provider),
        ),
        (
            "another that waits for the budget",
            waits_for(agent_core::task::WaitKind::Budget),
        ),
        (
            "another that succeeded",
            of(&[("work", Running, &[]), ("other", Succeeded, &[])]),
        ),
        (
            "another that failed, and a step that needs that",
            of(&[
                ("work", Running, &[]),
                ("other", Failed, &[]),
                ("after", Blocked, &["other"]),
            ]),
        ),
        ("nothing else, in the second plan", replanned),
        ("another that failed, in the second plan", replanned_again),
    ]
}

fn write_answer(text: &mut String, task: &Task, name: &str, input: Input) {
    let answer = match answer(task, input) {
        Ok(answer) => answer,
        Err(reason) => return writeln!(text, "{name}\n    refused: {reason}").unwrap(),
    };
    writeln!(text, "{name}").unwrap();
    let parts = [
        ("task", answer.task),
        ("steps", answer.steps),
        ("this job", answer.own_job),
        ("jobs", answer.jobs),
        ("events", answer.events),
        ("messages", answer.messages),
        ("charge", answer.charge),
        ("also", answer.rest),
    ];
    for (part, words) in parts.iter().filter(|(_, words)| !words.is_empty()) {
        writeln!(text, "    {part:9} {words}").unwrap();
    }
}

fn write_section(text: &mut String, title: &str, task: &Task, inputs: Vec<(&'static str, Input)>) {
    writeln!(text, "\n== {title}").unwrap();
    for (name, input) in inputs {
        write_answer(text, task, name, input);
    }
}

#[test]
fn every_answer_is_the_recorded_one() {
    let mut text = String::from("The answer of `decide` to every input in every situation.\n");
    for situation in situations() {
        let task = &situation.task;
        let title = format!("task {}: {}", task.state.label(), situation.name);
        write_section(&mut text, &title, task, inputs(&step_id(task, "work")));
    }
    for state in StepState::ALL {
        let task = with_work_in(state);
        let title = format!("step {}, while another runs", state.label());
        write_section(
            &mut text,
            &title,
            &task,
            step_inputs(&step_id(&task, "work")),
        );
    }
    for (company, task) in companies() {
        let title = format!("step running, and {company}");
        write_section(
            &mut text,
            &title,
            &task,
            step_inputs(&step_id(&task, "work")),
        );
    }
    must_equal("tests/golden/decisions.txt", &text);
}

#[test]
fn an_ended_task_refuses_every_input() {
    let ended = situations();
    let ended: Vec<_> = ended
        .iter()
        .filter(|one| one.task.state.is_final())
        .collect();
    assert_eq!(ended.len(), 4);
    for situation in ended {
        for (name, input) in inputs(&step_id(&situation.task, "work")) {
            let refused = answer(&situation.task, input).err();
            assert_eq!(refused.as_deref(), Some("the task has ended"), "{name}");
        }
    }
}

#[test]
fn an_ended_step_refuses_every_input() {
    for state in StepState::ALL.into_iter().filter(|state| state.is_final()) {
        let task = with_work_in(state);
        for (name, input) in step_inputs(&step_id(&task, "work")) {
            let refused = answer(&task, input).err();
            let expected = format!("step work is {}", state.label());
            assert_eq!(refused, Some(expected), "{name}");
        }
    }
}

#[test]
fn the_tables_hold_every_state_and_every_input() {
    let states: BTreeSet<&str> = situations()
        .iter()
        .map(|one| one.task.state.label())
        .collect();
    assert_eq!(states.len(), TaskState::ALL.len());
    let all = inputs(&step_id(&task(TaskState::Queued), "work"));
    let numbers: BTreeSet<u8> = all.iter().map(|(_, input)| number(input)).collect();
    assert_eq!(numbers, (0..=16).collect());
}

/// Numbers every kind of input. A kind that is added breaks this, so that it is added to the tables too.
fn number(input: &Input) -> u8 {
    match input {
        Input::Claimed { step: None, .. } => 0,
        Input::Claimed { step: Some(_), .. } => 1,
        Input::PlanAccepted { .. } => 2,
        Input::PlanFailed { .. } => 3,
        Input::StepSucceeded { .. } => 4,
        Input::StepFailed { .. } => 5,
        Input::Waited { step: None, .. } => 6,
        Input::Waited { step: Some(_), .. } => 7,
        Input::Reported { .. } => 8,
        Input::CancelRequested { .. } => 9,
        Input::BudgetRaised { .. } => 10,
        Input::CallDecided { .. } => 11,
        Input::Quarantined { step: None, .. } => 12,
        Input::Quarantined { step: Some(_), .. } => 13,
        Input::Requeued { step: None, .. } => 14,
        Input::Requeued { step: Some(_), .. } => 15,
        Input::PlaceFreed { .. } => 16,
    }
}

#[test]
fn a_wait_for_a_budget_that_was_raised_meanwhile_sends_the_job_back_to_the_queue() {
    let mut raised = with_work_in(StepState::Running);
    raised.budget.model_calls = 1_000;
    let (_, waits) = step_inputs(&step_id(&raised, "work")).pop().unwrap();
    let answer = answer(&raised, waits).ok().unwrap();
    assert_eq!(answer.steps, "work running → ready");
    assert_eq!(answer.own_job, "ready");
    assert_eq!(answer.task, "running");
    assert_eq!(answer.charge, "-1 model calls");
}

#[test]
fn so_does_one_of_a_plan_or_report_job() {
    let mut raised = task(TaskState::Running);
    raised.budget.model_calls = 1_000;
    let mut inputs = task_inputs().into_iter();
    let (_, waits) = inputs
        .find(|(name, _)| *name == "task job waits for a person")
        .unwrap();
    let answer = answer(&raised, waits).ok().unwrap();
    assert_eq!(answer.own_job, "ready");
    assert_eq!(answer.task, "running");
    assert_eq!(answer.charge, "-1 model calls");
}
