//! Mending JSON without loss: only what has one meaning is mended, nothing is guessed.
//!
//! Mended are code fences round the whole, trailing commas, raw control characters inside texts, and a second
//! layer of encoding. Missing brackets, quotes and values are not: whoever wrote them must write them again.

use serde_json::Value;

use crate::transport::json::{self, escape_control, rejoin_surrogates};

/// A value, and whether the text had to be mended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mended {
    pub(crate) value: Value,
    pub(crate) repaired: bool,
}

/// Reads one JSON value from a text that holds nothing else.
pub(crate) fn read(text: &str) -> Option<Mended> {
    let whole = text.trim_start_matches('\u{feff}').trim();
    if let Ok(value) = serde_json::from_str(whole) {
        return Some(Mended {
            value,
            repaired: false,
        });
    }
    let mended = without_trailing_commas(fenced(whole).unwrap_or(whole));
    let value = serde_json::from_str(&mended)
        .ok()
        .or_else(|| with_lone_surrogates(&mended))?;
    Some(Mended {
        value,
        repaired: true,
    })
}

/// The first fenced block's content, if the text is that block and nothing else.
fn fenced(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("```")?.strip_suffix("```")?;
    let (language, inner) = inner.split_once('\n')?;
    (!language.contains(['{', '['])).then(|| inner.trim())
}

fn with_lone_surrogates(text: &str) -> Option<Value> {
    // The tolerant reader would also turn these into null, which is a loss.
    if text.contains("NaN") || text.contains("Infinity") {
        return None;
    }
    let read = json::read(text.as_bytes()).ok()?;
    let joined = rejoin_surrogates(&read.value.to_string());
    serde_json::from_str(&joined).ok()
}

fn without_trailing_commas(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_string = false;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if in_string {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                control if control < ' ' => {
                    out.push_str(&escape_control(control));
                    continue;
                }
                _ => {}
            }
        } else if character == '"' {
            in_string = true;
        } else if character == ',' {
            let next = text[at + 1..].trim_start().chars().next();
            let before = out.trim_end().chars().next_back();
            // `[,]` is not a trailing comma but a missing value.
            if matches!(next, Some('}' | ']')) && !matches!(before, Some('{' | '[' | ',')) {
                continue;
            }
        }
        out.push(character);
    }
    out
}

/// The JSON objects and lists in a text, outermost ones only: those in fences first, then the bare ones.
pub(crate) fn embedded(text: &str) -> Vec<Mended> {
    let mut found: Vec<Mended> = fences(text).filter_map(read).collect();
    let mut rest = text;
    while let Some(start) = rest.find(['{', '[']) {
        match balanced(&rest[start..]) {
            Some(length) => match read(&rest[start..start + length]) {
                Some(mended) => {
                    if !found.contains(&mended) {
                        found.push(mended);
                    }
                    rest = &rest[start + length..];
                }
                None => rest = &rest[start + 1..],
            },
            None => rest = &rest[start + 1..],
        }
    }
    found
}

fn fences(text: &str) -> impl Iterator<Item = &str> {
    text.split("```").skip(1).step_by(2).filter_map(|block| {
        let (language, inner) = block.split_once('\n')?;
        Some(if language.contains(['{', '[']) {
            block
        } else {
            inner
        })
    })
}

/// The length of the balanced object or list at the start of `text`.
fn balanced(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mended(text: &str) -> Option<(Value, bool)> {
        read(text).map(|mended| (mended.value, mended.repaired))
    }

    #[test]
    fn commas_control_characters_and_fences_are_mended() {
        assert_eq!(mended("{\"a\":1}"), Some((json!({"a": 1}), false)));
        assert_eq!(
            mended("{\"a\": \"x\ny, }\", \"b\": [1, 2,],}"),
            Some((json!({"a": "x\ny, }", "b": [1, 2]}), true))
        );
        assert_eq!(
            mended("```json\n{\"a\":1}\n```"),
            Some((json!({"a": 1}), true))
        );
    }

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "{\"a\":\"b",
            "{'a': 1}",
            "{\"a\":}",
            "[,]",
            "{\"a\":1}{\"b\":2}",
            "{\"a\":NaN}",
        ] {
            assert_eq!(mended(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_found_between_words() {
        let text = "Sure {not json}:\n```json\n{\"a\": [1]}\n```\nand {\"b\": \"}\"}.";
        let found: Vec<Value> = embedded(text)
            .into_iter()
            .map(|mended| mended.value)
            .collect();
        assert_eq!(found, [json!({"a": [1]}), json!({"b": "}"})]);
    }
}
