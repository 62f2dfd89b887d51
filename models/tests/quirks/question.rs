//! What must be asked, and with which configuration, for a record's requests to come about. Records say it through
//! their profile and through the facts of their requests.

use std::sync::Arc;
use std::time::Duration;

use agent_core::image::ImageBytes;
use agent_core::ports::model::{
    AnswerSchema, HistoryCall, Message, ModelRequest, ModelRole, Thought,
};
use agent_core::ports::tool::{EffectClass, FileUse, ToolSpec};
use models::Options;
use models::options::RoleOptions;
use serde_json::{Map, Value, json};

use crate::record::Record;

/// A step's deadline.
pub const DEADLINE: Duration = Duration::from_mins(10);

/// The configuration under which a record is replayed.
pub fn options(record: &Record) -> Options {
    let first = &record.exchanges[0].request;
    let mut role = Map::new();
    set(&mut role, "model", &json!("m-test"));
    set(&mut role, "streaming", &json!(first.stream));
    for (name, value) in &first.facts {
        let Some(name) = name.strip_prefix('/').filter(|name| !name.contains('/')) else {
            continue;
        };
        match name {
            "max_tokens" | "max_completion_tokens" => {
                set(&mut role, "max_output_tokens", value);
                set(&mut role, "max_tokens_field", &json!(name));
            }
            "temperature" | "top_p" | "parallel_tool_calls" | "reasoning_effort" | "stop" => {
                set(&mut role, name, value);
            }
            // These follow from the question and not from the configuration.
            "stream" | "stream_options" | "model" | "messages" | "tools" | "response_format" => {}
            other => {
                let extra = role.entry("extra_body").or_insert_with(|| json!({}));
                extra[other] = value.clone();
            }
        }
    }
    for (name, value) in &record.profile {
        set(&mut role, name, value);
    }
    let requests_max = record.exchanges.len();
    let deadline_ms = u64::try_from(DEADLINE.as_millis()).unwrap();
    serde_json::from_value(json!({
        "base_url": "http://model.test",
        "api_key": "key-for-records",
        "executor": role,
        // The record's exchanges are all there is, and any pause within the deadline may be slept.
        "retry": { "requests_max": requests_max, "retry_after_max_ms": deadline_ms },
    }))
    .unwrap()
}

/// Sets an option of the role, if there is such an option with such values. What this layer has no setting for must
/// come out right without one.
fn set(role: &mut Map<String, Value>, name: &str, value: &Value) {
    let mut changed = role.clone();
    changed.insert(name.to_owned(), value.clone());
    if serde_json::from_value::<RoleOptions>(Value::Object(changed.clone())).is_ok() {
        *role = changed;
    }
}

/// The question of a record.
pub fn question(record: &Record) -> ModelRequest {
    ModelRequest {
        role: ModelRole::Executor,
        images: ImageBytes::new(),
        messages: history(record),
        tools: match &record.answer_schema {
            // The port does not combine the two.
            Some(_) => Arc::default(),
            None => record.tools.iter().map(|name| tool(name)).collect(),
        },
        answer: record.answer_schema.clone().map(|schema| AnswerSchema {
            name: "answer".to_owned(),
            schema,
        }),
        deadline: DEADLINE,
    }
}

fn tool(name: &str) -> ToolSpec {
    let parameters = match name {
        "web_search" => json!({
            "type": "object",
            "properties": { "query": { "type": "string" }, "limit": { "type": "integer" } },
            "required": ["query"],
            "additionalProperties": false,
        }),
        "now" => json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        _ => json!({ "type": "object" }),
    };
    ToolSpec {
        name: name.to_owned(),
        description: format!("The tool {name}."),
        parameters,
        effect: EffectClass::Read,
        files: FileUse::None,
        outside: false,
    }
}

/// A plain question, or, where a record speaks of later messages, a conversation with a turn of the model in it.
fn history(record: &Record) -> Vec<Message> {
    let told = Told::by(record);
    let mut messages = Vec::new();
    if told.has_rules || told.turn == Some(2) {
        messages.push(Message::System {
            text: "Be brief.".to_owned(),
        });
    }
    messages.push(Message::User {
        text: "What is the capital of France?".to_owned(),
    });
    if told.turn.is_some() && told.turn_is_plain {
        messages.push(Message::Assistant {
            text: Some("Paris.".to_owned()),
            thought: told.thought,
            calls: Vec::new(),
        });
        messages.push(Message::User {
            text: "And of Italy?".to_owned(),
        });
    } else if told.turn.is_some() {
        let call_id = told.call_id.unwrap_or_else(|| "call_before".to_owned());
        messages.push(Message::Assistant {
            text: None,
            thought: told.thought,
            calls: vec![HistoryCall {
                id: call_id.clone(),
                tool: "web_search".to_owned(),
                arguments: json!({"query": "capital of France"}),
            }],
        });
        messages.push(Message::Tool {
            call_id,
            tool: "web_search".to_owned(),
            text: "Paris".to_owned(),
            images: Vec::new(),
        });
    }
    messages
}

/// What a record's requests tell about the history.
#[derive(Default)]
struct Told {
    has_rules: bool,
    turn: Option<usize>,
    turn_is_plain: bool,
    thought: Option<Thought>,
    call_id: Option<String>,
}

impl Told {
    fn by(record: &Record) -> Self {
        let mut told = Self {
            has_rules: record.profile.contains_key("system_role"),
            ..Self::default()
        };
        for exchange in &record.exchanges {
            for (pointer, fact) in &exchange.request.facts {
                told.fact(pointer, fact.as_str().unwrap_or_default());
            }
            for pointer in &exchange.request.absent {
                told.place(pointer);
                told.turn_is_plain |= pointer.ends_with("/tool_calls");
            }
        }
        told
    }

    fn fact(&mut self, pointer: &str, text: &str) {
        self.place(pointer);
        self.has_rules |= pointer == "/messages/0/role" && matches!(text, "system" | "developer");
        if pointer.ends_with("/tool_calls/0/id") {
            self.call_id = Some(text.to_owned());
        }
        if pointer.contains("/reasoning") && !text.is_empty() && !text.starts_with('<') {
            let origin = pointer.rsplit('/').next().unwrap_or_default();
            self.thought.get_or_insert(Thought {
                text: text.to_owned(),
                origin: origin.to_owned(),
            });
        }
    }

    /// The model's turn is where its thought or its calls are looked for.
    fn place(&mut self, pointer: &str) {
        let Some((index, member)) = pointer
            .strip_prefix("/messages/")
            .and_then(|rest| rest.split_once('/'))
        else {
            return;
        };
        let index = index.parse::<usize>().unwrap_or_default();
        if index > 0 && (member.starts_with("reasoning") || member.starts_with("tool_calls")) {
            self.turn.get_or_insert(index);
        } else if index > 1 && member == "tool_call_id" {
            self.turn.get_or_insert(index - 1);
        }
    }
}
