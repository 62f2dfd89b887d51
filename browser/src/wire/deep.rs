//! Reads JSON that is nested deeply, on a stack of its own: how deep a page's elements lie is the page's choice, and must neither
//! fail a look at it nor overflow our stack.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// The most levels of nesting that are read. An element costs two, and Chromium's parser of HTML stops at 512 elements. Values
/// are dropped level by level on the ordinary stack, which this many do not fill.
pub const LEVELS_MAX: usize = 1_100;

/// A list or object that is not closed yet.
enum Open {
    List(Vec<Value>),
    /// The object so far, and the name that a value comes next for.
    Object(Map<String, Value>, Option<String>),
}

/// The value of a whole text, or what is wrong with it.
pub fn parse(text: &str) -> Result<Value, String> {
    // After this the text is known to be JSON, and what follows may trust it. It goes through the text without a call per level.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| error.to_string())?;
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', ':']);
        let done = match rest.as_bytes().first() {
            None => return Err("it ends too early".to_owned()),
            Some(b'{') => {
                rest = &rest[1..];
                open.push(Open::Object(Map::new(), None));
                None
            }
            Some(b'[') => {
                rest = &rest[1..];
                open.push(Open::List(Vec::new()));
                None
            }
            Some(b'}' | b']') => {
                rest = &rest[1..];
                open.pop().map(close)
            }
            Some(_) => {
                let (plain, after) = rest.split_at(length_of_plain(rest));
                rest = after;
                Some(serde_json::from_str(plain).map_err(|error| error.to_string())?)
            }
        };
        if open.len() > LEVELS_MAX {
            return Err(format!("it is nested more than {LEVELS_MAX} levels deep"));
        }
        if let Some(whole) = done.and_then(|value| put(&mut open, value)) {
            return Ok(whole);
        }
    }
}

fn close(open: Open) -> Value {
    match open {
        Open::List(values) => Value::Array(values),
        Open::Object(fields, _) => Value::Object(fields),
    }
}

/// Puts a finished value where it belongs, and gives it back if it belongs nowhere, because it is the whole.
fn put(open: &mut [Open], value: Value) -> Option<Value> {
    match open.last_mut() {
        None => return Some(value),
        Some(Open::List(values)) => values.push(value),
        Some(Open::Object(fields, name)) => match (name.take(), value) {
            (Some(name), value) => {
                fields.insert(name, value);
            }
            (None, Value::String(text)) => *name = Some(text),
            // In valid JSON every name is a string.
            (None, _) => {}
        },
    }
    None
}

/// How many bytes a string, number or word at the beginning of `text` has.
fn length_of_plain(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'"') {
        let end = bytes
            .iter()
            .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n'));
        return end.unwrap_or(bytes.len());
    }
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
