//! The markup of `DeepSeek` V3.2 and V4: invocations with named parameters.

use agent_core::ports::tool::ToolSpec;
use serde_json::{Map, Value};

use super::{Block, between, call_of, typed};
use crate::assemble::calls::CallDraft;

/// The sign inside every tag, as the model writes it and as some servers transcribe it.
const SIGNS: [&str; 2] = ["｜DSML｜", "|DSML|"];
/// The tags round all invocations.
const OUTER: [&str; 2] = ["function_calls", "tool_calls"];

/// The blocks of a text.
pub(super) fn blocks(text: &str, tools: &[ToolSpec]) -> Vec<Block> {
    SIGNS
        .iter()
        .map(|sign| blocks_with(text, sign, tools))
        .find(|blocks| !blocks.is_empty())
        .unwrap_or_default()
}

fn blocks_with(text: &str, sign: &str, tools: &[ToolSpec]) -> Vec<Block> {
    let open = format!("<{sign}invoke");
    let close = format!("</{sign}invoke>");
    let mut blocks: Vec<Block> = Vec::new();
    let mut from = 0;
    while let Some((start, inside, end, complete)) = between(text, from, &open, &close) {
        from = end;
        blocks.push(Block {
            start,
            end,
            complete,
            call: if complete {
                call(inside, sign, tools)
            } else {
                None
            },
        });
    }
    for outer in OUTER {
        if let Some(first) = blocks.first_mut() {
            let before = text[..first.start].trim_end();
            if let Some(before) = before.strip_suffix(&format!("<{sign}{outer}>")) {
                first.start = before.len();
            }
        }
        if let Some(last) = blocks.last_mut() {
            let after = text[last.end..].trim_start();
            if let Some(after) = after.strip_prefix(&format!("</{sign}{outer}>")) {
                last.end = text.len() - after.len();
            }
        }
    }
    blocks
}

fn call(inside: &str, sign: &str, tools: &[ToolSpec]) -> Option<CallDraft> {
    let (head, body) = inside.split_once('>')?;
    let name = attribute(head, "name")?;
    let open = format!("<{sign}parameter");
    let close = format!("</{sign}parameter>");
    let mut parameters = Map::new();
    let mut from = 0;
    while let Some((_, parameter, end, complete)) = between(body, from, &open, &close) {
        from = end;
        if !complete {
            return None;
        }
        let (head, text) = parameter.split_once('>')?;
        let key = attribute(head, "name")?;
        let value = match attribute(head, "string") {
            Some("true") => Value::String(text.to_owned()),
            // What claims to be JSON and is not cannot be read as anything else.
            Some(_) => serde_json::from_str(text.trim()).ok()?,
            None => typed(tools, name, key, text),
        };
        parameters.insert(key.to_owned(), value);
    }
    Some(call_of(name, parameters))
}

fn attribute<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = head.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}
