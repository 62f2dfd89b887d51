//! Prompted tool mode: calls as JSON objects in the text, fenced or bare.

use agent_core::ports::tool::ToolSpec;
use serde_json::Value;

use super::Salvaged;
use super::hermes::named;
use crate::assemble::calls::CallDraft;
use crate::assemble::mend;

/// The calls of a text. The words round them are talk, and are dropped.
pub(super) fn find(text: &str, tools: &[ToolSpec]) -> Option<Salvaged> {
    let found = mend::embedded(text);
    let calls: Vec<CallDraft> = found
        .iter()
        .flat_map(|mended| calls(&mended.value, tools))
        .collect();
    if calls.is_empty() {
        return unreadable(text, &found);
    }
    Some(Salvaged {
        text: String::new(),
        calls: calls.into_iter().map(Some).collect(),
        complete: true,
        at_end: true,
    })
}

fn calls(value: &Value, tools: &[ToolSpec]) -> Vec<CallDraft> {
    let list = match value {
        Value::Array(list) => Some(list),
        Value::Object(object) => object.get("tool_calls").and_then(Value::as_array),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    if let Some(list) = list {
        return list.iter().flat_map(|value| calls(value, tools)).collect();
    }
    // An object with some other name in it may be an answer; one that says `tool` is meant as a call.
    let means_call = value.get("tool").is_some_and(Value::is_string);
    let call = named(value).filter(|call| {
        let offered = |name: &str| tools.iter().any(|tool| tool.name == name);
        means_call || offered(&call.name(offered))
    });
    call.into_iter().collect()
}

/// Something that is plainly meant as a call but cannot be read.
fn unreadable(text: &str, found: &[mend::Mended]) -> Option<Salvaged> {
    let start = text.find("{\"tool\"").or_else(|| text.find("{ \"tool\""))?;
    if !found.is_empty() {
        return None;
    }
    Some(Salvaged {
        text: text[..start].trim().to_owned(),
        calls: vec![None],
        complete: text.trim_end().ends_with(['}', '`']),
        at_end: true,
    })
}
