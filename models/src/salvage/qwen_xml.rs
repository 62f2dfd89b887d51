//! The function tags of Qwen3: `<function=NAME><parameter=KEY>VALUE</parameter></function>`.

use agent_core::ports::tool::ToolSpec;
use serde_json::Map;

use super::{Block, between, call_of, typed};
use crate::assemble::calls::CallDraft;

/// The blocks of a text.
pub(super) fn blocks(text: &str, tools: &[ToolSpec]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut from = 0;
    while let Some((start, inside, end, complete)) =
        between(text, from, "<function=", "</function>")
    {
        from = end;
        let before = text[..start].trim_end();
        let after = text[end..].trim_start();
        blocks.push(Block {
            start: before.strip_suffix("<tool_call>").map_or(start, str::len),
            end: after
                .strip_prefix("</tool_call>")
                .map_or(end, |after| text.len() - after.len()),
            complete,
            call: if complete { call(inside, tools) } else { None },
        });
    }
    blocks
}

fn call(inside: &str, tools: &[ToolSpec]) -> Option<CallDraft> {
    let (name, body) = inside.split_once('>')?;
    let name = name.trim();
    let mut parameters = Map::new();
    let mut from = 0;
    while let Some((_, parameter, end, complete)) =
        between(body, from, "<parameter=", "</parameter>")
    {
        from = end;
        if !complete {
            return None;
        }
        let (key, text) = parameter.split_once('>')?;
        // The line breaks next to the tags are the template's, all others the model's.
        let text = text.strip_prefix('\n').unwrap_or(text);
        let text = text.strip_suffix('\n').unwrap_or(text);
        let key = key.trim();
        parameters.insert(key.to_owned(), typed(tools, name, key, text));
    }
    Some(call_of(name, parameters))
}
