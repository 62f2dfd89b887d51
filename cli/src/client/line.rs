//! An event of a task's log as one line for people.

use serde_json::Value;

/// Text from models and files, made safe for a terminal: no control character reaches it but line ends and tabs.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// One line of such text.
pub fn printable_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The line for an event as the API gives it; `None` for events that say nothing to people.
pub fn event_line(event: &Value) -> Option<String> {
    described(event).map(|line| printable_line(&line))
}

fn described(event: &Value) -> Option<String> {
    let kind = event.get("kind").and_then(Value::as_str)?;
    let data = event.get("data").unwrap_or(&Value::Null);
    let text = |name: &str| {
        data.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let number = |name: &str| data.get(name).and_then(Value::as_i64).unwrap_or_default();
    let and = |name: &str| match data.get(name).and_then(Value::as_str) {
        Some(more) if !more.is_empty() => format!(" ({more})"),
        Some(_) | None => String::new(),
    };
    Some(match kind {
        "task.submitted" => format!("submitted: {}", text("title")),
        "task.started" => "a worker began".to_owned(),
        "plan.accepted" => format!("plan {}: {}", number("plan_version"), plan(data)),
        "plan.failed" => format!("no plan: {}", text("reason")),
        "step.started" => format!("step {} begins: {}", text("key"), text("title")),
        "step.resumed" => format!("step {} goes on", text("key")),
        "model.replied" => format!(
            "{} turn {}: {}{}",
            text("job"),
            number("turn"),
            called(data),
            tokens(data)
        ),
        "tool.intended" => format!("  {} {}", text("tool"), text("summary")),
        "tool.returned" => returned(data),
        "tool.unknown" => format!(
            "  {}: it is not known whether it was done: {}",
            text("tool"),
            text("reason")
        ),
        "call.held" => format!(
            "  {} is not made: {}{}",
            text("tool"),
            text("reason"),
            and("content")
        ),
        "browser.acted" => format!("  {}: {}: {}", text("tool"), text("action"), text("url")),
        "network.used" => format!("  {}: {}", text("tool"), reached(data)),
        "call.decided" => format!(
            "  {}: decided: {}{}",
            text("tool"),
            text("decision"),
            and("note")
        ),
        "note.added" => format!("note: {}", text("text")),
        "artifact.published" => format!("published {} ({} bytes)", text("name"), number("bytes")),
        "step.succeeded" => format!("step {} is done", text("key")),
        "step.failed" => format!("step {} failed: {}", text("key"), text("reason")),
        "step.waiting" => format!(
            "step {} waits for {}: {}",
            text("key"),
            text("wait"),
            text("reason")
        ),
        "task.waiting" => format!("waits for {}: {}", text("wait"), text("reason")),
        "task.resumed" => format!("goes on: {}", text("reason")),
        "job.recovered" => format!(
            "a worker takes it up again; died on it so far: {}",
            number("crashes")
        ),
        "job.quarantined" => format!("set aside: {}", text("reason")),
        "job.requeued" => format!("requeued: {}", text("job")),
        "job.stopped" => match (
            data.get("gone").and_then(Value::as_bool),
            text("by").as_str(),
        ) {
            (Some(false), _) => "some of what ran could not be ended".to_owned(),
            (_, "lease") => "what ran has ended with its worker".to_owned(),
            _ => "what ran is gone".to_owned(),
        },
        "budget.raised" => "the budget was changed".to_owned(),
        "task.finished" => match data.get("error").and_then(Value::as_str) {
            Some(error) => format!("{}: {error}", text("state")),
            None => text("state"),
        },
        "delivery.attempted" => {
            let (attempt, outcome) = (number("attempt"), text("outcome"));
            format!("webhook attempt {attempt}: {outcome}{}", and("error"))
        }
        _ => return None,
    })
}

fn plan(data: &Value) -> String {
    let steps = data
        .get("steps")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let names: Vec<&str> = steps
        .filter_map(|step| step.get("key").and_then(Value::as_str))
        .collect();
    names.join(", ")
}

/// The destinations of a call, those that were refused said so.
fn reached(data: &Value) -> String {
    let decisions = data
        .get("decisions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let words = decisions.map(|decision| {
        let host = decision.get("host").and_then(Value::as_str);
        let port = decision.get("port").and_then(Value::as_u64);
        let place = format!("{}:{}", host.unwrap_or_default(), port.unwrap_or_default());
        if decision.get("refused").is_some() {
            format!("{place} was refused")
        } else {
            format!("reached {place}")
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn called(data: &Value) -> String {
    let names = data
        .get("tool_names")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    if names.is_empty() {
        "answered".to_owned()
    } else {
        format!("calls {}", names.join(", "))
    }
}

fn tokens(data: &Value) -> String {
    let usage = data.get("usage").unwrap_or(&Value::Null);
    let count = |name: &str| usage.get(name).and_then(Value::as_u64);
    match (count("input"), count("output")) {
        (None, None) => String::new(),
        (input, output) => format!(" ({} tokens)", input.unwrap_or(0) + output.unwrap_or(0)),
    }
}

fn returned(data: &Value) -> String {
    let tool = data.get("tool").and_then(Value::as_str).unwrap_or_default();
    let ok = data.get("ok").and_then(Value::as_bool).unwrap_or_default();
    let duration_ms = data
        .get("duration_ms")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let files = data
        .get("changed_files")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let changed = if files > 0 {
        format!(
            ", {files} {} changed",
            if files == 1 { "file" } else { "files" }
        )
    } else {
        String::new()
    };
    let caged = match data.get("isolation").and_then(Value::as_str) {
        Some("unsandboxed") => ", UNSANDBOXED",
        Some(_) | None => "",
    };
    format!(
        "  {tool} {} in {duration_ms} ms{changed}{caged}",
        if ok { "returned" } else { "FAILED" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failed_unsandboxed_call_says_both() {
        let event = json!({"kind": "tool.returned", "data": {
            "tool": "shell", "ok": false, "duration_ms": 12, "changed_files": 2, "isolation": "unsandboxed"}});
        assert_eq!(
            event_line(&event).as_deref(),
            Some("  shell FAILED in 12 ms, 2 files changed, UNSANDBOXED")
        );
    }

    #[test]
    fn every_kind_of_event_of_this_version_has_a_line() {
        for kind in agent_core::event::EventKind::ALL {
            let event = json!({"kind": kind.label(), "data": {}});
            assert!(event_line(&event).is_some(), "{event}");
        }
    }

    #[test]
    fn a_failed_webhook_says_why_and_a_decision_what_was_noted() {
        let failed = json!({"kind": "delivery.attempted", "data": {
            "attempt": 2, "outcome": "will_retry", "error": "the receiver answered 500"}});
        assert_eq!(
            event_line(&failed).as_deref(),
            Some("webhook attempt 2: will_retry (the receiver answered 500)")
        );
        let decided = json!({"kind": "call.decided", "data": {
            "tool": "http_request", "decision": "done", "note": "order 17 is there"}});
        assert_eq!(
            event_line(&decided).as_deref(),
            Some("  http_request: decided: done (order 17 is there)")
        );
        let delivered = json!({"kind": "delivery.attempted", "data": {
            "attempt": 3, "outcome": "delivered", "error": null}});
        assert_eq!(
            event_line(&delivered).as_deref(),
            Some("webhook attempt 3: delivered")
        );
    }

    #[test]
    fn an_event_of_a_later_version_is_passed_over() {
        assert_eq!(event_line(&json!({"kind": "moon.rose", "data": {}})), None);
    }
}
