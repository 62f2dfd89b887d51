//! `docs/events.md`, drawn from the kinds and their examples.

use std::fmt::Write;

use agent_core::event::{EVENT_FORMAT, EventKind, NewEvent};
use serde_json::Value;

use crate::event_examples::example;
use crate::recorded::must_equal;

const SOURCE: &str = include_str!("../../src/event.rs");

const INTRO: &str = "# Events

Every task has one log. Its events are numbered from 1 without gaps and never change; `GET /v1/tasks/{id}/events` gives
them as pages or as a stream. The envelope is the same for every kind: `seq` (the number), `at_ms` (milliseconds since the
epoch, by the database's clock), `v` (the format of the body), `kind`, `step` (the id of the step it belongs to, or null),
and `data`.

`data` is the public part of the body. The private part (prompts, thoughts, full arguments and outputs, keys) is for workers
alone; the API never shows it. Kinds and fields may be added; readers should pass over what they do not know.

This page is printed from the code and checked by a test. To draw it anew after a change:
`ERRAND_BLESS=1 cargo nextest run -p agent-core event`. The whole example of every kind, both parts, is in
`agent-core/tests/golden/events`.
";

/// What a kind means, as its declaration says.
fn meaning(kind: EventKind) -> String {
    let declaration = format!("= \"{}\" public", kind.label());
    let before = SOURCE.lines().zip(SOURCE.lines().skip(1));
    let found = before
        .filter(|(_, line)| line.contains(&declaration))
        .map(|(doc, _)| doc);
    let docs: Vec<&str> = found
        .filter_map(|doc| doc.trim().strip_prefix("/// "))
        .collect();
    assert_eq!(
        docs.len(),
        1,
        "{} is declared once, with a meaning",
        kind.label()
    );
    docs.concat()
}

fn names(part: &Value) -> String {
    let names = part.as_object().unwrap().keys();
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "–".to_owned()
    } else {
        names.join(", ")
    }
}

#[test]
fn the_document_of_the_events_is_up_to_date() {
    let mut text = INTRO.to_owned();
    writeln!(text, "\n## Kinds of format {EVENT_FORMAT}\n").unwrap();
    text.push_str("| Kind | Meaning | `data` | Private |\n| --- | --- | --- | --- |\n");
    for kind in EventKind::ALL {
        let (public, private) = NewEvent::of_task(example(*kind)).split();
        let (label, meaning) = (kind.label(), meaning(*kind));
        let (public, private) = (names(&public), names(&private));
        writeln!(text, "| `{label}` | {meaning} | {public} | {private} |").unwrap();
    }
    text.push_str("\n## Examples of `data`\n");
    for kind in EventKind::ALL {
        let (public, _) = NewEvent::of_task(example(*kind)).split();
        if public != Value::Object(serde_json::Map::new()) {
            writeln!(text, "\n`{}`\n\n```json\n{public:#}\n```", kind.label()).unwrap();
        }
    }
    must_equal("../docs/events.md", &text);
}
