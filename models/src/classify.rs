//! Sorting what servers say into classes.
//!
//! Status first, then words: the same words mean different things under different statuses, and most servers put
//! the real reason only into the words.

use agent_core::ports::model::FailureClass;

use crate::options::QuotaMeaning;
use crate::rejection::Rejection;
use crate::sizes::{number_before, sizes};
use crate::trouble::Sizes;

/// A class and the sizes that were named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Classified {
    pub(crate) class: FailureClass,
    pub(crate) sizes: Sizes,
}

/// Sorts a rejection.
pub(crate) fn classify(rejection: &Rejection, quota: QuotaMeaning) -> Classified {
    let sizes = sizes(rejection);
    let class = match rejection.status {
        401 => FailureClass::Auth,
        402 => FailureClass::QuotaExhausted,
        403 => forbidden(rejection),
        404 | 410 => not_found(rejection),
        408 | 499 => FailureClass::Timeout,
        409 | 423 | 425 => FailureClass::ServerError,
        413 => FailureClass::ContextOverflow,
        429 => too_many(rejection, quota),
        405 | 415 | 501 => FailureClass::UnsupportedRequest,
        500.. => by_size(rejection, sizes).unwrap_or(FailureClass::ServerError),
        400..=499 => by_words(rejection, sizes, quota).unwrap_or(FailureClass::BadRequest),
        // An error inside an answer with a good status and without a status of its own.
        _ => by_words(rejection, sizes, quota).unwrap_or_else(|| {
            if rejection.says(&[
                "invalid_request",
                "invalid request",
                "invalidparameter",
                "invalid_parameter",
                "invalid parameter",
                "badrequest",
                "bad request",
            ]) {
                FailureClass::BadRequest
            } else {
                FailureClass::ServerError
            }
        }),
    };
    let is_about_size = matches!(
        class,
        FailureClass::ContextOverflow | FailureClass::OutputBudgetTooLarge
    );
    Classified {
        class,
        // A rate limit names numbers too, but they are not the model's.
        sizes: if is_about_size {
            sizes
        } else {
            Sizes::default()
        },
    }
}

fn forbidden(rejection: &Rejection) -> FailureClass {
    if is_filtered(rejection) {
        FailureClass::ContentFilter
    } else if is_out_of_money(rejection) {
        FailureClass::QuotaExhausted
    } else if is_unknown_model(rejection) {
        FailureClass::ModelNotFound
    } else {
        FailureClass::Auth
    }
}

fn not_found(rejection: &Rejection) -> FailureClass {
    if rejection.html || (rejection.message.is_empty() && rejection.said.is_empty()) {
        return FailureClass::InvalidResponse;
    }
    if needs_other_wire(rejection) {
        return FailureClass::UnsupportedRequest;
    }
    FailureClass::ModelNotFound
}

fn too_many(rejection: &Rejection, quota: QuotaMeaning) -> FailureClass {
    // One request above the limit of a whole minute never gets through.
    if rejection.says(&["request too large"]) {
        return FailureClass::ContextOverflow;
    }
    let permanent = quota == QuotaMeaning::Permanent
        && (is_code(rejection, "insufficient_quota") || is_out_of_money(rejection));
    if permanent {
        FailureClass::QuotaExhausted
    } else {
        FailureClass::RateLimited
    }
}

fn by_words(rejection: &Rejection, sizes: Sizes, quota: QuotaMeaning) -> Option<FailureClass> {
    if let Some(class) = by_size(rejection, sizes) {
        return Some(class);
    }
    if is_filtered(rejection) {
        return Some(FailureClass::ContentFilter);
    }
    if is_out_of_money(rejection) || is_code(rejection, "insufficient_quota") {
        return Some(too_many(rejection, quota));
    }
    if rejection.says(&[
        "invalid api key",
        "invalid_api_key",
        "incorrect api key",
        "api key not valid",
        "authentication_error",
        "no auth credentials",
        "unauthorized",
        "invalid token",
    ]) {
        return Some(FailureClass::Auth);
    }
    if is_unknown_model(rejection) {
        return Some(FailureClass::ModelNotFound);
    }
    if rejection.says(&[
        "rate limit",
        "rate_limit",
        "ratelimit",
        "too many requests",
        "throttl",
        "slow down",
    ]) {
        return Some(FailureClass::RateLimited);
    }
    if needs_other_wire(rejection)
        || rejection.says(&[
            "unsupported_parameter",
            "unsupported_value",
            "unsupported_country",
        ])
    {
        return Some(FailureClass::UnsupportedRequest);
    }
    if rejection.status != 200 {
        return None;
    }
    if rejection.says(&["timed out", "timeout"]) {
        return Some(FailureClass::Timeout);
    }
    rejection
        .says(&[
            "overloaded",
            "server_error",
            "internal error",
            "unavailable",
        ])
        .then_some(FailureClass::ServerError)
}

fn is_code(rejection: &Rejection, code: &str) -> bool {
    [&rejection.code, &rejection.kind]
        .into_iter()
        .flatten()
        .any(|said| said.eq_ignore_ascii_case(code))
}

fn is_filtered(rejection: &Rejection) -> bool {
    rejection.says(&[
        "content_filter",
        "content filter",
        "content_policy",
        "content policy",
        "content management policy",
        "datainspectionfailed",
        "data_inspection_failed",
        "inappropriate content",
        "moderation",
        "flagged",
        "content exists risk",
    ])
}

fn is_out_of_money(rejection: &Rejection) -> bool {
    rejection.says(&[
        "insufficient balance",
        "insufficient_balance",
        "insufficient credit",
        "insufficient funds",
        "arrearage",
        "credit balance",
        "out of credits",
        "overdue",
        "billing_not_active",
        "billing_hard_limit",
        "account is not active",
        "payment required",
    ])
}

fn is_unknown_model(rejection: &Rejection) -> bool {
    rejection.says(&[
        "model_not_found",
        "model not found",
        "model not exist",
        "model does not exist",
        "not a valid model",
        "unknown model",
        "no such model",
        "invalid model name",
        "model_not_supported",
        "model is not available",
        "do not have access to model",
        "does not have access to model",
        "does not exist or you do not have access",
    ])
}

fn needs_other_wire(rejection: &Rejection) -> bool {
    rejection.says(&[
        "only supported in v1/responses",
        "not a chat model",
        "not supported in the v1/chat/completions",
        "not supported with the chat",
        "does not support chat completions",
        "does not support the chat",
    ])
}

/// Too much input, too much wanted output, or neither.
fn by_size(rejection: &Rejection, sizes: Sizes) -> Option<FailureClass> {
    let about_context = rejection.says(&[
        "context length",
        "context_length",
        "context window",
        "context size",
        "context_size",
        "maximum context",
        "exceed_context",
        "range of input length",
        "prompt is too long",
        "input is too long",
        "prompt too long",
        "prompt exceeds",
        "input length",
        "input tokens exceed",
        "too many tokens",
        "maximum prompt length",
        "reduce the length of the",
        "max_model_len",
        "string_above_max_length",
        "initial prompt is greater",
        "input token count",
    ]) || sizes_are_fields(rejection);
    let about_output = rejection.says(&[
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "in the output)",
        "completion tokens",
        "output tokens",
    ]);
    let too_large = rejection.says(&[
        "too large",
        "too high",
        "too big",
        "range of max_tokens",
        "less than or equal",
        "at most",
        "exceeds the",
        "exceeds maximum",
        "cannot exceed",
        "must be between",
        "in the range",
        "invalid max_tokens",
        "maximum allowed",
        "<=",
    ]);
    if about_output && too_large && !output_is_the_smaller_part(rejection) {
        return Some(FailureClass::OutputBudgetTooLarge);
    }
    if about_context {
        let output = number_before(&rejection.said, " in the output)");
        let is_output = output
            .zip(sizes.limit_tokens)
            .is_some_and(|(output, limit)| output * 2 > limit);
        return Some(if is_output {
            FailureClass::OutputBudgetTooLarge
        } else {
            FailureClass::ContextOverflow
        });
    }
    None
}

fn sizes_are_fields(rejection: &Rejection) -> bool {
    rejection
        .context_tokens
        .zip(rejection.prompt_tokens)
        .is_some_and(|(limit, prompt)| prompt > limit)
}

/// `(123137 in the messages, 8192 in the completion)`: then the input is the culprit.
fn output_is_the_smaller_part(rejection: &Rejection) -> bool {
    let input = number_before(&rejection.said, " in the messages");
    let output = number_before(&rejection.said, " in the completion")
        .or_else(|| number_before(&rejection.said, " in the output"));
    input
        .zip(output)
        .is_some_and(|(input, output)| input > output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, message: &str) -> Classified {
        let body = serde_json::json!({"error": {"message": message}}).to_string();
        let rejection = Rejection::from_body(status, body.as_bytes());
        classify(&rejection, QuotaMeaning::Permanent)
    }

    #[test]
    fn too_much_output_is_told_from_too_much_input() {
        for (message, class) in [
            (
                "max_tokens is too large: 50000. This model supports at most 16384 completion tokens.",
                FailureClass::OutputBudgetTooLarge,
            ),
            (
                "Range of max_tokens should be [1, 8192]",
                FailureClass::OutputBudgetTooLarge,
            ),
            (
                "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
                FailureClass::OutputBudgetTooLarge,
            ),
            (
                "prompt is too long: 213462 tokens > 200000 maximum",
                FailureClass::ContextOverflow,
            ),
        ] {
            assert_eq!(said(400, message).class, class, "{message}");
        }
    }

    #[test]
    fn words_decide_under_the_same_status() {
        for (status, message, class) in [
            (400, "Model Not Exist", FailureClass::ModelNotFound),
            (
                400,
                "Access denied, please make sure your account is in good standing. Arrearage",
                FailureClass::QuotaExhausted,
            ),
            (
                400,
                "Output data may contain inappropriate content.",
                FailureClass::ContentFilter,
            ),
            (403, "Country not supported", FailureClass::Auth),
            (404, "Not Found", FailureClass::ModelNotFound),
            (
                500,
                "context length exceeded",
                FailureClass::ContextOverflow,
            ),
            (529, "Overloaded", FailureClass::ServerError),
            (422, "Field required", FailureClass::BadRequest),
        ] {
            assert_eq!(said(status, message).class, class, "{message}");
        }
    }
}
