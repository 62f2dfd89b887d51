//! How a call ends, by luck.

use agent_core::budget::Spend;
use agent_core::decide::{Input, Wait};
use agent_core::job::{Claim, JobKind};
use agent_core::task::{Task, WaitKind};

use crate::plan::plan;

/// With this luck everything ends well at once.
pub const GOOD_LUCK: u8 = 130;
/// After so many turns a step always ends.
const TURNS_MAX: u32 = 4;
/// Tokens of one call.
pub const TOKENS: i64 = 20;

/// What a worker does after a call.
pub enum Outcome {
    /// It records an answer and charges the next call.
    GoOn(Spend),
    /// It brings news to the task.
    Tell(Input),
}

/// How the call of a step ends.
pub fn of_step(claim: &Claim, turn: u32, luck: u8) -> Outcome {
    let Some(step) = claim.step.clone() else {
        panic!("a step job without a step");
    };
    match luck {
        0..120 if turn < TURNS_MAX && luck.is_multiple_of(2) => Outcome::GoOn(Spend::MODEL_CALL),
        0..120 if turn < TURNS_MAX => Outcome::GoOn(Spend::tool_calls(1)),
        190..216 => Outcome::Tell(Input::StepFailed {
            step,
            reason: "bad luck".to_owned(),
            label: agent_core::policy::Label::User,
        }),
        216..248 => Outcome::Tell(Input::Waited {
            step: Some(step),
            wait: trouble(),
        }),
        248.. => Outcome::Tell(Input::Waited {
            step: Some(step),
            wait: question(),
        }),
        _ => Outcome::Tell(Input::StepSucceeded {
            step,
            result: "done".to_owned(),
            label: agent_core::policy::Label::User,
        }),
    }
}

/// How the call of a plan or report job ends.
pub fn of_task_job(claim: &Claim, plans: &[Vec<u8>; 2], task: &Task, luck: u8) -> Outcome {
    let input = match (claim.kind, luck) {
        (_, 216..236) => Input::Waited {
            step: None,
            wait: trouble(),
        },
        (JobKind::Report, _) => Input::Reported {
            answer: "the answer".to_owned(),
            data: None,
            criteria: Vec::new(),
            not_done: not_done(luck),
        },
        (_, 190..216) => return Outcome::GoOn(Spend::MODEL_CALL),
        (_, 236..) => Input::PlanFailed {
            reason: "bad luck".to_owned(),
        },
        _ => Input::PlanAccepted {
            plan: next_plan(plans, task),
        },
    };
    Outcome::Tell(input)
}

fn next_plan(plans: &[Vec<u8>; 2], task: &Task) -> agent_core::plan::Plan {
    let succeeded = task
        .steps
        .iter()
        .filter(|step| step.state == agent_core::step::StepState::Succeeded);
    let done: Vec<String> = succeeded.map(|step| step.key.clone()).collect();
    let which = usize::from(task.plan_version > 0);
    plan(&plans[which], task.plan_version + 1, &done)
}

fn not_done(luck: u8) -> Vec<String> {
    let is_short = !luck.is_multiple_of(2);
    is_short
        .then(|| "a part of it".to_owned())
        .into_iter()
        .collect()
}

fn trouble() -> Wait {
    Wait {
        kind: WaitKind::Provider,
        reason: "the provider is away".to_owned(),
        delay_ms: Some(5_000),
        limit: None,
        refund: Spend::default(),
    }
}

fn question() -> Wait {
    Wait {
        kind: WaitKind::Input,
        delay_ms: None,
        ..trouble()
    }
}
