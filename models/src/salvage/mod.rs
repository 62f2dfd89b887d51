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

#[cfg(test)]
mod tests {
    use agent_core::ports::tool::{EffectClass, FileUse};
    use serde_json::json;

    use super::*;

    fn tools() -> Vec<ToolSpec> {
        let parameters = json!({"type": "object", "properties": {
            "query": {"type": "string"}, "limit": {"type": "integer"}}});
        vec![ToolSpec {
            name: "web_search".to_owned(),
            description: String::new(),
            parameters,
            effect: EffectClass::Read,
            files: FileUse::None,
            outside: false,
        }]
    }

    const ALL: [Salvage; 4] = [
        Salvage::Hermes,
        Salvage::DeepseekV3,
        Salvage::Dsml,
        Salvage::QwenXml,
    ];

    /// The visible text, and the calls as name and arguments.
    fn found(text: &str) -> Option<(String, Vec<(String, RawArguments)>)> {
        let salvaged = find(text, &ALL, &tools())?;
        let calls = salvaged.calls.into_iter().flatten();
        let calls = calls.map(|call| (call.name(|_| true), call.arguments()));
        Some((salvaged.text, calls.collect()))
    }

    fn value(arguments: Value) -> (String, RawArguments) {
        ("web_search".to_owned(), RawArguments::Value(arguments))
    }

    #[test]
    fn every_markup_gives_its_calls_and_leaves_the_words() {
        let query = json!({"query": "5"});
        let both = json!({"query": "5", "limit": 5});
        for (text, arguments) in [
            (
                "Look.\n<tool_call>{\"name\": \"web_search\", \"arguments\": {\"query\": \"5\"}}</tool_call>",
                &query,
            ),
            (
                "Look.<tool_call>\n<function=web_search>\n<parameter=query>\n5\n</parameter>\n\
                 <parameter=limit>\n5\n</parameter>\n</function>\n</tool_call>",
                &both,
            ),
            (
                "Look.<|DSML|function_calls><|DSML|invoke name=\"web_search\"><|DSML|parameter name=\"query\">5\
                 </|DSML|parameter></|DSML|invoke></|DSML|function_calls>",
                &query,
            ),
        ] {
            let expected = ("Look.".to_owned(), vec![value(arguments.clone())]);
            assert_eq!(found(text), Some(expected), "{text}");
        }
        let text =
            "<｜tool▁call▁begin｜>web_search<｜tool▁sep｜>{\"query\":\"5\"}<｜tool▁call▁end｜>";
        let raw = RawArguments::Text("{\"query\":\"5\"}".to_owned());
        let expected = (String::new(), vec![("web_search".to_owned(), raw)]);
        assert_eq!(found(text), Some(expected));
    }

    #[test]
    fn talk_about_calls_is_not_a_call() {
        for text in [
            "Write `<tool_call>{\"name\": \"web_search\"}</tool_call>` to search.",
            "```xml\n<tool_call>{\"name\": \"web_search\"}</tool_call>\n```",
            "Nothing here.",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn a_block_that_stops_in_the_middle_is_known_as_incomplete() {
        for text in [
            "<tool_call>{\"name\": \"web_se",
            "<function=web_search><parameter=query>x",
            "<|DSML|invoke name=\"web_search\"><|DSML|parameter name=\"query\">x",
        ] {
            let salvaged = find(text, &ALL, &tools());
            let complete = salvaged.map(|salvaged| (salvaged.complete, salvaged.calls.len()));
            assert_eq!(complete, Some((false, 1)), "{text}");
        }
    }

    #[test]
    fn an_invented_tool_answer_is_cut_off() {
        let text = "<tool_call>{\"name\": \"web_search\"}</tool_call>\n<tool_response>Rome</tool_response>";
        assert_eq!(found(text).map(|(text, _)| text), Some(String::new()));
    }
}
