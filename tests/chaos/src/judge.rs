//! The verdict on one task and on all questions: what the API says of it must be as if nothing had happened.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::Client;
use crate::words::{self, Words};

const EVENTS_PER_PAGE: usize = 200;

/// What is wrong with a task that should have succeeded.
pub fn task(client: &Client, words: &Words, number: usize, id: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = words::name(number);
    let path = format!("/v1/tasks/{id}");
    match client.get(&path).map(|answer| answer.json()) {
        Ok(view) if view["state"] == "succeeded" => {}
        Ok(view) => wrong.push(format!(
            "{name} {id} is {}: {} {}",
            view["state"], view["error"], view["waiting"]
        )),
        Err(error) => wrong.push(format!("{name} {id} cannot be read: {error}")),
    }
    match client.get(&format!("{path}/artifacts/all.txt")) {
        Ok(file) if file.body == words::content(number).into_bytes() => {}
        Ok(file) => wrong.push(format!(
            "{name} {id} handed over the wrong file ({}): {:?}",
            file.status,
            String::from_utf8_lossy(&file.body)
        )),
        Err(error) => wrong.push(format!(
            "{name} {id} has a file that cannot be read: {error}"
        )),
    }
    match events(client, &path) {
        Ok(events) => wrong.extend(
            log(&events, words.calls())
                .into_iter()
                .map(|said| format!("{name} {id}: {said}")),
        ),
        Err(said) => wrong.push(format!("{name} {id}: {said}")),
    }
    wrong
}

/// Where a task's log says that somebody died on one of its jobs.
pub fn charges(client: &Client, id: &str) -> Option<String> {
    match events(client, &format!("/v1/tasks/{id}")) {
        Ok(events) => {
            let noted = events.iter().find(|event| event["kind"] == "job.recovered");
            noted.map(|event| format!("{id} was charged for an orderly end: {event}"))
        }
        Err(said) => Some(format!("{id}: {said}")),
    }
}

/// The whole log of a task.
pub fn events(client: &Client, path: &str) -> Result<Vec<Value>, String> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let page = format!(
            "{path}/events?after={}&limit={EVENTS_PER_PAGE}",
            events.len()
        );
        let page = client
            .get(&page)
            .map_err(|error| format!("the log cannot be read: {error}"))?;
        let page = page.json();
        let Some(found) = page["data"].as_array() else {
            return Err(format!("the log cannot be read: {page}"));
        };
        events.extend(found.iter().cloned());
        if found.len() < EVENTS_PER_PAGE {
            return Ok(events);
        }
    }
}

/// Whether each task is listed once: a submit that was repeated with its key made no second one.
pub fn listed(client: &Client, words: &Words, accepted: &[String]) -> Result<Vec<String>, String> {
    let mut times: BTreeMap<usize, usize> = BTreeMap::new();
    let mut left: BTreeSet<&str> = accepted.iter().map(String::as_str).collect();
    let mut path = "/v1/tasks?limit=200".to_owned();
    // Newest first, so whatever is older than the first task is of no interest.
    while !left.is_empty() {
        let answer = client
            .get(&path)
            .map_err(|error| format!("the tasks cannot be listed: {error}"))?;
        let page = answer.json();
        let Some(found) = page["data"].as_array() else {
            return Err(format!("the tasks cannot be listed: {page}"));
        };
        for task in found {
            left.remove(task["id"].as_str().unwrap_or_default());
            if let Some(number) = words.number_of(task) {
                *times.entry(number).or_default() += 1;
            }
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/tasks?limit=200&cursor={next}");
    }
    let wrong = (0..accepted.len()).filter_map(|number| {
        let times = times.get(&number).copied().unwrap_or(0);
        (times != 1).then(|| format!("{} is listed {times} times", words::name(number)))
    });
    Ok(wrong.collect())
}

/// Numbers without gaps; each answer, intent and result once; results only after their intents; one end.
fn log(events: &[Value], calls: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (number, event) in (1_u64..).zip(events) {
        if event["seq"] != number {
            wrong.push(format!("event {number} has the number {}", event["seq"]));
        }
        let data = &event["data"];
        let kind = event["kind"].as_str().unwrap_or_default();
        let named = match kind {
            "model.replied" => format!("{kind} {} {} {}", event["step"], data["job"], data["turn"]),
            "tool.intended" | "tool.returned" | "tool.unknown" => {
                format!("{kind} {}", data["call"])
            }
            "step.succeeded" => format!("{kind} {}", event["step"]),
            "task.submitted" | "task.finished" | "plan.accepted" => kind.to_owned(),
            _ => continue,
        };
        if kind == "tool.returned" && !seen.contains_key(&format!("tool.intended {}", data["call"]))
        {
            wrong.push(format!("a result without an intent: {event}"));
        }
        *seen.entry(named).or_default() += 1;
    }
    let twice = seen.iter().filter(|(_, times)| **times > 1);
    wrong.extend(twice.map(|(what, times)| format!("{what} stands in the log {times} times")));
    let expected = [
        ("model.replied", words::questions().len()),
        ("tool.returned", calls),
        ("step.succeeded", words::STEPS.len()),
        ("task.finished", 1),
    ];
    for (kind, times) in expected {
        let found = seen.keys().filter(|name| name.starts_with(kind)).count();
        if found != times {
            wrong.push(format!(
                "{found} times {kind} in the log instead of {times}"
            ));
        }
    }
    wrong
}

/// How many questions of these tasks were answered more than once, and which were never asked.
pub fn questions(answered: &[(String, String, u64)], tasks: usize) -> (usize, Vec<String>) {
    let mut times: BTreeMap<(&str, &str, u64), usize> = BTreeMap::new();
    for (script, job, turn) in answered {
        *times.entry((script, job, *turn)).or_default() += 1;
    }
    let repeated = times.values().map(|times| times - 1).sum();
    let mut missing = Vec::new();
    for task in 0..tasks {
        let name = words::name(task);
        for (job, turn) in words::questions() {
            if !times.contains_key(&(name.as_str(), job.as_str(), turn)) {
                missing.push(format!("{name}: turn {turn} of {job} was never asked"));
            }
        }
    }
    (repeated, missing)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(seq: u64, kind: &str, data: &Value) -> Value {
        json!({"seq": seq, "kind": kind, "step": null, "data": data})
    }

    #[test]
    fn gaps_doubles_and_results_without_intent_are_found() {
        let events = [
            event(1, "tool.intended", &json!({"call": "a"})),
            event(2, "tool.returned", &json!({"call": "a"})),
            event(4, "tool.returned", &json!({"call": "a"})),
            event(4, "tool.returned", &json!({"call": "b"})),
        ];
        let said = log(&events, 8).join("\n");
        assert!(said.contains("event 3 has the number 4"), "{said}");
        assert!(
            said.contains("tool.returned \"a\" stands in the log 2 times"),
            "{said}"
        );
        assert!(said.contains("a result without an intent"), "{said}");
        assert!(said.contains("0 times task.finished"), "{said}");
    }
}
