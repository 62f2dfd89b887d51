//! Calls as they come in: whole, in pieces, interleaved, repeated, without index or id.

use serde_json::{Map, Value};

use crate::transport::json::rejoin_surrogates;

/// One call, not yet judged.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallDraft {
    index: Option<u64>,
    /// The server's id; empty if it gave none.
    pub(crate) id: String,
    /// The call's type; empty if it has none.
    pub(crate) kind: String,
    /// Whether there was a `function` member.
    pub(crate) is_function: bool,
    names: Vec<String>,
    pieces: Vec<String>,
    object: Option<Value>,
}

/// The arguments as they came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RawArguments {
    /// Text that should be JSON.
    Text(String),
    /// Already JSON.
    Value(Value),
}

impl CallDraft {
    /// A call that was found whole.
    pub(crate) fn found(name: impl Into<String>, arguments: RawArguments) -> Self {
        let mut draft = Self {
            is_function: true,
            names: vec![name.into()],
            ..Self::default()
        };
        match arguments {
            RawArguments::Text(text) => draft.pieces.push(text),
            RawArguments::Value(value) => draft.object = Some(value),
        }
        draft
    }

    /// The name: the first piece if it is known, else all pieces together, because some servers repeat the whole
    /// name with every piece and others cut it.
    pub(crate) fn name(&self, known: impl Fn(&str) -> bool) -> String {
        let first = self.names.first().cloned().unwrap_or_default();
        if self.names.len() < 2 || known(&first) {
            return first;
        }
        let joined = self.names.concat();
        if known(&joined) || self.names.iter().any(|name| *name != first) {
            joined
        } else {
            first
        }
    }

    /// The arguments: all pieces together, unless the pieces are ever longer copies of the same text.
    pub(crate) fn arguments(&self) -> RawArguments {
        if let Some(object) = &self.object {
            return RawArguments::Value(object.clone());
        }
        let joined = self.pieces.concat();
        let last = self.pieces.last().map(String::as_str).unwrap_or_default();
        if self.pieces.len() > 1 && !is_whole(&joined) && is_whole(last) {
            let before = self.pieces[..self.pieces.len() - 1].concat();
            let growing = self
                .pieces
                .windows(2)
                .all(|pair| pair[1].starts_with(&pair[0]));
            if growing || before == last {
                return RawArguments::Text(last.to_owned());
            }
        }
        RawArguments::Text(joined)
    }

    fn is_complete(&self) -> bool {
        self.object.is_some() || is_whole(&self.pieces.concat())
    }
}

fn is_whole(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        && text.trim_start().starts_with('{')
}

/// The member with name and arguments; some servers leave it out and write both into the call itself.
fn function_of<'a>(call: &'a Map<String, Value>, kind: &str) -> Option<&'a Map<String, Value>> {
    let is_flat = call.contains_key("name")
        && matches!(kind, "" | "function" | "function_call" | "tool_call");
    call.get("function")
        .and_then(Value::as_object)
        .or_else(|| is_flat.then_some(call))
}

/// All calls of an answer, in order of appearance.
#[derive(Debug, Default)]
pub(crate) struct CallDrafts(Vec<CallDraft>);

impl CallDrafts {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no call's arguments stop in the middle.
    pub(crate) fn are_whole(&self) -> bool {
        self.0
            .iter()
            .all(|call| call.pieces.is_empty() || call.is_complete())
    }

    /// The calls.
    pub(crate) fn all(&self) -> &[CallDraft] {
        &self.0
    }

    /// Joins halves of surrogate pairs in the pieces of arguments.
    pub(crate) fn rejoin_surrogates(&mut self) {
        for call in &mut self.0 {
            if !call.pieces.is_empty() {
                call.pieces = vec![rejoin_surrogates(&call.pieces.concat())];
            }
        }
    }

    /// Takes a whole call, whatever index it claims.
    pub(crate) fn absorb_whole(&mut self, call: &Value) {
        let mut alone = Self::default();
        alone.absorb(call);
        self.0.append(&mut alone.0);
    }

    /// Takes a call or a piece of one.
    pub(crate) fn absorb(&mut self, delta: &Value) {
        let Some(object) = delta.as_object() else {
            return;
        };
        let text = |of: &Map<String, Value>, name: &str| {
            let text = of.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let (id, kind) = (text(object, "id"), text(object, "type"));
        let function = function_of(object, &kind);
        let name = function.map(|function| text(function, "name"));
        let name = name.unwrap_or_default();
        let slot = self.slot(object.get("index").and_then(Value::as_u64), &id, &name);
        if slot.id.is_empty() {
            slot.id = id;
        }
        if slot.kind.is_empty() {
            slot.kind = kind;
        }
        let Some(function) = function else {
            return;
        };
        slot.is_function = true;
        if !name.is_empty() {
            slot.names.push(name);
        }
        match function.get("arguments") {
            Some(Value::String(piece)) if !piece.is_empty() => slot.pieces.push(piece.clone()),
            Some(value @ (Value::Object(_) | Value::Array(_))) => slot.object = Some(value.clone()),
            _ => {}
        }
    }

    /// The call that a piece belongs to, made if it is a new one.
    fn slot(&mut self, index: Option<u64>, id: &str, name: &str) -> &mut CallDraft {
        let at = match index {
            Some(index) => self.0.iter().rposition(|call| call.index == Some(index)),
            None if id.is_empty() && name.is_empty() => self.0.len().checked_sub(1),
            None if id.is_empty() => None,
            None => self
                .0
                .iter()
                .rposition(|call| call.id == id && call.index.is_none()),
        };
        // Servers that number every call 0 tell the next one by its id, after the one before is whole.
        let at = at.filter(|&at| {
            let call = &self.0[at];
            let other_id = !id.is_empty() && !call.id.is_empty() && call.id != id;
            let other_name = call.pieces.is_empty()
                && !name.is_empty()
                && call.names.first().is_some_and(|first| first != name);
            let repeated_whole = index.is_none() && call.is_complete() && !name.is_empty();
            !(other_id && (call.is_complete() || other_name)) && !repeated_whole
        });
        let at = at.unwrap_or_else(|| {
            self.0.push(CallDraft {
                index,
                ..CallDraft::default()
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn folded(deltas: &[Value]) -> Vec<(String, String, RawArguments)> {
        let mut calls = CallDrafts::default();
        for delta in deltas {
            calls.absorb(delta);
        }
        calls
            .all()
            .iter()
            .map(|call| {
                let name = call.name(|name| matches!(name, "web_search" | "now"));
                (call.id.clone(), name, call.arguments())
            })
            .collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, RawArguments) {
        (id.into(), name.into(), RawArguments::Text(arguments.into()))
    }

    #[test]
    fn a_name_in_pieces_is_joined_and_a_repeated_name_is_not() {
        let split = [
            json!({"index": 0, "id": "a", "function": {"name": "web_", "arguments": ""}}),
            json!({"index": 0, "function": {"name": "search", "arguments": "{}"}}),
        ];
        assert_eq!(folded(&split), [call("a", "web_search", "{}")]);
        let repeated = [
            json!({"index": 0, "id": "a", "function": {"name": "web_search", "arguments": "{"}}),
            json!({"index": 0, "id": "a", "function": {"name": "web_search", "arguments": "}"}}),
        ];
        assert_eq!(folded(&repeated), [call("a", "web_search", "{}")]);
    }

    #[test]
    fn calls_that_share_an_index_are_told_apart_by_id() {
        let deltas = [
            json!({"index": 0, "id": "a", "function": {"name": "web_search", "arguments": "{\"q\":1}"}}),
            json!({"index": 0, "id": "b", "function": {"name": "now", "arguments": "{}"}}),
        ];
        assert_eq!(
            folded(&deltas),
            [call("a", "web_search", "{\"q\":1}"), call("b", "now", "{}")]
        );
    }

    #[test]
    fn growing_copies_of_the_arguments_count_once() {
        let deltas = [
            json!({"index": 0, "id": "a", "function": {"name": "now", "arguments": "{\"q\":"}}),
            json!({"index": 0, "function": {"arguments": "{\"q\":1}"}}),
        ];
        assert_eq!(folded(&deltas), [call("a", "now", "{\"q\":1}")]);
    }

    #[test]
    fn whole_calls_without_index_or_id_stay_two() {
        let deltas = [
            json!({"function": {"name": "now", "arguments": "{}"}}),
            json!({"function": {"name": "now", "arguments": "{}"}}),
        ];
        assert_eq!(
            folded(&deltas),
            [call("", "now", "{}"), call("", "now", "{}")]
        );
    }
}
