//! Placeholders: how recorded words quote what commands really found.
//!
//! `{{last_tool}}` is the text of the newest tool message, `{{last_tool/REGEX/}}` the first capture group of an
//! expression in it, `{{step:KEY}}` the result of an earlier step as the prompt shows it. A placeholder that finds nothing is an
//! error: recorded words must not claim what no command said.

use regex::Regex;
use serde_json::{Map, Value};

use crate::request::Request;
use crate::script::Turn;

/// A placeholder found nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// There is no tool message.
    #[error("{{{{last_tool}}}} cannot be filled: the request has no tool message")]
    NoTool,
    /// The expression is invalid.
    #[error(
        "{{{{last_tool/{pattern}/}}}} is not a valid expression with one capture group: {reason}"
    )]
    Pattern {
        /// The expression.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The expression does not match.
    #[error(
        "{{{{last_tool/{pattern}/}}}} matches nothing in the newest tool message, which begins: {begins}"
    )]
    NoMatch {
        /// The expression.
        pattern: String,
        /// The message's beginning.
        begins: String,
    },
    /// The step's result is not in the prompt.
    #[error("{{{{step:{0}}}}} cannot be filled: the prompt shows no result of that step")]
    NoStep(String),
}

/// The beginning and the end of every placeholder.
const OPEN: &str = "{{";
const CLOSE: &str = "}}";

enum Placeholder<'a> {
    LastTool,
    Captured(&'a str),
    Step(&'a str),
}

/// The next placeholder of `text`: what stands before it, what it is, what stands behind it.
fn next(text: &str) -> Option<(&str, Placeholder<'_>, &str)> {
    let mut from = 0;
    while let Some(found) = text[from..].find(OPEN) {
        let at = from + found;
        let inner = &text[at + OPEN.len()..];
        if let Some(rest) = inner.strip_prefix("last_tool}}") {
            return Some((&text[..at], Placeholder::LastTool, rest));
        }
        if let Some(tail) = inner.strip_prefix("last_tool/")
            && let Some((pattern, rest)) = tail.split_once("/}}")
        {
            return Some((&text[..at], Placeholder::Captured(pattern), rest));
        }
        if let Some(tail) = inner.strip_prefix("step:")
            && let Some((key, rest)) = tail.split_once(CLOSE)
        {
            return Some((&text[..at], Placeholder::Step(key), rest));
        }
        // Other braces belong to the words themselves, such as those of a program's format strings.
        from = at + 1;
    }
    None
}

/// A text with its placeholders filled.
pub fn fill(text: &str, request: &Request) -> Result<String, Unfilled> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, placeholder, behind)) = next(rest) {
        filled.push_str(before);
        filled.push_str(&value_of(&placeholder, request)?);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A JSON value with the placeholders in all its strings filled.
pub fn fill_value(value: &Value, request: &Request) -> Result<Value, Unfilled> {
    Ok(match value {
        Value::String(text) => Value::String(fill(text, request)?),
        Value::Array(items) => {
            let filled: Result<Vec<Value>, Unfilled> =
                items.iter().map(|item| fill_value(item, request)).collect();
            Value::Array(filled?)
        }
        Value::Object(map) => Value::Object(fill_map(map, request)?),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// A JSON object with the placeholders in all its strings filled.
pub fn fill_map(
    map: &Map<String, Value>,
    request: &Request,
) -> Result<Map<String, Value>, Unfilled> {
    let fill_entry =
        |(name, value): (&String, &Value)| Ok((name.clone(), fill_value(value, request)?));
    map.iter().map(fill_entry).collect()
}

fn value_of(placeholder: &Placeholder<'_>, request: &Request) -> Result<String, Unfilled> {
    match placeholder {
        Placeholder::LastTool => request.last_tool().ok_or(Unfilled::NoTool),
        Placeholder::Captured(pattern) => {
            let expression = compile(pattern)?;
            let text = request.last_tool().ok_or(Unfilled::NoTool)?;
            let captured = expression
                .captures(&text)
                .and_then(|captures| captures.get(1));
            let found = captured.map(|group| group.as_str().to_owned());
            found.ok_or_else(|| Unfilled::NoMatch {
                pattern: (*pattern).to_owned(),
                begins: text.chars().take(300).collect(),
            })
        }
        Placeholder::Step(key) => {
            let prompt = request.prompt().unwrap_or_default();
            step_result(&prompt, key).ok_or_else(|| Unfilled::NoStep((*key).to_owned()))
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, Unfilled> {
    let fault = |reason: String| Unfilled::Pattern {
        pattern: pattern.to_owned(),
        reason,
    };
    let expression = Regex::new(pattern).map_err(|error| fault(error.to_string()))?;
    if expression.captures_len() < 2 {
        return Err(fault("it has no capture group".to_owned()));
    }
    Ok(expression)
}

/// The result of a step, as the prompt shows it between its two marker lines.
pub fn step_result(prompt: &str, key: &str) -> Option<String> {
    let opening = format!("<<< result of step {key} ");
    let mut lines = prompt
        .lines()
        .skip_while(|line| !line.starts_with(&opening));
    let word = lines.next()?.trim_end().strip_prefix(&opening)?;
    let end = format!(">>> end of result {word}");
    let inside: Vec<&str> = lines
        .by_ref()
        .take_while(|line| line.trim_end() != end)
        .collect();
    Some(inside.join("\n"))
}

/// Checks the expressions of a turn, so that a misspelt one is found at the start.
///
/// # Errors
/// What is wrong, in words.
pub fn check(turn: &Turn) -> Result<(), String> {
    let mut texts = Vec::new();
    if let Some(content) = &turn.content {
        collect(content, &mut texts);
    }
    texts.extend(turn.reasoning.as_deref());
    for call in &turn.tool_calls {
        for value in call.arguments.values() {
            collect(value, &mut texts);
        }
    }
    for text in texts {
        let mut rest = text;
        while let Some((_, placeholder, behind)) = next(rest) {
            if let Placeholder::Captured(pattern) = placeholder {
                compile(pattern).map_err(|error| error.to_string())?;
            }
            rest = behind;
        }
    }
    Ok(())
}

fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(map) => map.values().for_each(|item| collect(item, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn request() -> Request {
        let prompt = "Job: report\n<<< result of step count w\n12 files\nall read\n>>> end of result w\n\
                      <<< result of step count-more w\n3\n>>> end of result w\n";
        serde_json::from_value(json!({"messages": [
            {"role": "user", "content": prompt},
            {"role": "tool", "content": "an older one"},
            {"role": "tool", "content": [{"type": "text", "text": "exit status: 0\n--- stdout\nrows=12 best=Ann Lee\n"}]},
        ]}))
        .unwrap()
    }

    #[test]
    fn placeholders_quote_the_newest_tool_message_and_earlier_steps() {
        let text = "{{last_tool/rows=(\\d+)/}} rows, {{last_tool/best=(.+)/}}; {{step:count}}; {{step:count-more}}";
        assert_eq!(
            fill(text, &request()).unwrap(),
            "12 rows, Ann Lee; 12 files\nall read; 3"
        );
        assert!(
            fill("{{last_tool}}", &request())
                .unwrap()
                .starts_with("exit status: 0\n")
        );
    }

    #[test]
    fn a_filled_text_is_not_filled_again_and_other_braces_stay() {
        let text = "print(f'{{x}} {y:{{w}}}') {{ {{step:count-more}} }}";
        assert_eq!(
            fill(text, &request()).unwrap(),
            "print(f'{{x}} {y:{{w}}}') {{ 3 }}"
        );
        let quoting: Request = serde_json::from_value(json!({"messages": [
            {"role": "tool", "content": "{{step:none}}"}]}))
        .unwrap();
        assert_eq!(fill("{{last_tool}}", &quoting).unwrap(), "{{step:none}}");
    }

    #[test]
    fn structured_content_is_filled_inside_its_strings() {
        let filled = fill_value(
            &json!({"answer": "{{step:count}}", "not_done": [], "n": 1}),
            &request(),
        );
        assert_eq!(
            filled.unwrap(),
            json!({"answer": "12 files\nall read", "not_done": [], "n": 1})
        );
    }

    #[test]
    fn a_placeholder_that_finds_nothing_is_an_error_that_names_it() {
        let fault = |text: &str| fill(text, &request()).unwrap_err().to_string();
        assert_eq!(
            fault("{{step:gone}}"),
            "{{step:gone}} cannot be filled: the prompt shows no result of that step"
        );
        assert!(
            fault("{{last_tool/cols=(\\d+)/}}")
                .starts_with("{{last_tool/cols=(\\d+)/}} matches nothing")
        );
        assert!(fault("{{last_tool/rows/}}").ends_with("it has no capture group"));
    }
}
