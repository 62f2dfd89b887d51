//! Answers in OpenAI's form: one chat completion, or the chunks of a stream.
//!
//! Ids follow from the address alone, so a repeated request gets the same answer byte for byte.

use serde_json::{Value, json};

use crate::address::Address;
use crate::request::Request;
use crate::script::Turn;
use crate::words::{self, Unfilled};

/// Length of the pieces that a stream is cut into, in characters.
const PIECE_CHARS: usize = 48;

/// Bytes that are counted as one token. Nothing here has tokens of its own; the counts only have a plausible size.
const BYTES_PER_TOKEN: usize = 4;

/// The time that every answer carries, in seconds since the epoch: the words were recorded, not made now.
const RECORDED_AT_S: u64 = 1_790_000_000;

/// A finished answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    id: String,
    model: String,
    content: Option<String>,
    reasoning: Option<String>,
    calls: Vec<Value>,
    usage: Value,
}

impl Answer {
    /// The recorded turn at `address`, with its placeholders filled from the request.
    pub fn fill(address: &Address, turn: &Turn, request: &Request) -> Result<Self, Unfilled> {
        let content = match &turn.content {
            Some(Value::String(text)) => Some(words::fill(text, request)?),
            Some(other) => Some(words::fill_value(other, request)?.to_string()),
            None => None,
        };
        let reasoning = turn
            .reasoning
            .as_deref()
            .map(|text| words::fill(text, request));
        let reasoning = reasoning.transpose()?;
        let slug = format!(
            "{}-{}-{}",
            address.script,
            address.job.replace(':', "-"),
            address.turn
        );
        let mut calls = Vec::new();
        for (index, call) in turn.tool_calls.iter().enumerate() {
            let arguments = Value::Object(words::fill_map(&call.arguments, request)?);
            calls.push(json!({
                "id": format!("call_{slug}-{index}"),
                "type": "function",
                "function": {"name": call.name, "arguments": arguments.to_string()},
            }));
        }
        let usage = usage(request, content.as_deref(), reasoning.as_deref(), &calls);
        Ok(Self {
            id: format!("chatcmpl-{slug}"),
            model: request
                .model
                .clone()
                .unwrap_or_else(|| "recorded".to_owned()),
            content,
            reasoning,
            calls,
            usage,
        })
    }

    fn finish_reason(&self) -> &'static str {
        if self.calls.is_empty() {
            "stop"
        } else {
            "tool_calls"
        }
    }

    /// The answer as one `chat.completion`.
    pub fn completion(&self) -> Value {
        let mut message = json!({"role": "assistant", "content": self.content});
        if let Some(reasoning) = &self.reasoning {
            message["reasoning_content"] = json!(reasoning);
        }
        if !self.calls.is_empty() {
            message["tool_calls"] = json!(self.calls);
        }
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": RECORDED_AT_S,
            "model": self.model,
            "choices": [{"index": 0, "message": message, "finish_reason": self.finish_reason()}],
            "usage": self.usage,
        })
    }

    /// The answer as `chat.completion.chunk` objects, without the closing `[DONE]`.
    pub fn chunks(&self, include_usage: bool) -> Vec<Value> {
        let mut deltas = vec![json!({"role": "assistant", "content": ""})];
        for piece in pieces(self.reasoning.as_deref().unwrap_or_default()) {
            deltas.push(json!({"reasoning_content": piece}));
        }
        for piece in pieces(self.content.as_deref().unwrap_or_default()) {
            deltas.push(json!({"content": piece}));
        }
        for (index, call) in self.calls.iter().enumerate() {
            let mut opening = call.clone();
            opening["index"] = json!(index);
            opening["function"]["arguments"] = json!("");
            deltas.push(json!({"tool_calls": [opening]}));
            for piece in pieces(call["function"]["arguments"].as_str().unwrap_or_default()) {
                deltas.push(
                    json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}),
                );
            }
        }
        let mut chunks: Vec<Value> = deltas
            .into_iter()
            .map(|delta| self.chunk(&delta, None))
            .collect();
        chunks.push(self.chunk(&json!({}), Some(self.finish_reason())));
        if include_usage {
            let mut last = self.chunk(&json!({}), None);
            last["choices"] = json!([]);
            last["usage"] = self.usage.clone();
            chunks.push(last);
        }
        chunks
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": RECORDED_AT_S,
            "model": self.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        })
    }
}

fn usage(
    request: &Request,
    content: Option<&str>,
    reasoning: Option<&str>,
    calls: &[Value],
) -> Value {
    let tokens = |bytes: usize| bytes.div_ceil(BYTES_PER_TOKEN);
    let thought = tokens(reasoning.map_or(0, str::len));
    let called: usize = calls
        .iter()
        .map(|call| call["function"].to_string().len())
        .sum();
    let said = tokens(content.map_or(0, str::len)) + tokens(called) + thought;
    let asked = tokens(request.text_bytes());
    json!({
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "completion_tokens_details": {"reasoning_tokens": thought},
    })
}

fn pieces(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars
        .chunks(PIECE_CHARS)
        .map(|piece| piece.iter().collect())
        .collect()
}
