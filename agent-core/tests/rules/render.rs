//! A decision in words, part by part. Both the recorded text and the document are made from these.

use agent_core::budget::Spend;
use agent_core::decide::{Decision, Input, decide};
use agent_core::job::{JobAfter, NewJob};
use agent_core::ports::entropy::Seeded;
use agent_core::task::{Task, TaskState, Waiting};

use crate::fixture::NOW_MS;

/// What a decision changes, each part in words; a part that changes nothing is empty.
pub struct Answer {
    pub task: String,
    pub steps: String,
    pub own_job: String,
    pub jobs: String,
    pub events: String,
    pub messages: String,
    pub charge: String,
    /// Plan version, replans, limits, error.
    pub rest: String,
}

/// The answer to an input, or the reason of its refusal.
pub fn answer(task: &Task, input: Input) -> Result<Answer, String> {
    let by_owner = input.is_from_outside();
    match decide(task, input, NOW_MS, &Seeded::new(50)) {
        // An owner's input comes under no job.
        Ok(decision) if by_owner => Ok(Answer {
            own_job: String::new(),
            ..describe(task, &decision)
        }),
        Ok(decision) => Ok(describe(task, &decision)),
        Err(refused) => Err(without_ids(&refused.reason)),
    }
}

/// Ids are noise in a table.
fn without_ids(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        if word.starts_with("step_") {
            "it"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn describe(task: &Task, decision: &Decision) -> Answer {
    let messages = decision.deliveries.iter().map(|one| one.kind.clone());
    let events = decision.events.iter().map(|event| {
        let about = event.step.as_ref().map(|step| key_of(task, decision, step));
        let kind = event.body.kind().label();
        about.map_or(kind.to_owned(), |key| format!("{kind} ({key})"))
    });
    Answer {
        task: state(decision.task.state, decision.task.waiting.as_ref()),
        steps: join("; ", steps(task, decision)),
        own_job: own_job(decision.own_job),
        jobs: join("; ", jobs(task, decision)),
        events: join(", ", events),
        messages: join(", ", messages),
        charge: charge(decision.charge),
        rest: join("; ", rest(task, decision)),
    }
}

fn join(between: &str, parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(between)
}

fn state(state: TaskState, waiting: Option<&Waiting>) -> String {
    waiting.map_or(state.label().to_owned(), |waiting| {
        let end = waiting.until_ms.map_or("a person".to_owned(), |until_ms| {
            format!("{} ms", until_ms - NOW_MS)
        });
        format!("{} ({}, until {end})", state.label(), waiting.kind.label())
    })
}

fn key_of(task: &Task, decision: &Decision, id: &agent_core::id::StepId) -> String {
    let old = task.step(id).map(|step| step.key.clone());
    let new = || {
        let mut added = decision.new_steps.iter();
        added
            .find(|step| step.id == *id)
            .map(|step| step.spec.key.clone())
    };
    old.or_else(new).unwrap_or_default()
}

fn steps(task: &Task, decision: &Decision) -> Vec<String> {
    let changed = decision.steps.iter().map(|changed| {
        let was = task
            .step(&changed.id)
            .map_or("?", |step| step.state.label());
        let key = key_of(task, decision, &changed.id);
        format!("{key} {was} → {}", changed.state.label())
    });
    let added = decision.new_steps.iter().map(|step| {
        let needs: Vec<String> = step
            .depends_on
            .iter()
            .map(|id| key_of(task, decision, id))
            .collect();
        let behind = if needs.is_empty() {
            String::new()
        } else {
            format!(" behind {}", needs.join(", "))
        };
        format!("new: {} {}{behind}", step.spec.key, step.state.label())
    });
    changed.chain(added).collect()
}

fn own_job(after: JobAfter) -> String {
    match after {
        JobAfter::Keep => "kept".to_owned(),
        JobAfter::Delete => "deleted".to_owned(),
        JobAfter::Delay(0) => "ready".to_owned(),
        JobAfter::Delay(ms) => format!("ready after {ms} ms"),
        JobAfter::Park => "set aside".to_owned(),
    }
}

fn jobs(task: &Task, decision: &Decision) -> Vec<String> {
    let mut words = Vec::new();
    if decision.jobs.delete_work {
        words.push("all work deleted".to_owned());
    }
    if decision.jobs.stop_held {
        words.push("held jobs tell of their end".to_owned());
    }
    for step in &decision.jobs.take_back {
        let key = key_of(task, decision, step);
        words.push(format!("work of {key} taken back and made ready"));
    }
    if decision.jobs.wake {
        words.push("all that are aside made ready".to_owned());
    }
    if decision.jobs.quarantine.is_some() {
        words.push("this one is a dead letter".to_owned());
    }
    if decision.jobs.requeue.is_some() {
        words.push("the dead letter made ready".to_owned());
    }
    let created = |job: &NewJob| {
        let about = job.step.as_ref().map(|step| key_of(task, decision, step));
        let about = about.map_or(String::new(), |key| format!(" ({key})"));
        format!("new: {}{about}", job.kind.label())
    };
    words.extend(decision.jobs.create.iter().map(created));
    words
}

fn charge(charge: Spend) -> String {
    let parts = [
        ("model calls", charge.model_calls),
        ("tool calls", charge.tool_calls),
        ("tokens", charge.tokens),
        ("ms running", charge.wall_ms),
    ];
    let named = parts
        .into_iter()
        .filter(|(_, count)| *count != 0)
        .map(|(name, count)| format!("{count:+} {name}"));
    join(", ", named)
}

fn rest(task: &Task, decision: &Decision) -> Vec<String> {
    let mut words = Vec::new();
    if decision.task.plan_version != task.plan_version {
        words.push(format!("plan version {}", decision.task.plan_version));
    }
    if decision.task.replans != task.replans {
        words.push(format!("replans {}", decision.task.replans));
    }
    if decision.task.budget != task.budget {
        words.push("new limits".to_owned());
    }
    if decision.task.running_since_ms.is_some() != task.running_since_ms.is_some() {
        let runs = decision.task.running_since_ms.is_some();
        words.push(if runs { "clock starts" } else { "clock stops" }.to_owned());
    }
    if decision.task.result.is_some() {
        words.push("has a result".to_owned());
    }
    if let Some(error) = &decision.task.error {
        words.push(format!("error: {error}"));
    }
    words
}
