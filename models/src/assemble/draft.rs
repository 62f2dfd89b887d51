//! The draft of an answer: everything the wire said, folded together and not yet judged.
//!
//! Unary answers and streams go through the same door, because servers mix them: a whole message is one large
//! delta. Fields are kept apart by where they came from; choosing between them is done when all is there.

use serde_json::{Map, Value};

use crate::rejection::Rejection;
use crate::transport::json::rejoin_surrogates;

use super::calls::CallDrafts;
use super::usage::{self, Reported};

/// The fields in which servers put the thought, the most common first.
const THOUGHT_FIELDS: [&str; 4] = [
    "reasoning_content",
    "reasoning",
    "reasoning_text",
    "thinking",
];
/// The typed form of the thought.
pub(crate) const DETAILS_FIELD: &str = "reasoning_details";
/// Thoughts among the parts of the content.
const PARTS_ORIGIN: &str = "content_parts";

/// What the wire said.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// The visible text, tags and markup included.
    pub(crate) text: String,
    /// Thoughts by origin, in the order of first appearance.
    thoughts: Vec<(&'static str, String)>,
    /// The model's own words for declining.
    pub(crate) refusal: String,
    /// Calls.
    pub(crate) calls: CallDrafts,
    /// The last finish reason that said something.
    pub(crate) finish: Option<String>,
    /// What was used.
    pub(crate) usage: Option<Reported>,
    /// The model that answered.
    pub(crate) model: Option<String>,
    /// An error inside the answer.
    pub(crate) error: Option<Rejection>,
    /// Whether anything looked like a completion.
    pub(crate) is_completion: bool,
    /// The index of the choice that is followed.
    choice: Option<u64>,
}

impl Draft {
    /// Takes one JSON value from the wire: a whole completion or a piece of one.
    pub(crate) fn absorb(&mut self, value: &Value) {
        if let Some(model) = value.get("model").and_then(Value::as_str)
            && !model.is_empty()
        {
            self.model = Some(model.to_owned());
        }
        // One vendor keeps its report under a name of its own.
        for usage in [value.get("usage"), value.pointer("/x_groq/usage")] {
            self.take_usage(usage, value);
        }
        if let Some(error) = value.get("error").filter(|error| is_error(error)) {
            self.error.get_or_insert_with(|| {
                Rejection::from_value(&serde_json::json!({ "error": error }))
            });
        }
        match value.get("choices") {
            Some(Value::Array(choices)) => {
                self.is_completion = true;
                for choice in choices {
                    self.absorb_choice(choice);
                }
            }
            Some(_) => self.is_completion = true,
            None => {
                // An error whose fields lie at the top, under a good status.
                let is_flat = value.get("object").and_then(Value::as_str) == Some("error")
                    || ["message", "msg", "detail"]
                        .iter()
                        .any(|name| value.get(*name).is_some_and(Value::is_string));
                if is_flat && self.error.is_none() {
                    self.error = Some(Rejection::from_value(value));
                }
                // A message without the choices round it.
                if let Some(message) = value.get("message").and_then(Value::as_object) {
                    self.is_completion = true;
                    self.absorb_message(message, true);
                    self.take_finish(value.get("done_reason"));
                }
            }
        }
    }

    /// Whether a finish reason was seen.
    pub(crate) fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// The thought and where it was found. One origin is chosen; joining several would double the same text.
    pub(crate) fn thought(&self) -> Option<(&'static str, &str)> {
        let chosen = THOUGHT_FIELDS
            .iter()
            .chain([&DETAILS_FIELD, &PARTS_ORIGIN])
            .find_map(|field| {
                self.thoughts
                    .iter()
                    .find(|(origin, text)| origin == field && !text.trim().is_empty())
            })?;
        Some((chosen.0, &chosen.1))
    }

    /// Joins halves of surrogate pairs everywhere.
    pub(crate) fn rejoin_surrogates(&mut self) {
        self.text = rejoin_surrogates(&self.text);
        self.refusal = rejoin_surrogates(&self.refusal);
        for (_, text) in &mut self.thoughts {
            *text = rejoin_surrogates(text);
        }
        self.calls.rejoin_surrogates();
    }

    fn absorb_choice(&mut self, choice: &Value) {
        // Only one choice is asked for; a server that sends more must not have them mixed.
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
        if *self.choice.get_or_insert(index) != index {
            return;
        }
        self.take_finish(choice.get("finish_reason"));
        self.take_usage(choice.get("usage"), choice);
        if let Some(error) = choice.get("error").filter(|error| is_error(error)) {
            self.error.get_or_insert_with(|| {
                Rejection::from_value(&serde_json::json!({ "error": error }))
            });
        }
        let part = |name: &str| {
            choice
                .get(name)
                .and_then(Value::as_object)
                .filter(|object| !object.is_empty())
        };
        if let Some(delta) = part("delta") {
            self.absorb_message(delta, false);
        } else if let Some(message) = part("message") {
            // Some servers repeat the whole message at the end of a stream.
            if self.text.is_empty() && self.calls.is_empty() && self.thoughts.is_empty() {
                self.absorb_message(message, true);
            }
        } else if let Some(text) = choice.get("text").and_then(Value::as_str) {
            self.text.push_str(text);
        }
    }

    fn take_usage(&mut self, usage: Option<&Value>, answer: &Value) {
        if let Some(reported) = usage.and_then(|usage| usage::read(usage, answer)) {
            self.usage = Some(reported);
        }
    }

    fn take_finish(&mut self, reason: Option<&Value>) {
        if let Some(reason) = reason.and_then(Value::as_str).map(str::trim)
            && !reason.is_empty()
        {
            self.finish = Some(reason.to_owned());
        }
    }

    fn absorb_message(&mut self, message: &Map<String, Value>, is_whole: bool) {
        for field in THOUGHT_FIELDS {
            if let Some(thought) = message.get(field) {
                self.add_thought(field, &thought_text(thought));
            }
        }
        if let Some(Value::Array(details)) = message.get(DETAILS_FIELD) {
            for detail in details {
                self.add_thought(DETAILS_FIELD, &thought_text(detail));
            }
        }
        match message.get("content") {
            Some(Value::String(text)) => self.text.push_str(text),
            Some(Value::Array(parts)) => {
                for part in parts {
                    self.absorb_part(part);
                }
            }
            // A server that decoded a structured answer itself.
            Some(object @ Value::Object(_)) => self.text.push_str(&object.to_string()),
            _ => {}
        }
        if let Some(refusal) = message.get("refusal").and_then(Value::as_str) {
            self.refusal.push_str(refusal);
        }
        let mut absorb = |call: &Value| {
            if is_whole {
                self.calls.absorb_whole(call);
            } else {
                self.calls.absorb(call);
            }
        };
        match message.get("tool_calls") {
            Some(Value::Array(calls)) => calls.iter().for_each(absorb),
            Some(call @ Value::Object(_)) => absorb(call),
            _ => {}
        }
        if let Some(call @ Value::Object(_)) = message.get("function_call") {
            self.calls
                .absorb(&serde_json::json!({ "index": 0, "function": call }));
        }
    }

    fn absorb_part(&mut self, part: &Value) {
        if let Some(text) = part.as_str() {
            self.text.push_str(text);
            return;
        }
        let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
        let text = |name: &str| part.get(name).and_then(Value::as_str);
        if kind.contains("thinking") || kind.contains("reasoning") {
            self.add_thought(PARTS_ORIGIN, &thought_text(part));
        } else if kind == "refusal" {
            self.refusal
                .push_str(text("refusal").or_else(|| text("text")).unwrap_or_default());
        } else if let Some(text) = text("text").or_else(|| text("content")) {
            self.text.push_str(text);
        }
    }

    fn add_thought(&mut self, origin: &'static str, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.thoughts.iter_mut().find(|(known, _)| *known == origin) {
            Some((_, thought)) => thought.push_str(text),
            None => self.thoughts.push((origin, text.to_owned())),
        }
    }
}

fn is_error(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Array(_) => true,
    }
}

/// The text of a thought, whether it is a text, a block, or a list of blocks.
fn thought_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => blocks.iter().map(thought_text).collect(),
        Value::Object(block) => ["text", "thinking", "content", "summary"]
            .iter()
            .find_map(|name| block.get(*name))
            .map(thought_text)
            .unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}
