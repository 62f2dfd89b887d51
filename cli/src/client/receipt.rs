//! The receipt of a cancel as lines for people.

use serde_json::Value;

use super::line::printable_line;

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn rows<'a>(view: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let rows = view.get(name).and_then(Value::as_array);
    rows.into_iter().flatten()
}

/// What was stopped, by what it is known to be gone, and what remains, as the API gives it.
pub fn receipt_lines(receipt: &Value) -> Vec<String> {
    let mut lines = vec![format!("cancelled at {}", text(receipt, "cancelled_at"))];
    section(
        &mut lines,
        ("stopped:", "nothing was at work"),
        rows(receipt, "stopped").map(stopped),
    );
    if rows(receipt, "gone").next().is_some() {
        section(&mut lines, ("gone:", ""), rows(receipt, "gone").map(gone));
    }
    section(
        &mut lines,
        (
            "remains outside the sandbox:",
            "nothing remains outside the sandbox",
        ),
        rows(receipt, "effects").map(effect),
    );
    lines.iter().map(|line| printable_line(line)).collect()
}

fn section(
    lines: &mut Vec<String>,
    (title, none): (&str, &str),
    rows: impl Iterator<Item = String>,
) {
    let at = lines.len();
    lines.extend(rows.map(|row| format!("  {row}")));
    let heading = if lines.len() == at { none } else { title };
    lines.insert(at, heading.to_owned());
}

fn of_step(row: &Value) -> String {
    match row.get("step").map(|step| text(step, "key")) {
        Some(key) if !key.is_empty() => format!("step {key}"),
        Some(_) | None => "the plan or the report".to_owned(),
    }
}

fn call(row: &Value) -> String {
    let (tool, summary) = (text(row, "tool"), text(row, "summary"));
    let line = format!("{tool} {summary}");
    line.trim_end().to_owned()
}

fn stopped(row: &Value) -> String {
    let step = of_step(row);
    match text(row, "kind") {
        "call" => format!("call {} of {step}: {}", text(row, "call"), call(row)),
        "program" => format!(
            "background program {} of {step}: {}",
            text(row, "program"),
            text(row, "summary")
        ),
        _ => step,
    }
}

fn gone(row: &Value) -> String {
    let when = match (text(row, "at"), text(row, "by")) {
        ("", by) => format!("not confirmed yet, {by} at the latest if its worker is dead"),
        (at, _) if row.get("gone").and_then(Value::as_bool) == Some(true) => {
            format!("gone at {at}")
        }
        (at, _) => format!("NOT GONE at {at}"),
    };
    format!("{}: {when}: {}", of_step(row), text(row, "explanation"))
}

fn effect(row: &Value) -> String {
    let what = match text(row, "kind") {
        "call" => call(row),
        "artifact" => format!("artifact {}", text(row, "summary")),
        kind => format!("{kind} {}", text(row, "summary")),
    };
    let by = text(row, "call");
    let line = format!("{:<7}  {what}  {by}", text(row, "outcome"));
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_receipt_says_what_was_stopped_what_is_gone_and_what_remains() {
        let step = json!({"id": "step_1", "key": "score"});
        let receipt = json!({
            "cancelled_at": "2026-11-30T10:00:00.000Z",
            "stopped": [
                {"kind": "step", "step": step},
                {"kind": "call", "step": step, "call": "call_1", "tool": "shell", "summary": "sleep 9\u{1b}[2J"},
                {"kind": "program", "step": step, "program": "s1", "summary": "serve"},
            ],
            "gone": [
                {"step": step, "gone": true, "at": "2026-11-30T10:00:01.000Z", "explanation": "its worker looked"},
                {"step": null, "gone": false, "at": null, "by": "2026-11-30T10:00:15.000Z", "explanation": "not said"},
                {"step": step, "gone": false, "at": "2026-11-30T10:00:30.000Z", "explanation": "they hang"},
            ],
            "effects": [
                {"kind": "call", "outcome": "done", "call": "call_2", "tool": "http_request", "summary": "POST http://shop/orders"},
                {"kind": "artifact", "outcome": "done", "call": "call_3", "tool": "publish", "summary": "a.txt (7 bytes)"},
                {"kind": "message", "outcome": "unknown", "call": null, "summary": "dlv_1: attempt 1, will_retry"},
            ],
        });
        assert_eq!(
            receipt_lines(&receipt),
            [
                "cancelled at 2026-11-30T10:00:00.000Z",
                "stopped:",
                "  step score",
                "  call call_1 of step score: shell sleep 9 [2J",
                "  background program s1 of step score: serve",
                "gone:",
                "  step score: gone at 2026-11-30T10:00:01.000Z: its worker looked",
                "  the plan or the report: not confirmed yet, 2026-11-30T10:00:15.000Z at the latest if its worker is dead: not said",
                "  step score: NOT GONE at 2026-11-30T10:00:30.000Z: they hang",
                "remains outside the sandbox:",
                "  done     http_request POST http://shop/orders  call_2",
                "  done     artifact a.txt (7 bytes)  call_3",
                "  unknown  message dlv_1: attempt 1, will_retry",
            ]
        );
    }

    #[test]
    fn a_receipt_of_a_task_that_did_nothing_says_so() {
        let receipt = json!({"cancelled_at": "now", "stopped": [], "gone": [], "effects": []});
        assert_eq!(
            receipt_lines(&receipt),
            [
                "cancelled at now",
                "nothing was at work",
                "nothing remains outside the sandbox"
            ]
        );
    }
}
