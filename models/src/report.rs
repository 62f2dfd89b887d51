//! Failures in words that an operator can act on: where, what, and what to look at. Never a key, never a body.

use agent_core::ports::model::FailureClass;

use crate::endpoint::Endpoint;
use crate::trouble::Trouble;

/// A server's own words are cut here.
const WORDS_MAX: usize = 300;

/// The failure's message.
pub(crate) fn words(endpoint: &Endpoint, model: &str, trouble: &Trouble) -> String {
    let label = endpoint.label();
    let what = match &trouble.rejection {
        Some(rejection) if rejection.html => {
            format!(
                "answered {} with HTML, not JSON{}",
                rejection.status,
                hint(trouble.class, model)
            )
        }
        Some(rejection) => {
            let said = one_line(&endpoint.redact(&rejection.message));
            let said = if said.is_empty() {
                String::new()
            } else {
                format!(": {said}")
            };
            format!(
                "answered {}{said}{}",
                rejection.status,
                hint(trouble.class, model)
            )
        }
        None => one_line(&endpoint.redact(&trouble.message)),
    };
    format!("{label}: {what}")
}

fn hint(class: FailureClass, model: &str) -> String {
    match class {
        FailureClass::Auth => " (is api_key right, and may it use this model?)".to_owned(),
        FailureClass::ModelNotFound => {
            format!(" (are the model name {model:?} and base_url right?)")
        }
        FailureClass::InvalidResponse => " (is base_url right?)".to_owned(),
        FailureClass::QuotaExhausted => " (the account needs credit or a larger quota)".to_owned(),
        FailureClass::RateLimited
        | FailureClass::ServerError
        | FailureClass::Timeout
        | FailureClass::Unreachable
        | FailureClass::StreamTruncated
        | FailureClass::ContextOverflow
        | FailureClass::OutputBudgetTooLarge
        | FailureClass::OutputTruncated
        | FailureClass::EmptyAnswer
        | FailureClass::ContentFilter
        | FailureClass::Refusal
        | FailureClass::SchemaViolation
        | FailureClass::BadRequest
        | FailureClass::UnsupportedRequest => String::new(),
    }
}

fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|character| !character.is_control());
    if let Some((at, _)) = line.char_indices().nth(WORDS_MAX) {
        line.truncate(at);
        line.push('…');
    }
    line
}
