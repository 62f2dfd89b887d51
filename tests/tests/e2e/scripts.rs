//! Recorded words for these tests.

use serde_json::{Value, json};

fn step(key: &str, depends_on: &[&str]) -> Value {
    json!({"key": key, "title": key, "instructions": "do it", "depends_on": depends_on, "acceptance": []})
}

fn shell(command: &str) -> Value {
    json!({"tool_calls": [{"name": "shell", "arguments": {"command": command}}]})
}

fn finish(result: &str) -> Value {
    json!({"tool_calls": [{"name": "finish", "arguments": {"result": result}}]})
}

fn script(matches: &str, jobs: &Value) -> Value {
    json!({"match": matches, "said": "Recorded for a test.", "jobs": jobs})
}

/// One step that runs one command and reports what it printed.
pub fn one_command(command: &str) -> Value {
    script(
        "Run the command.",
        &json!({
            "plan": [{"content": {"overview": "one command", "steps": [step("run", &[])]}}],
            "step:run": [shell(command), finish("{{last_tool}}")],
            "report": [{"content": {"answer": "{{step:run}}", "not_done": []}}],
        }),
    )
}

/// One step that makes these calls, one in each turn.
pub fn calls_in_turn(calls: &[Value]) -> Value {
    calls_that_end(calls, "done")
}

/// The same, and reports what the last of them said.
pub fn calls_and_last_answer(calls: &[Value]) -> Value {
    calls_that_end(calls, "{{last_tool}}")
}

fn calls_that_end(calls: &[Value], result: &str) -> Value {
    let mut turns: Vec<Value> = calls
        .iter()
        .map(|call| json!({"tool_calls": [call]}))
        .collect();
    turns.push(finish(result));
    script(
        "Make the calls.",
        &json!({
            "plan": [{"content": {"overview": "calls", "steps": [step("a", &[])]}}],
            "step:a": turns,
            "report": [{"content": {"answer": "{{step:a}}", "not_done": []}}],
        }),
    )
}

/// A step that starts a program in the background, makes a request and finishes, and one after it that runs a command.
pub fn program_left_behind(program: &str, url: &str, command: &str) -> Value {
    let start = json!({"name": "shell_start", "arguments": {"command": program, "wait_s": 0}});
    let ask = json!({"name": "http_request", "arguments": {"method": "GET", "url": url}});
    script(
        "Leave it behind.",
        &json!({
            "plan": [{"content": {"overview": "two steps", "steps": [step("leave", &[]), step("look", &["leave"])]}}],
            "step:leave": [{"tool_calls": [start]}, {"tool_calls": [ask]}, finish("left")],
            "step:look": [shell(command), finish("{{last_tool}}")],
            "report": [{"content": {"answer": "{{step:look}}", "not_done": []}}],
        }),
    )
}

/// One step that makes one HTTP request and reports what came back.
pub fn one_request(method: &str, url: &str) -> Value {
    let call = json!({"name": "http_request", "arguments": {"method": method, "url": url}});
    script(
        "Make the request.",
        &json!({
            "plan": [{"content": {"overview": "one request", "steps": [step("ask", &[])]}}],
            "step:ask": [{"tool_calls": [call]}, finish("{{last_tool}}")],
            "report": [{"content": {"answer": "{{step:ask}}", "not_done": []}}],
        }),
    )
}

/// Two steps in parallel that each write a line in each of three turns, and one that joins and publishes. A write that
/// fails is tried again, because recorded words cannot read its error.
pub fn two_writers() -> Value {
    let writer = |name: &str| {
        let line = |n: u32| {
            shell(&format!(
                "sleep 0.2; until echo {name}{n} >> {name}.txt; do sleep 0.1; done 2> /dev/null"
            ))
        };
        json!([line(1), line(2), line(3), finish("three lines")])
    };
    script(
        "Write the lines.",
        &json!({
            "plan": [{"content": {"overview": "write and join", "steps": [step("left", &[]), step("right", &[]), step("join", &["left", "right"])]}}],
            "step:left": writer("left"),
            "step:right": writer("right"),
            "step:join": [
                shell("cat left.txt right.txt > all.txt"),
                json!({"tool_calls": [{"name": "publish", "arguments": {"path": "all.txt"}}]}),
                finish("joined"),
            ],
            "report": [{"content": {"answer": "All lines are in all.txt.", "not_done": []}}],
        }),
    )
}
