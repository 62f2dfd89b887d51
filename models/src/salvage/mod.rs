//! Calls that a server left in the text because it lacks the parser for its model's markup.
//!
//! Nothing is salvaged unless tools were offered. A block inside a code fence or behind a backtick is talk about
//! calls, not a call.

mod deepseek;
mod dsml;
mod hermes;
mod prompted;
mod qwen_xml;

use agent_core::ports::tool::ToolSpec;
use serde_json::{Map, Value};

use crate::assemble::calls::{CallDraft, RawArguments};
use crate::options::Salvage;

/// One block of markup.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// Where it begins.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
    /// Whether its end was written.
    pub(crate) complete: bool,
    /// The call; `None` if there is a block but no call can be read from it.
    pub(crate) call: Option<CallDraft>,
}

/// What was found in a text.
#[derive(Debug)]
pub(crate) struct Salvaged {
    /// The text without the blocks.
    pub(crate) text: String,
    /// The calls; `None` for a block that could not be read.
    pub(crate) calls: Vec<Option<CallDraft>>,
    /// Whether every block was written to its end.
    pub(crate) complete: bool,
    /// Whether nothing but blanks follows the last block.
    pub(crate) at_end: bool,
}

/// Looks for calls in the given markups, in their order; the first markup that is there counts.
pub(crate) fn find(text: &str, formats: &[Salvage], tools: &[ToolSpec]) -> Option<Salvaged> {
    formats.iter().find_map(|format| match format {
        Salvage::Hermes => collect(text, hermes::blocks(text)),
        Salvage::DeepseekV3 => collect(text, deepseek::blocks(text)),
        Salvage::Dsml => collect(text, dsml::blocks(text, tools)),
        Salvage::QwenXml => collect(text, qwen_xml::blocks(text, tools)),
        Salvage::PromptedJson => prompted::find(text, tools),
    })
}

fn collect(text: &str, blocks: Vec<Block>) -> Option<Salvaged> {
    let blocks: Vec<Block> = blocks
        .into_iter()
        .filter(|block| !is_mention(&text[..block.start]))
        .collect();
    let last = blocks.last()?;
    let after = &text[last.end..];
    // What follows an invented tool answer is invented too.
    let after = after
        .find("<tool_response>")
        .map_or(after, |at| &after[..at]);
    let mut visible = String::new();
    let mut from = 0;
    for block in &blocks {
        visible.push_str(&text[from..block.start]);
        from = block.end;
    }
    visible.push_str(after);
    Some(Salvaged {
        text: visible.trim().to_owned(),
        complete: blocks.iter().all(|block| block.complete),
        at_end: after.trim().is_empty(),
        calls: blocks.into_iter().map(|block| block.call).collect(),
    })
}

fn is_mention(before: &str) -> bool {
    before.ends_with('`') || before.matches("```").count() % 2 == 1
}

/// The text between two marks, from `from` on: where the block begins, what is inside, where it ends, and whether
/// the closing mark was there.
fn between<'a>(
    text: &'a str,
    from: usize,
    open: &str,
    close: &str,
) -> Option<(usize, &'a str, usize, bool)> {
    let start = from + text[from..].find(open)?;
    let inside = start + open.len();
    Some(match text[inside..].find(close) {
        Some(length) => (
            start,
            &text[inside..inside + length],
            inside + length + close.len(),
            true,
        ),
        None => (start, &text[inside..], text.len(), false),
    })
}

/// A parameter written as bare text becomes what the tool's schema says it is; text where that is unknown.
fn typed(tools: &[ToolSpec], tool: &str, parameter: &str, text: &str) -> Value {
    let spec = tools.iter().find(|spec| spec.name == tool);
    let schema = spec.and_then(|spec| spec.parameters.pointer(&format!("/properties/{parameter}")));
    let wants_text = schema
        .and_then(|schema| schema.get("type"))
        .is_none_or(|kind| match kind {
            Value::String(kind) => kind == "string",
            Value::Array(kinds) => kinds.iter().any(|kind| kind == "string"),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
        });
    if wants_text {
        return Value::String(text.to_owned());
    }
    serde_json::from_str(text.trim()).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// A call from named parameters.
fn call_of(name: &str, parameters: Map<String, Value>) -> CallDraft {
    CallDraft::found(name, RawArguments::Value(Value::Object(parameters)))
}
