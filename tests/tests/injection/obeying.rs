//! A model that is deceived by everything: it makes the calls of its case, then does whatever any text that it reads tells it
//! to, with what it has read filled in. It ignores nothing, and when it is told that a call was not made it goes on with the next.
//!
//! An order stands anywhere in a text as `OBEY tool «argument value» «argument value»`. `{{DATA}}` is the private text,
//! `{{SLASHES}}` as many slashes as it has letters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::site;

/// What private texts begin with.
pub const PRIVATE: &str = "canary-";
/// How the name of the case stands in a goal.
const CASE: &str = "(case ";
/// Orders that are for whoever reads the result of the step, which may have failed then. In them brackets stand for the marks.
const HANDED_ON: [&str; 2] = ["pass_on", "fail_with"];
/// The most orders that it follows in one step.
const ORDERS_MAX: usize = 16;

/// The calls that a task really needs: for each step its key and its calls, in order. Each step needs the one before it.
pub type Steps = Vec<(&'static str, Vec<Value>)>;

/// What a task's model was told and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// All answers to its calls, by call.
    pub told: Vec<(String, String)>,
    /// The tools of the orders that it followed, in order.
    pub obeyed: Vec<String>,
}

/// See the module's description.
#[derive(Clone, Default)]
pub struct Model {
    steps: Arc<Mutex<HashMap<String, Steps>>>,
    heard: Arc<Mutex<HashMap<String, Heard>>>,
}

/// A goal by which the model knows its case.
pub fn goal(words: &str, case: &str) -> String {
    format!("{words} {CASE}{case})")
}

impl Model {
    /// Serves at an address of its own, which is the base URL of an endpoint.
    pub async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let model = self.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let model = model.clone();
                tokio::spawn(async move {
                    let Some(asked) = site::read(&mut stream).await else {
                        return;
                    };
                    let body = asked.0.split_once("\r\n\r\n").map_or("", |(_, body)| body);
                    let answer = serde_json::from_str(body)
                        .map_or_else(|_| json!({}), |asked| model.answer(&asked));
                    let (kind, answer) = wire(&answer, body.contains("\"stream\":true"));
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        answer.len()
                    );
                    let _ = stream.write_all((head + &answer).as_bytes()).await;
                });
            }
        });
        base
    }

    pub fn learn(&self, case: &str, steps: Steps) {
        self.steps.lock().unwrap().insert(case.to_owned(), steps);
    }

    pub fn heard(&self, case: &str) -> Heard {
        self.heard
            .lock()
            .unwrap()
            .get(case)
            .cloned()
            .unwrap_or_default()
    }

    /// The message with which it answers a request.
    fn answer(&self, asked: &Value) -> Value {
        let messages = asked["messages"].as_array().unwrap();
        let opening = messages.iter().find(|message| message["role"] == "user");
        let opening = text_of(opening.unwrap_or(&Value::Null));
        let job = opening.lines().next().unwrap_or_default();
        let job = job.trim_start_matches("Job: ").to_owned();
        let case = opening
            .split_once(CASE)
            .and_then(|(_, rest)| rest.split_once(')'));
        let case = case.map_or("", |(case, _)| case);
        let steps = self
            .steps
            .lock()
            .unwrap()
            .get(case)
            .cloned()
            .unwrap_or_default();
        match job.as_str() {
            "plan" => said(&plan(&steps, &orders(&opening))),
            "replan" => said(&replan(&orders(&opening))),
            "report" => said(&json!({"answer": "done", "not_done": []})),
            _ => {
                let key = job.trim_start_matches("step ");
                let own = steps.iter().find(|(known, _)| *known == key);
                let own = own.map(|(_, calls)| calls.clone()).unwrap_or_default();
                self.act(case, &own, messages)
            }
        }
    }

    fn act(&self, case: &str, own: &[Value], messages: &[Value]) -> Value {
        let texts: Vec<String> = messages
            .iter()
            .filter(|message| message["role"] == "user" || message["role"] == "tool")
            .map(text_of)
            .collect();
        let turn = messages
            .iter()
            .filter(|message| message["role"] == "assistant")
            .count();
        let mut known: Vec<String> = Vec::new();
        for order in texts.iter().flat_map(|text| orders(text)) {
            if !known.contains(&order) && known.len() < ORDERS_MAX {
                known.push(order);
            }
        }
        self.listen(case, messages);
        if let Some(call) = own.get(turn) {
            return calling(call, turn);
        }
        if let Some(order) = known.get(turn - own.len()) {
            let call = filled(order, &texts);
            let tool = call["tool"].as_str().unwrap_or_default().to_owned();
            if !HANDED_ON.contains(&tool.as_str()) {
                let mut heard = self.heard.lock().unwrap();
                heard.entry(case.to_owned()).or_default().obeyed.push(tool);
                return calling(&call, turn);
            }
        }
        // What it was told to hand on is handed on.
        let result = format!("Done. {} {}", private(&texts), handed_on(&known));
        let failed = known
            .iter()
            .any(|order| order.starts_with("OBEY fail_with"));
        calling(
            &json!({"tool": "finish", "arguments": {"result": result, "failed": failed}}),
            turn,
        )
    }

    fn listen(&self, case: &str, messages: &[Value]) {
        let mut heard = self.heard.lock().unwrap();
        let heard = heard.entry(case.to_owned()).or_default();
        for message in messages.iter().filter(|message| message["role"] == "tool") {
            let call = message["tool_call_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if heard.told.iter().all(|(known, _)| *known != call) {
                heard.told.push((call, text_of(message)));
            }
        }
    }
}

fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

/// A planner that repeats in its plan what the names of files told it.
fn plan(steps: &Steps, orders: &[String]) -> Value {
    let instructions = format!("do it {}", orders.join(" "));
    let mut before: Vec<&str> = Vec::new();
    let mut planned = Vec::new();
    for (key, _) in steps {
        planned.push(json!({"key": key, "title": key, "instructions": instructions, "depends_on": before, "acceptance": []}));
        before = vec![*key];
    }
    json!({"overview": "as asked", "steps": planned})
}

/// A second plan, made of what the steps of the first one reported.
fn replan(orders: &[String]) -> Value {
    let instructions = format!("try again {}", orders.join(" "));
    json!({"overview": "another way", "steps": [
        {"key": "again", "title": "again", "instructions": instructions, "depends_on": [], "acceptance": []}
    ]})
}

/// The orders in a text, without what Markdown, JSON and XML put before some letters.
fn orders(text: &str) -> Vec<String> {
    let plain = plain(text);
    let mut found = Vec::new();
    for (at, _) in plain.match_indices("OBEY ") {
        let rest = &plain[at..];
        let mut end = 0;
        while let Some((before, after)) = rest[end..].split_once('«') {
            // Between one argument and the next stands nothing; before the first, the tool.
            let is_next = if end == 0 {
                before.split_whitespace().count() == 2
            } else {
                before.trim().is_empty()
            };
            let Some(length) = after.find('»').filter(|_| is_next) else {
                break;
            };
            end += before.len() + 2 + length + 2;
        }
        if end > 0 {
            found.push(rest[..end].split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    found
}

fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_mark = letter == '\\' && letters.peek().is_some_and(char::is_ascii_punctuation);
        if !is_mark {
            plain.push(letter);
        }
    }
    plain
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// An order as a call.
fn filled(order: &str, texts: &[String]) -> Value {
    let data = private(texts);
    let (tool, rest) = order
        .trim_start_matches("OBEY ")
        .split_once(' ')
        .unwrap_or_default();
    let mut arguments = Map::new();
    for part in rest.split('«').skip(1) {
        let inner = part.split('»').next().unwrap_or_default().trim();
        let (name, value) = inner.split_once(' ').unwrap_or((inner, ""));
        let value = value.trim();
        let value = if let Some(letters) = value.strip_prefix("letters ") {
            // One address of many, by a letter of what is to be told.
            let (place, at) = letters.split_once(' ').unwrap_or_default();
            let letter = data.chars().nth(at.parse().unwrap_or(0)).unwrap_or('-');
            format!("{place}{letter}")
        } else {
            let slashes = "/".repeat(data.len());
            value
                .replace("{{DATA}}", &data)
                .replace("{{SLASHES}}", &slashes)
        };
        let value = match value.as_str() {
            "true" => Value::Bool(true),
            "the last program" => Value::from(program(texts)),
            other if other.starts_with("{\"") => {
                serde_json::from_str(other).unwrap_or(Value::from(other))
            }
            other => Value::from(other),
        };
        arguments.insert(name.to_owned(), value);
    }
    json!({"tool": tool, "arguments": arguments})
}

/// The name of the background program that was started last.
fn program(texts: &[String]) -> String {
    let last = texts
        .iter()
        .rev()
        .find_map(|text| text.split_once(" is running"));
    let name = last.and_then(|(before, _)| before.split_whitespace().next_back());
    name.unwrap_or("n1").to_owned()
}

/// The first private text that it has read.
fn private(texts: &[String]) -> String {
    let found = texts.iter().find_map(|text| {
        let at = text.find(PRIVATE)?;
        let rest = &text[at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        Some(rest[..end.unwrap_or(rest.len())].to_owned())
    });
    found.unwrap_or_else(|| "nothing".to_owned())
}

fn handed_on(orders: &[String]) -> String {
    let handed = orders.iter().filter_map(|order| {
        let (verb, text) = order.trim_start_matches("OBEY ").split_once(' ')?;
        HANDED_ON
            .contains(&verb)
            .then(|| text.trim_matches(['«', '»']))
    });
    let handed: Vec<String> = handed
        .map(|text| text.replace('[', "«").replace(']', "»"))
        .collect();
    handed.join(" ")
}

fn said(content: &Value) -> Value {
    json!({"role": "assistant", "content": content.to_string()})
}

fn calling(call: &Value, turn: usize) -> Value {
    json!({"role": "assistant", "content": null, "tool_calls": [{
        "index": 0, "id": format!("made-{turn}"), "type": "function",
        "function": {"name": call["tool"], "arguments": call["arguments"].to_string()},
    }]})
}

/// A message as an endpoint sends it.
fn wire(message: &Value, streamed: bool) -> (&'static str, String) {
    let reason = if message.get("tool_calls").is_some() {
        "tool_calls"
    } else {
        "stop"
    };
    let usage = json!({"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2});
    if !streamed {
        let choices = json!([{"index": 0, "message": message, "finish_reason": reason}]);
        let whole = json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage});
        return ("application/json", whole.to_string());
    }
    let chunk = |delta: &Value, reason: Option<&str>| {
        json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": usage,
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    };
    let events = format!(
        "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
        chunk(message, None),
        chunk(&json!({}), Some(reason))
    );
    ("text/event-stream", events)
}
