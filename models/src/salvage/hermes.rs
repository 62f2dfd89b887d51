//! `<tool_call>{"name": …, "arguments": …}</tool_call>`

use serde_json::Value;

use super::{Block, between};
use crate::assemble::calls::{CallDraft, RawArguments};
use crate::assemble::mend;

/// The blocks of a text.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut from = 0;
    while let Some((start, inside, end, complete)) =
        between(text, from, "<tool_call>", "</tool_call>")
    {
        from = end;
        let inside = inside.trim();
        // The XML of Qwen3 uses the same outer tag.
        if inside.starts_with("<function=") {
            continue;
        }
        blocks.push(Block {
            start,
            end,
            complete,
            call: call(inside),
        });
    }
    blocks
}

fn call(inside: &str) -> Option<CallDraft> {
    let value = mend::read(inside)?.value;
    named(&value)
}

/// A call from an object with a name and arguments.
pub(super) fn named(value: &Value) -> Option<CallDraft> {
    let function = value.get("function").filter(|inner| inner.is_object());
    let object = function.unwrap_or(value);
    let name = ["name", "tool", "tool_name", "function"]
        .iter()
        .find_map(|key| object.get(*key)?.as_str())?;
    let arguments = ["arguments", "parameters", "args", "input"]
        .iter()
        .find_map(|key| object.get(*key));
    let arguments = match arguments {
        None | Some(Value::Null) => RawArguments::Text(String::new()),
        Some(Value::String(text)) => RawArguments::Text(text.clone()),
        Some(other) => RawArguments::Value(other.clone()),
    };
    Some(CallDraft::found(name, arguments))
}
