//! JSON text to a JSON value, with the place of the first syntax fault.

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::fields::{Faults, pointer};
use crate::problem::{Code, Problem};

/// What a body claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// JSON, or nothing was said.
    Json,
    /// A multipart form.
    Multipart,
}

/// Reads `Content-Type`.
pub fn media_type(headers: &HeaderMap) -> Result<MediaType, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(MediaType::Json);
    };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    if essence == "application/json" {
        return Ok(MediaType::Json);
    }
    if essence == "multipart/form-data" {
        return Ok(MediaType::Multipart);
    }
    let detail = "send Content-Type: application/json or multipart/form-data";
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::ValidationFailed,
        detail,
    ))
}

/// Parses a body.
pub fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        // The parser's own text ends with the place; it quotes no input beyond single characters.
        Problem::malformed("", format!("the body is not valid JSON: {error}"))
    })
}

/// Notes every text that contains the NUL character, which neither database can hold.
pub fn refuse_nul(value: &Value, at: &str, faults: &mut Faults) {
    match value {
        Value::String(text) if text.contains('\0') => {
            faults.add(at, "must not contain the NUL character");
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse_nul(item, &format!("{at}/{index}"), faults);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if name.contains('\0') {
                    faults.add(at, "has a field name that contains the NUL character");
                }
                refuse_nul(member, &pointer(at, name), faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_syntax_fault_is_told_by_line_and_column() {
        let problem = parse(b"{\n  \"goal\": nope\n}").err();
        let detail = problem.map(|p| p.body("r").detail).unwrap_or_default();
        assert!(detail.contains("line 2 column 1"), "{detail}");
    }

    #[test]
    fn nul_is_found_wherever_it_hides() {
        let mut faults = Faults::default();
        let body = json!({"a": ["x", "y\0"], "b\0": {"c": "\0"}});
        refuse_nul(&body, "", &mut faults);
        let body = faults.into_result().err().map(|p| p.body("r").errors.len());
        assert_eq!(body, Some(3));
    }
}
