//! Words of a model that reads references off what it is shown, as a model does.

use serde_json::{Value, json};

/// A task on a site: its goal, the calls, one in a turn, and what its answer must hold.
pub struct Visit {
    pub goal: &'static str,
    pub calls: Vec<Value>,
    pub answer: &'static str,
}

pub fn call(tool: &str, arguments: &Value) -> Value {
    json!({"name": tool, "arguments": arguments})
}

pub fn open(site: &str, path: &str) -> Value {
    call(
        "browser_open",
        &json!({"url": format!("http://{site}{path}")}),
    )
}

pub fn open_beside(site: &str, path: &str) -> Value {
    call(
        "browser_open",
        &json!({"url": format!("http://{site}{path}"), "tab": "new"}),
    )
}

/// The reference of the thing that is described so in the last answer.
pub fn the(what: &str) -> String {
    format!("{{{{last_tool/\\[(f?\\d*e\\d+)\\] {what}/}}}}")
}

pub fn act(steps: &Value) -> Value {
    call("browser_act", &json!({ "steps": steps }))
}

pub fn click(what: &str) -> Value {
    act(&json!([{"action": "click", "ref": the(what)}]))
}

pub fn find(text: &str) -> Value {
    call("browser_look", &json!({ "find": text }))
}

impl Visit {
    /// The recorded words of the task.
    pub fn script(&self) -> Value {
        let step = json!({"key": "a", "title": "visit", "instructions": "do it", "depends_on": [], "acceptance": []});
        let mut turns: Vec<Value> = self
            .calls
            .iter()
            .map(|call| json!({"tool_calls": [call]}))
            .collect();
        let finish = json!({"result": "{{last_tool}}"});
        turns.push(json!({"tool_calls": [{"name": "finish", "arguments": finish}]}));
        json!({
            "match": self.goal, "said": "Recorded for a test.",
            "jobs": {
                "plan": [{"content": {"overview": "one visit", "steps": [step]}}],
                "step:a": turns,
                "report": [{"content": {"answer": "{{step:a}}", "not_done": []}}],
            },
        })
    }
}
