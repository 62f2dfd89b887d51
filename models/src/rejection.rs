//! An error answer in one shape, whatever shape the server gave it.
//!
//! Servers write errors as `{error: {…}}`, `{error: "…"}`, flat, as a list, as `detail`, wrapped as text inside
//! another error, or as HTML. All become a [`Rejection`]; nothing is lost that a decision needs.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::transport::json;

/// How deep an error may be wrapped inside another.
const DEPTH_MAX: usize = 10;

/// What a server said when it refused or broke.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rejection {
    /// The HTTP status, or the one named inside an answer with a good status.
    pub(crate) status: u16,
    /// The innermost message, as the server wrote it.
    pub(crate) message: String,
    /// `type`, as text.
    pub(crate) kind: Option<String>,
    /// `param`, as text.
    pub(crate) param: Option<String>,
    /// `code`, as text.
    pub(crate) code: Option<String>,
    /// `n_ctx` and `n_prompt_tokens`, where they are fields.
    pub(crate) context_tokens: Option<u64>,
    pub(crate) prompt_tokens: Option<u64>,
    /// Everything that was said, in lower case, for searching.
    pub(crate) said: String,
    /// The pause that was asked for.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the body was HTML.
    pub(crate) html: bool,
}

impl Rejection {
    /// Reads the body of an answer with an error status.
    pub(crate) fn from_body(status: u16, body: &[u8]) -> Self {
        let mut rejection = Self {
            status,
            ..Self::default()
        };
        if let Ok(read) = json::read(body) {
            rejection.take(&read.value, 0);
        } else {
            let text = String::from_utf8_lossy(body);
            let text = text.trim_start_matches('\u{feff}').trim();
            rejection.html = text.starts_with('<');
            // Some gateways send errors of streams as events.
            let event = text
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .find_map(|data| json::read(data.as_bytes()).ok());
            match event {
                Some(read) => rejection.take(&read.value, 0),
                None if !rejection.html => rejection.say(text),
                None => rejection.said = text.to_lowercase(),
            }
        }
        rejection
    }

    /// Reads an error inside an answer with a good status. A numeric code counts as the status.
    pub(crate) fn from_value(value: &Value) -> Self {
        let mut rejection = Self {
            status: 200,
            ..Self::default()
        };
        rejection.take(value, 0);
        let code = rejection.code.as_deref().and_then(|code| code.parse().ok());
        if let Some(status) = code.filter(|status| (400..600).contains(status)) {
            rejection.status = status;
        }
        rejection
    }

    /// Whether any of these was said, in lower case.
    pub(crate) fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.said.contains(phrase))
    }

    /// Whether the message or the code says any of these, in lower case. Types such as `invalid_request_error` say
    /// nothing about the reason and are left out.
    pub(crate) fn reasons(&self, phrases: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        let code = self.code.as_deref().unwrap_or_default().to_lowercase();
        phrases
            .iter()
            .any(|phrase| message.contains(phrase) || code.contains(phrase))
    }

    fn say(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        text.clone_into(&mut self.message);
        self.note(text);
    }

    fn note(&mut self, text: &str) {
        self.said.push_str(&text.to_lowercase());
        self.said.push('\n');
    }

    fn take(&mut self, value: &Value, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        match value {
            Value::Object(object) => self.take_object(object, depth),
            Value::Array(items) => {
                for item in items {
                    self.take(item, depth + 1);
                }
            }
            Value::String(text) => self.take_text(text, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn take_object(&mut self, object: &Map<String, Value>, depth: usize) {
        // Outer fields first, so that an inner error, which knows more, has the last word.
        for (name, slot) in [
            ("type", &mut self.kind),
            ("param", &mut self.param),
            ("code", &mut self.code),
        ] {
            if let Some(text) = object.get(name).and_then(as_text) {
                *slot = Some(text);
            }
        }
        // Validators of servers name the place as a path: `["body", "stream_options"]`.
        if let Some(place) = object.get("loc").and_then(Value::as_array) {
            let field = place.iter().filter_map(Value::as_str).next_back();
            self.param = field.map(str::to_owned).or(self.param.take());
        }
        for text in [self.kind.clone(), self.code.clone()].into_iter().flatten() {
            self.note(&text);
        }
        let number = |name: &str| object.get(name).and_then(Value::as_u64);
        self.context_tokens = number("n_ctx").or(self.context_tokens);
        self.prompt_tokens = number("n_prompt_tokens").or(self.prompt_tokens);
        for name in ["message", "error_msg", "msg", "error_message"] {
            if let Some(message) = object.get(name) {
                self.take(message, depth + 1);
            }
        }
        if let Some(metadata) = object.get("metadata").and_then(Value::as_object) {
            for name in ["raw", "reasons"] {
                if let Some(raw) = metadata.get(name) {
                    let outer = self.message.clone();
                    self.take(raw, depth + 1);
                    if self.message.is_empty() {
                        self.message = outer;
                    }
                }
            }
        }
        for name in ["detail", "errors", "error"] {
            if let Some(inner) = object.get(name) {
                self.take(inner, depth + 1);
            }
        }
    }

    /// A message may hold a whole error as text.
    fn take_text(&mut self, text: &str, depth: usize) {
        self.say(text.trim());
        let inside = text.find('{').zip(text.rfind('}'));
        if let Some((start, end)) = inside.filter(|(start, end)| start < end)
            && let Ok(read) = json::read(&text.as_bytes()[start..=end])
        {
            self.take(&read.value, depth + 1);
        }
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(body: &Value) -> String {
        Rejection::from_body(400, body.to_string().as_bytes()).message
    }

    #[test]
    fn every_shape_gives_its_message() {
        for body in [
            json!({"error": {"message": "bad", "type": null, "param": ["messages", 0], "code": 400}}),
            json!({"object": "error", "message": "bad", "code": 400}),
            json!({"error": "bad"}),
            json!({"detail": "bad"}),
            json!({"detail": [{"loc": ["body"], "msg": "bad"}]}),
            json!([{"error": {"code": 400, "message": "bad"}}]),
            json!({"error": {"message": "proxy: {\"error\":{\"message\":\"bad\"}}"}}),
            json!({"error": {"message": "Provider returned error", "metadata": {"raw": "{\"error\":\"bad\"}"}}}),
            json!("bad"),
        ] {
            assert_eq!(message(&body), "bad", "{body}");
        }
        assert_eq!(Rejection::from_body(500, b"bad\n").message, "bad");
    }

    #[test]
    fn html_is_known_for_what_it_is() {
        let rejection = Rejection::from_body(502, b"\n<html><body>Bad Gateway</body></html>");
        assert!(rejection.html && rejection.message.is_empty());
    }

    #[test]
    fn a_numeric_code_inside_a_good_answer_is_the_status() {
        let wrapped = json!({"error": {"code": 502, "message": "Provider disconnected"}});
        assert_eq!(Rejection::from_value(&wrapped).status, 502);
        assert_eq!(
            Rejection::from_value(&json!({"error": {"message": "x"}})).status,
            200
        );
    }
}
