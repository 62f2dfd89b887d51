//! Reading a lesson out of a refusal.
//!
//! A lesson is only drawn if it would change the request: what cannot be changed is an error for the operator.

use serde_json::{Map, Value};

use super::images::images;
use super::{Lesson, Profile};
use crate::options::{MaxTokensField, ReasoningReplay, Structured, SystemRole, ToolMode};
use crate::rejection::Rejection;
use crate::trouble::Sizes;

/// Ways of saying that something is not taken.
pub(super) const REFUSALS: [&str; 16] = [
    "unsupported",
    "not support",
    "n't support",
    "unknown",
    "unrecognized",
    "unrecognised",
    "unexpected",
    "not permitted",
    "not allowed",
    "not available",
    "unavailable",
    "no longer",
    "cannot be used",
    "deprecated",
    "not compatible",
    "must be removed",
];

/// Sampling parameters, which models that refuse one refuse together.
const SAMPLING: [&str; 2] = ["temperature", "top_p"];

/// Fields without which there is no request.
const ESSENTIAL: [&str; 6] = [
    "model",
    "messages",
    "stream",
    "tools",
    "response_format",
    "max_tokens",
];

/// The change to the profile that answers a refusal, if there is one that would change the request.
pub(crate) fn lesson(
    rejection: &Rejection,
    sizes: Sizes,
    profile: &Profile,
    body: &Map<String, Value>,
) -> Option<Lesson> {
    if !matches!(
        rejection.status,
        200 | 400 | 404 | 405 | 415 | 422 | 500 | 501
    ) {
        return None;
    }
    images(rejection, body)
        .or_else(|| stream(rejection, profile))
        .or_else(|| output(rejection, sizes, profile, body))
        .or_else(|| replay(rejection, body))
        .or_else(|| effort(rejection, body))
        .or_else(|| structured(rejection, profile, body))
        .or_else(|| tools(rejection, profile, body))
        .or_else(|| roles(rejection, profile, body))
        .or_else(|| parameter(rejection, profile, body))
        .filter(|lesson| {
            let mut changed = profile.clone();
            changed.apply(lesson.clone());
            changed != *profile
        })
}

fn stream(rejection: &Rejection, profile: &Profile) -> Option<Lesson> {
    let only = rejection.says(&[
        "only support stream",
        "only supports stream",
        "stream mode only",
        "streaming only",
        "must be streamed",
        "set stream=true",
        "stream must be true",
        "stream=true is required",
        "requires stream",
        "enable the stream",
        "for non-streaming calls",
        "non-streaming is not supported",
    ]);
    if only && !profile.streaming {
        return Some(Lesson::Streaming(true));
    }
    let never = rejection.says(&[
        "streaming is not supported",
        "stream is not supported",
        "does not support streaming",
        "does not support stream",
        "'stream' does not support true",
        "streaming not supported",
        "stream mode is not supported",
    ]);
    (never && profile.streaming).then_some(Lesson::Streaming(false))
}

fn output(
    rejection: &Rejection,
    sizes: Sizes,
    profile: &Profile,
    body: &Map<String, Value>,
) -> Option<Lesson> {
    let sent = profile.max_tokens_field;
    let asked = body.get(sent.label())?.as_u64()?;
    let other = match sent {
        MaxTokensField::MaxTokens => MaxTokensField::MaxCompletionTokens,
        MaxTokensField::MaxCompletionTokens => MaxTokensField::MaxTokens,
    };
    let names_sent = rejection.param.as_deref() == Some(sent.label())
        || rejection.says(&[&format!("'{}'", sent.label()), sent.label()]);
    let is_refused = rejection.reasons(&REFUSALS)
        && !rejection.says(&["too large", "maximum", "at most", "range of"]);
    if names_sent
        && (is_refused && sizes.limit_tokens.is_none())
        && (rejection.says(&[other.label(), "unsupported_parameter", "not permitted"])
            || rejection.param.as_deref() == Some(sent.label()))
    {
        return Some(Lesson::MaxTokensField(other));
    }
    // The limit counts input and output together where the input is named too.
    let room = match (sizes.limit_tokens?, sizes.input_tokens) {
        (limit, Some(input)) => limit.checked_sub(input)?,
        (limit, None) => limit,
    };
    (room > 0 && room < asked).then_some(Lesson::OutputMax(room))
}

fn replay(rejection: &Rejection, body: &Map<String, Value>) -> Option<Lesson> {
    let field = ["reasoning_content", "reasoning_details", "reasoning"]
        .into_iter()
        .find(|field| mentions(&rejection.said, field))?;
    let has_history = body["messages"]
        .as_array()?
        .iter()
        .any(|message| message["role"] == "assistant");
    // A complaint about the parameter `reasoning` or `reasoning_effort` is not about the thought.
    if !has_history
        || (field == "reasoning" && !rejection.says(&["message", "passed back", "history"]))
    {
        return None;
    }
    let forbidden = rejection.reasons(&[
        "not allowed",
        "not permitted",
        "not supported",
        "should not",
        "must not",
        "cannot be",
        "unexpected",
        "unknown",
        "unrecognized",
        "unsupported",
        "remove",
        "not accept",
    ]);
    let wanted = rejection.reasons(&[
        "must be passed back",
        "must be provided",
        "passed back",
        "is missing",
        "missing",
        "required",
        "must be included",
        "must include",
        "must contain",
        "must have",
        "expected",
    ]);
    // "unexpected" holds "expected", so what is forbidden is asked first.
    if forbidden {
        return Some(Lesson::Replay(ReasoningReplay::Never, None));
    }
    let replay = if field == "reasoning_details" {
        ReasoningReplay::Details
    } else {
        ReasoningReplay::ToolTurns
    };
    wanted.then(|| Lesson::Replay(replay, Some(field.to_owned())))
}

fn effort(rejection: &Rejection, body: &Map<String, Value>) -> Option<Lesson> {
    const FIELD: &str = "reasoning_effort";
    let sent = body.get(FIELD)?.as_str()?;
    if !(rejection.said.contains(FIELD) || rejection.param.as_deref() == Some(FIELD)) {
        return None;
    }
    let offers_none = rejection.says(&["'none'", "\"none\"", "`none`", "to none", "effort none"]);
    if rejection.says(&["tool"]) && offers_none && sent != "none" {
        return Some(Lesson::Effort("none".to_owned()));
    }
    rejection
        .reasons(&REFUSALS)
        .then(|| Lesson::Drop(vec![FIELD.to_owned()]))
}

fn structured(
    rejection: &Rejection,
    profile: &Profile,
    body: &Map<String, Value>,
) -> Option<Lesson> {
    let format = body.get("response_format")?;
    if rejection.says(&[
        "contain the word 'json'",
        "contain the word \"json\"",
        "contain the word json",
        "the word 'json'",
        "the word json",
    ]) && !profile.say_json
    {
        return Some(Lesson::SayJson);
    }
    let about = rejection.says(&[
        "response_format",
        "json_schema",
        "json_object",
        "response format",
        "structured output",
        "json mode",
        "guided",
    ]) || rejection
        .param
        .as_deref()
        .is_some_and(|param| param.starts_with("response_format"));
    if !about {
        return None;
    }
    let about_schema = rejection.says(&["invalid schema", "additionalproperties", "strict"]);
    if about_schema && format.pointer("/json_schema/strict") == Some(&Value::Bool(true)) {
        return Some(Lesson::LaxSchema);
    }
    match profile.structured {
        Structured::JsonSchema => Some(Lesson::Structured(Structured::JsonObject)),
        Structured::JsonObject => Some(Lesson::Structured(Structured::Prompted)),
        Structured::Prompted => None,
    }
}

fn tools(rejection: &Rejection, profile: &Profile, body: &Map<String, Value>) -> Option<Lesson> {
    body.get("tools")?;
    let about = rejection.says(&[
        "not support tools",
        "n't support tools",
        "not support tool",
        "not support function",
        "n't support function",
        "tools are not supported",
        "tools is not supported",
        "tool use is not supported",
        "tool calling is not supported",
        "tool calls are not supported",
        "function calling is not",
        "function calls are not",
        "not support tool_choice",
        "no endpoints found that support tool",
        "'tools' is not supported",
        "unsupported parameter: 'tools'",
        "unsupported parameter: tools",
        "--enable-auto-tool-choice",
        "tools param requires --jinja",
        "does not currently support tool",
    ]) || (rejection.param.as_deref() == Some("tools")
        && rejection.says(&["unsupported", "not support"]));
    (about && profile.tool_mode == ToolMode::Native).then_some(Lesson::PromptedTools)
}

fn roles(rejection: &Rejection, profile: &Profile, body: &Map<String, Value>) -> Option<Lesson> {
    let messages = body["messages"].as_array()?;
    let role = messages.first()?.get("role")?.as_str()?;
    let quoted = |role: &str| {
        rejection.says(&[
            &format!("'{role}'"),
            &format!("\"{role}\""),
            &format!("`{role}`"),
            &format!("{role} role"),
            &format!("role {role}"),
            &format!("{role} message"),
            &format!("{role} prompt"),
            &format!("{role} instruction"),
        ])
    };
    if matches!(role, "system" | "developer") && quoted(role) && rejection.reasons(&REFUSALS) {
        let instead = match role {
            "system"
                if rejection.says(&["developer"]) && profile.system_role == SystemRole::System =>
            {
                SystemRole::Developer
            }
            "developer"
                if rejection.says(&["system"])
                    && profile.system_role == SystemRole::Developer
                    && profile.options.system_role == SystemRole::Developer =>
            {
                SystemRole::System
            }
            _ => SystemRole::UserFold,
        };
        return Some(Lesson::SystemRole(instead));
    }
    let lacks_text = messages.iter().any(|message| message["content"].is_null());
    let about_text = rejection.said.contains("content")
        && rejection.says(&[
            "null",
            "none",
            "required",
            "valid string",
            "missing",
            "nil",
            "empty",
        ]);
    (lacks_text && about_text).then_some(Lesson::EmptyText)
}

/// A parameter that is named as the culprit and can be left out.
fn parameter(
    rejection: &Rejection,
    profile: &Profile,
    body: &Map<String, Value>,
) -> Option<Lesson> {
    if !rejection.reasons(&REFUSALS) {
        return None;
    }
    let optional = |name: &str| {
        body.contains_key(name) && !ESSENTIAL.contains(&name) && !profile.drop_params.contains(name)
    };
    let named = rejection.param.as_deref().filter(|name| optional(name));
    let culprit = named.map(str::to_owned).or_else(|| {
        let mut candidates = body.keys().filter(|name| optional(name));
        candidates
            .find(|name| mentions(&rejection.said, name))
            .cloned()
    })?;
    if SAMPLING.contains(&culprit.as_str()) {
        return Some(Lesson::Drop(SAMPLING.map(str::to_owned).to_vec()));
    }
    Some(Lesson::Drop(vec![culprit]))
}

/// Whether a text names a parameter as a word of its own.
fn mentions(said: &str, name: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    said.match_indices(name).any(|(at, _)| {
        let before = said[..at].chars().next_back();
        let after = said[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::options::RoleOptions;

    fn learned(message: &str, param: Option<&str>, body: &Value) -> Option<Lesson> {
        let rejection = Rejection {
            status: 400,
            message: message.to_owned(),
            said: message.to_lowercase(),
            param: param.map(str::to_owned),
            ..Rejection::default()
        };
        let options = RoleOptions {
            streaming: body["stream"] == true,
            ..RoleOptions::default()
        };
        let profile = Profile::new(&options, &[]);
        lesson(
            &rejection,
            Sizes::default(),
            &profile,
            body.as_object().unwrap(),
        )
    }

    #[test]
    fn a_named_parameter_is_dropped_and_a_vital_one_is_not() {
        let body = json!({"model": "m", "messages": [], "seed": 1, "stream": false});
        assert_eq!(
            learned("Unrecognized request argument supplied: seed", None, &body),
            Some(Lesson::Drop(vec!["seed".to_owned()]))
        );
        assert_eq!(learned("Invalid value for top_k", None, &body), None);
        assert_eq!(learned("messages: invalid", Some("messages"), &body), None);
    }

    #[test]
    fn standing_rules_move_where_the_endpoint_wants_them() {
        let body = json!({"messages": [{"role": "system", "content": "x"}]});
        let message =
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.";
        assert_eq!(
            learned(message, Some("messages[0].role"), &body),
            Some(Lesson::SystemRole(SystemRole::UserFold))
        );
        let message = "'system' is not supported. Use 'developer' instead.";
        assert_eq!(
            learned(message, None, &body),
            Some(Lesson::SystemRole(SystemRole::Developer))
        );
    }

    #[test]
    fn structured_answers_step_down_one_form_at_a_time() {
        let body =
            json!({"messages": [], "response_format": {"type": "json_schema", "json_schema": {}}});
        assert_eq!(
            learned("This response_format type is unavailable now", None, &body),
            Some(Lesson::Structured(Structured::JsonObject))
        );
    }

    #[test]
    fn a_complaint_without_a_cure_teaches_nothing() {
        let body = json!({"messages": [], "stream": false});
        assert_eq!(learned("model does not support tools", None, &body), None);
        assert_eq!(learned("bad", None, &body), None);
    }
}
