//! `docs/state-machine.md`, drawn from the answers of `decide`.

use std::collections::BTreeMap;
use std::fmt::Write;

use agent_core::decide::Input;
use agent_core::step::StepState;
use agent_core::task::{Task, TaskState, WaitKind};

use crate::fixture::{
    situations, step_id, step_inputs, task, task_inputs, timed, wait, with_steps,
};
use crate::recorded::must_equal;
use crate::render::{Answer, answer};
use crate::state_machine::{companies, with_work_in};

const INTRO: &str = "# States and decisions

A task's state changes in one place: the pure function `decide` in `agent-core`. It is given the task, what happened, the
time and a source of ids; it answers with everything that changes, which is then committed together or not at all, or it
refuses. A refusal changes nothing: the news came too late, and whoever brought it stops.

All tables on this page are printed by that function and checked by a test. To draw them anew after a change of the rules:
`ERRAND_BLESS=1 cargo nextest run -p agent-core state`. The complete answers, with charges and refunds, are in
`agent-core/tests/golden/decisions.txt`.

\"This job\" is the job under which the input came: it is kept by its worker, deleted because its work is done, ready again
after a time, or set aside until something makes it ready. A message goes to the webhook of the task, if it has one.
In the examples a step `work` is the one that the input is about.
";

const TASKS: &str = "
## Tasks

Final states: `succeeded`, `partial`, `failed`, `cancelled`. They refuse every input.

";
const STEPS: &str = "
## Steps

The step's own state, while another step of the task runs. `after` needs `work`. Final states: `succeeded`, `failed`,
`skipped`, `cancelled`.

";
const FOLLOWS: &str = "
## What follows for the task

A step was running; what it brings about for the task depends on the other steps of the plan in force.

";
const WAITS: &str = "
## Waits and jobs

Every kind of wait, asked for by the last moving step of a task or by its plan or report job. A wait with a time ends by
itself; one without needs a person, or an input that wakes it.

";

fn row(text: &mut String, cells: &[&str]) {
    let cells: Vec<&str> = cells
        .iter()
        .map(|cell| if cell.is_empty() { "–" } else { *cell })
        .collect();
    writeln!(text, "| {} |", cells.join(" | ")).unwrap();
}

fn head(text: &mut String, names: &[&str]) {
    row(text, names);
    row(text, &vec!["---"; names.len()]);
}

/// A row for each legal input, and one for all inputs that are refused for the same reason.
fn rows(
    text: &mut String,
    first: &str,
    task: &Task,
    inputs: Vec<(&'static str, Input)>,
    cells: Cells,
) {
    let mut refusals: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, input) in inputs {
        match answer(task, input) {
            Ok(answer) => {
                let mut all = vec![first, name];
                let rest = cells(&answer);
                all.extend(rest.iter().map(String::as_str));
                row(text, &all);
            }
            Err(reason) => refusals.entry(reason).or_default().push(name),
        }
    }
    for (reason, names) in refusals {
        let refused = format!("*refused: {reason}*");
        row(
            text,
            &[first, &names.join(", "), &refused, "", "", "", "", ""],
        );
    }
}

/// Inputs that begin something, and end nothing.
const BEGINNINGS: [&str; 4] = [
    "step claimed",
    "step claimed again",
    "call decided",
    "step requeued",
];

type Cells = fn(&Answer) -> [String; 6];

fn all_cells(answer: &Answer) -> [String; 6] {
    [
        answer.task.clone(),
        answer.steps.clone(),
        answer.own_job.clone(),
        answer.jobs.clone(),
        answer.events.clone(),
        answer.messages.clone(),
    ]
}

fn tasks(text: &mut String) {
    text.push_str(TASKS);
    head(
        text,
        &[
            "State",
            "Input",
            "Becomes",
            "Steps",
            "This job",
            "Other jobs",
            "Events",
            "Message",
        ],
    );
    for situation in situations() {
        let (task, state) = (&situation.task, situation.task.state.label());
        let first = format!("`{state}`: {}", situation.name);
        let mut inputs = task_inputs();
        inputs.extend(step_inputs(&step_id(task, "work")));
        rows(text, &first, task, inputs, all_cells);
    }
}

fn steps(text: &mut String) {
    text.push_str(STEPS);
    head(
        text,
        &[
            "State",
            "Input",
            "Task",
            "Steps",
            "This job",
            "Other jobs",
            "Events",
            "Message",
        ],
    );
    for state in StepState::ALL {
        let task = with_work_in(state);
        let first = format!("`{}`", state.label());
        let inputs = step_inputs(&step_id(&task, "work"));
        rows(text, &first, &task, inputs, all_cells);
    }
}

fn follows(text: &mut String) {
    text.push_str(FOLLOWS);
    head(
        text,
        &[
            "Beside it",
            "Input",
            "Task",
            "Steps",
            "This job",
            "Other jobs",
            "Events",
            "Message",
        ],
    );
    for (company, task) in companies() {
        let inputs = step_inputs(&step_id(&task, "work"));
        let ends = inputs
            .into_iter()
            .filter(|(name, _)| !BEGINNINGS.contains(name));
        rows(text, company, &task, ends.collect(), all_cells);
    }
}

fn waits(text: &mut String) {
    text.push_str(WAITS);
    head(
        text,
        &[
            "Waits for",
            "Who",
            "Task",
            "Step",
            "This job",
            "Events",
            "Message",
        ],
    );
    let step = with_steps(
        task(TaskState::Running),
        &[("work", StepState::Running, &[])],
    );
    let plan = task(TaskState::Running);
    for kind in WaitKind::ALL {
        for (who, task, about) in [
            ("a step", &step, Some(step_id(&step, "work"))),
            ("plan or report job", &plan, None),
        ] {
            let wait = wait(kind, timed(kind));
            let answer = answer(task, Input::Waited { step: about, wait })
                .ok()
                .unwrap();
            let kind = format!("`{}`", kind.label());
            row(
                text,
                &[
                    &kind,
                    who,
                    &answer.task,
                    &answer.steps,
                    &answer.own_job,
                    &answer.events,
                    &answer.messages,
                ],
            );
        }
    }
}

#[test]
fn the_document_of_the_state_machine_is_up_to_date() {
    let mut text = INTRO.to_owned();
    tasks(&mut text);
    steps(&mut text);
    follows(&mut text);
    waits(&mut text);
    must_equal("../docs/state-machine.md", &text);
}
