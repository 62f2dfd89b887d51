//! The history as the endpoint's messages.

use agent_core::ports::model::{HistoryCall, Message, Thought};
use serde_json::{Map, Value, json};

use super::{Question, words};
use crate::options::{ReasoningReplay, Structured, SystemRole, ToolMode};
use crate::profile::Profile;

/// The messages of a question.
pub(super) fn render(question: &Question<'_>, profile: &Profile) -> Vec<Value> {
    let prompted = !question.tools.is_empty() && profile.tool_mode == ToolMode::Prompted;
    let mut rendered: Vec<Value> = Vec::new();
    let mut folded: Option<String> = None;
    // The words that offer the tools stand with the standing rules, where they are the same in every turn.
    let offer = prompted.then(|| words::offer(question.tools));
    let rules = match (question.messages.first(), offer) {
        (Some(Message::System { text }), Some(offer)) => Some(format!("{text}\n\n{offer}")),
        (Some(Message::System { text }), None) => Some(text.clone()),
        (_, offer) => offer,
    };
    match (rules, profile.system_role) {
        (Some(rules), SystemRole::System) => rendered.push(message("system", rules)),
        (Some(rules), SystemRole::Developer) => rendered.push(message("developer", rules)),
        (Some(rules), SystemRole::UserFold) => folded = Some(rules),
        (None, _) => {}
    }
    for entry in question.messages.iter().chain(question.corrections) {
        match entry {
            Message::System { .. } => {}
            Message::User { text } => {
                let text = match folded.take() {
                    Some(rules) => format!("{rules}\n\n{text}"),
                    None => text.clone(),
                };
                rendered.push(message("user", text));
            }
            Message::Assistant {
                text,
                thought,
                calls,
            } => rendered.push(assistant(text.as_deref(), thought.as_ref(), calls, profile)),
            Message::Tool {
                call_id,
                tool,
                text,
            } => rendered.push(tool_answer(call_id, tool, text, profile)),
        }
    }
    if let Some(rules) = folded {
        rendered.insert(0, message("user", rules));
    }
    say_form(&mut rendered, question, profile);
    rendered
}

fn message(role: &str, text: impl Into<String>) -> Value {
    json!({ "role": role, "content": text.into() })
}

fn assistant(
    text: Option<&str>,
    thought: Option<&Thought>,
    calls: &[HistoryCall],
    profile: &Profile,
) -> Value {
    let mut out = Map::new();
    out.insert("role".to_owned(), json!("assistant"));
    if profile.tool_mode == ToolMode::Prompted {
        let text = words::calls(text.unwrap_or_default(), calls);
        out.insert("content".to_owned(), json!(text));
    } else {
        let absent = if profile.empty_text || calls.is_empty() {
            json!("")
        } else {
            Value::Null
        };
        let content = text.map_or(absent, |text| json!(text));
        out.insert("content".to_owned(), content);
    }
    if let Some((field, thought)) = replayed(thought, !calls.is_empty(), profile) {
        out.insert(field, thought);
    }
    // An empty list is refused by some servers, so there is none.
    if !calls.is_empty() && profile.tool_mode == ToolMode::Native {
        let calls: Vec<Value> = calls
            .iter()
            .map(|call| {
                json!({
                    "id": call.id,
                    "type": "function",
                    "function": { "name": call.tool, "arguments": call.arguments.to_string() },
                })
            })
            .collect();
        out.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Value::Object(out)
}

/// The thought as it goes back: its field and its value.
fn replayed(
    thought: Option<&Thought>,
    asked_for_tools: bool,
    profile: &Profile,
) -> Option<(String, Value)> {
    let origin = thought.map(|thought| thought.origin.as_str());
    let is_field = origin.is_some_and(|origin| origin.starts_with("reasoning"));
    let configured = profile.replay_field.as_deref();
    let field = configured
        .or(origin.filter(|_| is_field))
        .unwrap_or("reasoning_content");
    let text = thought.map_or("", |thought| thought.text.as_str());
    let wanted = match profile.replay {
        ReasoningReplay::Never => false,
        ReasoningReplay::Always => true,
        ReasoningReplay::ToolTurns => asked_for_tools,
        ReasoningReplay::Details => asked_for_tools && !text.is_empty(),
        // Tags are the template's business; a field that came from the server may go back to it.
        ReasoningReplay::Learn => asked_for_tools && is_field && !text.is_empty(),
    };
    if !wanted {
        return None;
    }
    if profile.replay == ReasoningReplay::Details || field == "reasoning_details" {
        let blocks = json!([{ "type": "reasoning.text", "text": text }]);
        return Some(("reasoning_details".to_owned(), blocks));
    }
    Some((field.to_owned(), json!(text)))
}

fn tool_answer(call_id: &str, tool: &str, text: &str, profile: &Profile) -> Value {
    if profile.tool_mode == ToolMode::Prompted {
        return message("user", words::result(call_id, tool, text));
    }
    json!({ "role": "tool", "tool_call_id": call_id, "content": text })
}

/// Says the form of the answer in words where the request's fields do not say all of it.
fn say_form(rendered: &mut [Value], question: &Question<'_>, profile: &Profile) {
    let Some(answer) = question.answer else {
        return;
    };
    if profile.structured != Structured::JsonSchema
        && let Some(last) = rendered.last_mut()
    {
        append(last, &words::form(&answer.schema));
    }
    if profile.say_json
        && let Some(first) = rendered.first_mut()
    {
        append(first, words::SAY_JSON);
    }
}

fn append(message: &mut Value, text: &str) {
    let said = message["content"].as_str().unwrap_or_default();
    let joined = format!("{said}\n\n{text}");
    message["content"] = Value::String(joined);
}
