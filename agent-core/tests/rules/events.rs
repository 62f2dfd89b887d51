//! Every kind of event: its two parts as recorded, its way back, and what is refused. Logs of format 1 stay readable.

use agent_core::conversation::{Conversation, Next};
use agent_core::event::{EVENT_FORMAT, EventBody, EventKind, NewEvent, TaskFinished, read_body};
use agent_core::task::TaskState;
use serde_json::{Value, json};

use crate::event_examples::{MARKER, example};
use crate::recorded::{must_equal, path};

fn parts(kind: EventKind) -> (Value, Value) {
    NewEvent::of_task(example(kind)).split()
}

#[test]
fn the_parts_of_every_kind_are_the_recorded_ones() {
    for kind in EventKind::ALL {
        let (public, private) = parts(*kind);
        let both = json!({ "public": public, "private": private });
        let text = format!("{both:#}\n");
        must_equal(&format!("tests/golden/events/{}.json", kind.label()), &text);
    }
}

#[test]
fn no_private_text_is_in_a_public_part() {
    for kind in EventKind::ALL {
        let (public, private) = parts(*kind);
        let label = kind.label();
        assert!(!public.to_string().contains(MARKER), "{label}: {public}");
        let names: Vec<&String> = public.as_object().unwrap().keys().collect();
        assert_eq!(names, kind.public_fields(), "{label}");
        for name in private.as_object().unwrap().keys() {
            assert!(
                !kind.public_fields().contains(&name.as_str()),
                "{label}: {name}"
            );
        }
    }
}

#[test]
fn every_private_text_of_the_examples_carries_the_marker() {
    // Names and numbers that say nothing, and hashes, cannot carry it.
    let plain = [
        "blob",
        "bytes",
        "call",
        "check",
        "class",
        "depends_on",
        "fence",
        "hash",
        "key",
        "limit",
        "media_type",
        "origin",
        "snapshot",
        "title",
        "tool",
    ];
    for kind in EventKind::ALL {
        let (_, private) = parts(*kind);
        let is_told = |name: &str, text: &str| plain.contains(&name) || text.contains(MARKER);
        for (name, text) in texts("", &private) {
            assert!(is_told(&name, &text), "{} {name}: {text}", kind.label());
        }
    }
}

/// Every text in a value, with the name of its field.
fn texts(name: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::String(text) => vec![(name.to_owned(), text.clone())],
        Value::Array(items) => items.iter().flat_map(|item| texts(name, item)).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, field)| texts(name, field))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[test]
fn every_kind_reads_back_as_it_was_written() {
    for kind in EventKind::ALL {
        let (public, private) = parts(*kind);
        let read = read_body(kind.label(), public, private).unwrap();
        assert_eq!(read, example(*kind));
        assert_eq!(read.kind(), *kind);
        assert_eq!(EventKind::from_label(kind.label()), Some(*kind));
    }
}

#[test]
fn a_field_that_a_later_version_adds_does_not_make_a_body_unreadable() {
    for kind in EventKind::ALL {
        let (mut public, mut private) = parts(*kind);
        public["added_later"] = json!("x");
        private["added_later_too"] = json!({"x": [1]});
        let read = read_body(kind.label(), public, private).unwrap();
        assert_eq!(read, example(*kind));
    }
}

#[test]
fn an_unknown_kind_is_named_and_not_guessed() {
    for kind in ["task.exploded", "", "Task.Started", "task.started "] {
        let error = read_body(kind, json!({}), json!({})).unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.reason.as_str()),
            (kind, "unknown kind")
        );
    }
}

#[test]
fn a_damaged_body_is_refused_with_its_kind() {
    for kind in EventKind::ALL {
        let label = kind.label();
        let (public, private) = parts(*kind);
        for damaged in [json!(null), json!("text"), json!([1]), json!(7)] {
            for (first, second) in [(&damaged, &private), (&public, &damaged)] {
                let error = read_body(label, first.clone(), second.clone()).unwrap_err();
                assert_eq!(error.kind, label);
                assert_eq!(error.reason, "a part is not a JSON object");
            }
        }
        for (name, field) in public.as_object().unwrap() {
            let mut wrong = public.clone();
            // No field of any kind is a list of lists.
            wrong[name] = json!([[[field]]]);
            let error = read_body(label, wrong, private.clone()).unwrap_err();
            assert_eq!(error.kind, label);
        }
    }
}

#[test]
fn a_body_without_a_required_field_is_refused() {
    let error = read_body("step.succeeded", json!({"key": "rank"}), json!({})).unwrap_err();
    let text = error.to_string();
    assert_eq!(
        text,
        "could not read event of kind step.succeeded: missing field `result`"
    );
}

/// A log that was written by the first version with format 1. It is never recorded anew: it must stay readable.
fn first_log() -> Vec<(Value, EventBody)> {
    let text = std::fs::read_to_string(path("tests/golden/log_format_1.jsonl")).unwrap();
    let read = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let kind = row["kind"].as_str().unwrap();
        let body = read_body(kind, row["public"].clone(), row["private"].clone()).unwrap();
        (row, body)
    };
    text.lines().map(read).collect()
}

#[test]
fn a_log_of_format_1_stays_readable() {
    let log = first_log();
    assert_eq!(
        EVENT_FORMAT, 1,
        "a new format needs a log of its own beside this one"
    );
    for (number, (row, _)) in (1..).zip(&log) {
        assert_eq!(
            (row["seq"].as_i64(), row["v"].as_u64()),
            (Some(number), Some(1))
        );
    }
    let Some((_, EventBody::TaskSubmitted(first))) = log.first() else {
        panic!("the log begins with something else: {:?}", log.first());
    };
    assert_eq!(
        first.spec.goal,
        "Count the words of each file.\nWrite a table."
    );
    let ends: Vec<&TaskFinished> = log.iter().filter_map(|(_, body)| finished(body)).collect();
    let [last] = ends[..] else {
        panic!("the log ends {} times", ends.len());
    };
    assert_eq!(last.state, TaskState::Succeeded);
    let answer = last.result.as_ref().map(|result| result.answer.as_str());
    assert_eq!(answer, Some("See counts.md."));
}

fn finished(body: &EventBody) -> Option<&TaskFinished> {
    if let EventBody::TaskFinished(end) = body {
        return Some(end);
    }
    None
}

#[test]
fn a_step_of_a_log_of_format_1_can_be_gone_on_with() {
    let log = first_log();
    let of_step = log
        .iter()
        .filter(|(row, body)| !row["step"].is_null() && body.kind() != EventKind::StepSucceeded);
    let mut conversation = Conversation::default();
    let mut cut_off_after = Vec::new();
    for (_, body) in of_step {
        conversation.push(body.clone());
        if matches!(conversation.next(), Next::Settle(_)) {
            cut_off_after.push(body.kind().label());
        }
    }
    let expected = [
        "tool.intended",
        "step.resumed",
        "note.added",
        "artifact.published",
    ];
    assert_eq!(cut_off_after, expected);
    let finish = Next::Finish {
        result: "counts.md lists both files.".to_owned(),
        failed: false,
    };
    assert_eq!(conversation.next(), finish);
    assert_eq!(conversation.messages(Vec::new()).len(), 4);
}
