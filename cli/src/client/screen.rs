//! The live picture of a task: plan with states, the current call, time and spend, drawn over itself.

use std::io::Write;

use serde_json::Value;

use super::line::printable_line;

/// A picture on a terminal.
#[derive(Default)]
pub struct Screen {
    drawn_lines: usize,
}

impl Screen {
    /// Draws the lines over the picture before.
    pub fn draw(&mut self, lines: &[String], width: usize) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if self.drawn_lines > 0 {
            // Up to where the picture began, and clear from there.
            write!(out, "\x1b[{}A\x1b[J", self.drawn_lines)?;
        }
        for line in lines {
            let cut: String = line.chars().take(width.saturating_sub(1)).collect();
            writeln!(out, "{cut}")?;
        }
        self.drawn_lines = lines.len();
        out.flush()
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, path: &[&str]) -> i64 {
    path.iter()
        .try_fold(value, |value, name| value.get(name))
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// The picture of a task as the API gives it; `current` is the last thing that happened.
pub fn task_lines(task: &Value, current: Option<&str>) -> Vec<String> {
    picture(task, current)
        .iter()
        .map(|line| printable_line(line))
        .collect()
}

fn picture(task: &Value, current: Option<&str>) -> Vec<String> {
    let mut lines = vec![
        format!("{}  {}", text(task, "id"), text(task, "state")),
        text(task, "title").to_owned(),
        String::new(),
    ];
    let steps = task
        .get("plan")
        .and_then(|plan| plan.get("steps"))
        .and_then(Value::as_array);
    for step in steps.into_iter().flatten() {
        lines.push(format!(
            "  {} {:<24} {}",
            mark(text(step, "state")),
            text(step, "key"),
            text(step, "title")
        ));
    }
    if steps.is_some() {
        lines.push(String::new());
    }
    if let Some(waiting) = task.get("waiting").filter(|waiting| !waiting.is_null()) {
        lines.push(format!(
            "waits for {}: {}",
            text(waiting, "kind"),
            text(waiting, "reason")
        ));
    }
    if let Some(current) = current {
        lines.push(current.trim_start().to_owned());
    }
    lines.push(spend(task));
    lines
}

fn mark(state: &str) -> &'static str {
    match state {
        "succeeded" => "[done]   ",
        "running" => "[running]",
        "failed" => "[failed] ",
        "waiting" => "[waits]  ",
        "skipped" => "[skipped]",
        "cancelled" => "[cancel] ",
        "ready" => "[ready]  ",
        _ => "[ ]      ",
    }
}

fn spend(task: &Value) -> String {
    let used = |name: &str| number(task, &["spent", name]);
    let limit = |name: &str| number(task, &["budget", name]);
    format!(
        "{} of work, {} of {} model calls, {} of {} tool calls, {} of {} tokens",
        duration(used("wall_ms")),
        used("model_calls"),
        limit("model_calls"),
        used("tool_calls"),
        limit("tool_calls"),
        used("tokens"),
        limit("tokens")
    )
}

fn duration(ms: i64) -> String {
    let seconds = ms / 1000;
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_picture_shows_the_plan_the_current_call_and_the_spend() {
        let task = json!({
            "id": "task_1", "state": "running", "title": "Count words",
            "plan": {"steps": [{"key": "count", "title": "Count", "state": "running"}]},
            "spent": {"wall_ms": 61_000, "model_calls": 2, "tool_calls": 1, "tokens": 120},
            "budget": {"model_calls": 10, "tool_calls": 20, "tokens": 1000},
        });
        let lines = task_lines(&task, Some("  shell wc -w *"));
        assert_eq!(
            lines,
            [
                "task_1  running",
                "Count words",
                "",
                "  [running] count                    Count",
                "",
                "shell wc -w *",
                "1 min 1 s of work, 2 of 10 model calls, 1 of 20 tool calls, 120 of 1000 tokens",
            ]
        );
    }
}
