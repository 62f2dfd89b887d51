//! The words of the frozen tasks. They belong to the frozen files: half-done tasks go on with them.

use serde_json::{Value, json};

use crate::scripts::two_writers;

fn step(key: &str) -> Value {
    json!({"key": key, "title": key, "instructions": "do it", "depends_on": [], "acceptance": []})
}

fn one_step(matches: &str, turns: &[Value]) -> Value {
    let mut turns = turns.to_vec();
    turns.push(
        json!({"tool_calls": [{"name": "finish", "arguments": {"result": "{{last_tool}}"}}]}),
    );
    json!({"match": matches, "said": "Recorded for a test.", "jobs": {
        "plan": [{"content": {"overview": "one step", "steps": [step("a")]}}],
        "step:a": turns,
        "report": [{"content": {"answer": "{{step:a}}", "not_done": []}}],
    }})
}

fn call(name: &str, arguments: &Value) -> Value {
    json!({"tool_calls": [{"name": name, "arguments": arguments}]})
}

fn shell(command: &str) -> Value {
    call("shell", &json!({"command": command}))
}

/// Steps side by side, a join, a file that is handed over.
pub const WRITE: &str = "Write the lines.";
/// A request whose outcome was not known.
pub const ORDER: &str = "Order once.";
/// The same, and its owner has not answered yet.
pub const ORDER_AGAIN: &str = "Order once more.";
/// More questions than the budget allows.
pub const SPEND: &str = "Spend it all.";
/// The same, and then it was cancelled.
pub const GIVE_UP: &str = "Begin and be cancelled.";
/// A step that fails, and so does that of the second plan.
pub const FAIL: &str = "Try what cannot be done.";
/// Cut off after its first call.
pub const HALF: &str = "Count in three calls.";

/// All scripts. `shop` is where orders go.
pub fn scripts(shop: &str) -> Vec<Value> {
    let order = call(
        "http_request",
        &json!({"method": "POST", "url": format!("http://{shop}/orders"), "body": "seventeen"}),
    );
    let count = [
        shell("echo one > count.txt"),
        shell("echo two >> count.txt"),
        shell("echo three >> count.txt; cat count.txt"),
    ];
    let failing = json!([call(
        "finish",
        &json!({"result": "It cannot be done.", "failed": true})
    )]);
    let fail = json!({"match": FAIL, "said": "Recorded for a test.", "jobs": {
        "plan": [{"content": {"overview": "first try", "steps": [step("a")]}}],
        "step:a": failing,
        "replan": [{"content": {"overview": "second try", "steps": [step("b")]}}],
        "step:b": failing,
        "report": [{"content": {"answer": "Nothing came of it.", "not_done": ["all of it"]}}],
    }});
    vec![
        two_writers(),
        one_step(ORDER, std::slice::from_ref(&order)),
        one_step(ORDER_AGAIN, &[order]),
        one_step(SPEND, &count),
        one_step(GIVE_UP, &count),
        one_step(HALF, &count),
        fail,
    ]
}
