//! Tasks in every situation that the rules tell apart, and every input.

use std::collections::BTreeMap;

use agent_core::blob::Stored;
use agent_core::budget::{Budget, Limit, Spend};
use agent_core::call::{CallDecided, CallDecision};
use agent_core::decide::{Input, SetAside, Wait};
use agent_core::id::{CallId, JobId, StepId, TaskId, TenantId, WebhookId};
use agent_core::job::JobKind;
use agent_core::plan::{Plan, StepSpec};
use agent_core::ports::entropy::Seeded;
use agent_core::queue::Quarantine;
use agent_core::step::{Step, StepState};
use agent_core::task::{Priority, Task, TaskState, WaitKind, Waiting};

/// The time of every decision.
pub const NOW_MS: i64 = 1_700_000_000_000;
/// How long a wait for a time lasts.
pub const DELAY_MS: u64 = 30_000;

/// A task whose budget allows no further model call, since the charge for the next one is already in its counters.
pub fn task(state: TaskState) -> Task {
    let entropy = Seeded::new(7);
    Task {
        id: TaskId::new(&entropy),
        tenant: TenantId::new(&entropy),
        state,
        waiting: None,
        version: 4,
        seq: 9,
        engine: agent_core::ENGINE_VERSION,
        title: "Rank the candidates".to_owned(),
        metadata: BTreeMap::new(),
        priority: Priority::Normal,
        spec: Stored::Inline("{}".to_owned()),
        result: None,
        error: None,
        budget: Budget {
            model_calls: 10,
            ..Budget::default()
        },
        spent: Spend {
            model_calls: 11,
            ..Spend::default()
        },
        running_since_ms: (state == TaskState::Running).then_some(NOW_MS - 1_000),
        plan_version: 0,
        replans: 0,
        webhook: Some(WebhookId::new(&entropy)),
        created_at_ms: NOW_MS - 5_000,
        updated_at_ms: NOW_MS - 1_000,
        finished_at_ms: state.is_final().then_some(NOW_MS - 1_000),
        steps: Vec::new(),
        read_at_ms: NOW_MS,
    }
}

/// A waiting task.
pub fn waiting_task(kind: WaitKind) -> Task {
    Task {
        waiting: Some(waiting(kind, timed(kind))),
        ..task(TaskState::Waiting)
    }
}

/// Whether a wait of this kind ends by itself, as workers ask for it.
pub fn timed(kind: WaitKind) -> bool {
    !kind.needs_a_person()
}

fn waiting(kind: WaitKind, timed: bool) -> Waiting {
    Waiting {
        kind,
        until_ms: timed.then_some(NOW_MS + 1_000),
        reason: format!("waits for {}", kind.label()),
    }
}

/// Puts a task under its first plan.
pub fn with_steps(mut task: Task, steps: &[(&str, StepState, &[&str])]) -> Task {
    task.plan_version = 1;
    for (key, state, needs) in steps {
        add_step(&mut task, key, *state, needs);
    }
    task
}

/// Adds a step to the plan in force.
pub fn add_step(task: &mut Task, key: &str, state: StepState, needs: &[&str]) {
    let ordinal = u32::try_from(task.steps.len()).unwrap();
    let entropy = Seeded::new(1_000 + u64::from(ordinal));
    let needed = needs.iter().map(|need| step_id(task, need));
    let step = Step {
        id: StepId::new(&entropy),
        ordinal,
        plan_version: task.plan_version,
        key: key.to_owned(),
        title: format!("Do {key}"),
        state,
        depends_on: needed.collect(),
        spec: Stored::Inline("{}".to_owned()),
        outcome: None,
        snapshot: None,
        waiting: (state == StepState::Waiting).then(|| waiting(WaitKind::Budget, false)),
    };
    task.steps.push(step);
}

/// Sets what a waiting step waits for.
pub fn step_waits_for(task: &mut Task, key: &str, kind: WaitKind) {
    let step = task.steps.iter_mut().find(|step| step.key == key).unwrap();
    step.waiting = Some(waiting(kind, timed(kind)));
}

/// Makes a waiting step wait for a place of a scarce tool.
pub fn step_waits_for_a_place(task: &mut Task, key: &str) {
    step_waits_for(task, key, WaitKind::Capacity);
    let step = task.steps.iter_mut().find(|step| step.key == key).unwrap();
    let waiting = step.waiting.as_mut().unwrap();
    waiting.reason = agent_core::place::reason("shell", 2);
}

/// The id of the step with this key; one that no task has, if there is none.
pub fn step_id(task: &Task, key: &str) -> StepId {
    let known = task.steps.iter().find(|step| step.key == key);
    known.map_or_else(|| StepId::new(&Seeded::new(99)), |step| step.id.clone())
}

/// One situation of a task.
pub struct Situation {
    /// In words, after the state.
    pub name: &'static str,
    /// The task.
    pub task: Task,
}

/// Every situation that leads to other answers, for every state.
pub fn situations() -> Vec<Situation> {
    use StepState::{Blocked, Cancelled, Failed, Running, Skipped, Succeeded, Waiting as Waits};
    use TaskState as T;
    let of = |name, task| Situation { name, task };
    let ended = |state, own| with_steps(task(state), &[("work", own, &[])]);
    let mut provider = with_steps(
        waiting_task(WaitKind::Provider),
        &[("work", Waits, &[]), ("after", Blocked, &["work"])],
    );
    step_waits_for(&mut provider, "work", WaitKind::Provider);
    let mut approval = with_steps(
        waiting_task(WaitKind::Approval),
        &[("work", Waits, &[]), ("after", Blocked, &["work"])],
    );
    step_waits_for(&mut approval, "work", WaitKind::Approval);
    let mut place = with_steps(
        waiting_task(WaitKind::Capacity),
        &[("work", Waits, &[]), ("after", Blocked, &["work"])],
    );
    step_waits_for_a_place(&mut place, "work");
    let mut aside = with_steps(
        waiting_task(WaitKind::Input),
        &[("work", Waits, &[]), ("after", Blocked, &["work"])],
    );
    step_waits_for(&mut aside, "work", WaitKind::Input);
    vec![
        of("no worker has begun it", task(T::Queued)),
        of("the first plan is being made", task(T::Running)),
        of(
            "a step is at work, another needs it",
            with_steps(
                task(T::Running),
                &[("work", Running, &[]), ("after", Blocked, &["work"])],
            ),
        ),
        of(
            "every step succeeded, the report is being made",
            ended(T::Running, Succeeded),
        ),
        of(
            "a step failed, a new plan is being made",
            with_steps(
                task(T::Running),
                &[
                    ("base", Succeeded, &[]),
                    ("work", Failed, &["base"]),
                    ("after", Blocked, &["work"]),
                ],
            ),
        ),
        of(
            "its plan job waits for the provider",
            waiting_task(WaitKind::Provider),
        ),
        of(
            "its plan job waits for the budget",
            waiting_task(WaitKind::Budget),
        ),
        of("its step waits for the provider", provider),
        of(
            "its step waits for the budget",
            with_steps(
                waiting_task(WaitKind::Budget),
                &[("work", Waits, &[]), ("after", Blocked, &["work"])],
            ),
        ),
        of("its step waits for a decision about a call", approval),
        of("its step waits for a place of a tool", place),
        of(
            "its plan job was quarantined",
            waiting_task(WaitKind::Input),
        ),
        of("its step was quarantined", aside),
        of("ended", ended(T::Succeeded, Succeeded)),
        of("ended", ended(T::Partial, Succeeded)),
        of("ended", ended(T::Failed, Skipped)),
        of("ended", ended(T::Cancelled, Cancelled)),
    ]
}

/// A wait as workers ask for it: with a time, unless a person has to end it. The call that was charged is given back.
pub fn wait(kind: WaitKind, timed: bool) -> Wait {
    Wait {
        kind,
        reason: format!("waits for {}", kind.label()),
        delay_ms: timed.then_some(DELAY_MS),
        limit: (kind == WaitKind::Budget).then_some(Limit::ModelCalls),
        refund: Spend::MODEL_CALL.refund(),
    }
}

/// A plan of two steps, the second after the first.
pub fn plan() -> Plan {
    let step = |key: &str, needs: &[&str]| StepSpec {
        key: key.to_owned(),
        title: format!("Do {key}"),
        instructions: format!("Do {key}."),
        depends_on: needs.iter().map(|&need| need.to_owned()).collect(),
        acceptance: Vec::new(),
    };
    Plan {
        overview: "First this, then that.".to_owned(),
        steps: vec![step("gather", &[]), step("rank", &["gather"])],
    }
}

/// A call of `work` that was settled by the task's owner.
fn decided() -> CallDecided {
    CallDecided {
        call: CallId::new(&Seeded::new(3)),
        tool: "http_request".to_owned(),
        decision: CallDecision::Done,
        note: None,
    }
}

/// The id of a job that was set aside.
fn dead_job() -> JobId {
    JobId::new(&Seeded::new(60))
}

fn aside(kind: JobKind) -> SetAside {
    SetAside {
        job: dead_job(),
        kind,
        crashes: 3,
        found: Quarantine {
            reason: "workers died".to_owned(),
            events: vec![4, 5],
        },
    }
}

/// The inputs that are about one step, with their names in the tables.
pub fn step_inputs(step: &StepId) -> Vec<(&'static str, Input)> {
    let claimed = |begun| Input::Claimed {
        step: Some(step.clone()),
        begun,
        crashes: 0,
    };
    let waits = |kind| Input::Waited {
        step: Some(step.clone()),
        wait: wait(kind, timed(kind)),
    };
    let (result, reason) = ("the result".to_owned(), "it cannot be done".to_owned());
    vec![
        ("step claimed", claimed(false)),
        ("step claimed again", claimed(true)),
        (
            "step succeeded",
            Input::StepSucceeded {
                step: step.clone(),
                result,
                label: agent_core::policy::Label::User,
            },
        ),
        (
            "step failed",
            Input::StepFailed {
                step: step.clone(),
                reason,
                label: agent_core::policy::Label::User,
            },
        ),
        ("step waits for a time", waits(WaitKind::Provider)),
        (
            "call decided",
            Input::CallDecided {
                step: step.clone(),
                decided: decided(),
            },
        ),
        ("place freed", Input::PlaceFreed { step: step.clone() }),
        (
            "step quarantined",
            Input::Quarantined {
                step: Some(step.clone()),
                aside: aside(JobKind::Step),
            },
        ),
        (
            "step requeued",
            Input::Requeued {
                step: Some(step.clone()),
                job: dead_job(),
            },
        ),
        ("step waits for a person", waits(WaitKind::Budget)),
    ]
}

/// The inputs that are about the task as a whole, with their names in the tables.
pub fn task_inputs() -> Vec<(&'static str, Input)> {
    let waits = |kind| Input::Waited {
        step: None,
        wait: wait(kind, timed(kind)),
    };
    let reported = Input::Reported {
        answer: "Here it is.".to_owned(),
        data: None,
        criteria: Vec::new(),
        not_done: Vec::new(),
    };
    let (reason, budget) = ("no plan fits".to_owned(), Budget::default());
    vec![
        (
            "task job claimed",
            Input::Claimed {
                step: None,
                begun: false,
                crashes: 0,
            },
        ),
        ("plan accepted", Input::PlanAccepted { plan: plan() }),
        ("plan failed", Input::PlanFailed { reason }),
        ("task job waits for a time", waits(WaitKind::Provider)),
        ("task job waits for a person", waits(WaitKind::Budget)),
        ("reported", reported),
        (
            "task job quarantined",
            Input::Quarantined {
                step: None,
                aside: aside(JobKind::Plan),
            },
        ),
        (
            "task job requeued",
            Input::Requeued {
                step: None,
                job: dead_job(),
            },
        ),
        ("cancel requested", Input::CancelRequested { reason: None }),
        ("budget raised", Input::BudgetRaised { budget }),
    ]
}

/// Every input.
pub fn inputs(step: &StepId) -> Vec<(&'static str, Input)> {
    let mut all = task_inputs();
    all.extend(step_inputs(step));
    all
}
