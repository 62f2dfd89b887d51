//! Errors as callers see them: `application/problem+json` with a fixed set of codes.
//!
//! Nothing internal is ever put into one: causes are logged where they are handled, callers get a request id.
//! A problem travels as an extension of an empty response, and `observe` writes its body together with that id.

use agent_core::ports::blobs::BlobError;
use agent_core::ports::store::{DiskFull, StoreError};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, for programs. The set is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Something in the request is not acceptable; `errors` lists what.
    ValidationFailed,
    /// No key, or one that is not valid.
    Unauthorized,
    /// There is no such thing, or it is not yours.
    NotFound,
    /// The idempotency key was used with another request.
    IdempotencyMismatch,
    /// The task's state does not allow it.
    Conflict,
    /// Something is longer than its limit.
    PayloadTooLarge,
    /// Too much at once; try again later.
    RateLimited,
    /// A quota of yours is used up.
    QuotaExceeded,
    /// The task's budget is used up.
    BudgetExhausted,
    /// This method or this action is not allowed.
    NotAllowed,
    /// Something that the server needs does not answer; try again later.
    Unavailable,
    /// A fault of the server.
    Internal,
}

impl Code {
    /// The code as it is written.
    pub fn label(self) -> &'static str {
        match self {
            Self::ValidationFailed => "validation_failed",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::Conflict => "conflict",
            Self::PayloadTooLarge => "payload_too_large",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::BudgetExhausted => "budget_exhausted",
            Self::NotAllowed => "not_allowed",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::ValidationFailed => "The request is not acceptable",
            Self::Unauthorized => "A valid API key is needed",
            Self::NotFound => "Not found",
            Self::IdempotencyMismatch => "The idempotency key was used with another request",
            Self::Conflict => "The task's state does not allow it",
            Self::PayloadTooLarge => "The request is too large",
            Self::RateLimited => "Too much at once",
            Self::QuotaExceeded => "The quota is used up",
            Self::BudgetExhausted => "The budget is used up",
            Self::NotAllowed => "Not allowed",
            Self::Unavailable => "Not available now",
            Self::Internal => "A fault of the server",
        }
    }
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// Where: a JSON pointer into the body, `?name` for a query parameter, `header:name`, or `path:name`.
    #[schema(example = "/files/0/name")]
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

/// The body of every error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemBody {
    /// A URI for the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:errand:problem:validation_failed")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, for people.
    pub detail: String,
    /// What happened, for programs.
    pub code: Code,
    /// Every fault that was found; empty unless the request itself is at fault.
    #[serde(default)]
    pub errors: Vec<Fault>,
    /// The id of the request, as in `x-request-id` and the server's log.
    pub request_id: String,
}

/// An error on its way to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: Code,
    detail: String,
    faults: Vec<Fault>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with a status of its own.
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            faults: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// What went wrong, for programs.
    pub fn code(&self) -> Code {
        self.code
    }

    /// 400 with one fault: the request cannot be read.
    pub fn malformed(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut problem = Self::new(
            StatusCode::BAD_REQUEST,
            Code::ValidationFailed,
            message.clone(),
        );
        problem.faults.push(Fault {
            pointer: pointer.into(),
            message,
        });
        problem
    }

    /// Adds the faults of a request.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<Fault>) -> Self {
        self.faults = faults;
        self
    }

    /// 401 with the challenge that says why.
    pub fn unauthorized(detail: &str) -> Self {
        let challenge = format!(
            "Bearer realm=\"errand\", error=\"invalid_token\", error_description=\"{detail}\""
        );
        Self::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, detail)
            .with_header(header::WWW_AUTHENTICATE, &challenge)
    }

    /// 404.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Code::NotFound,
            format!("there is no such {what}"),
        )
    }

    /// 409.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, Code::Conflict, detail)
    }

    /// 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Code::PayloadTooLarge, detail)
    }

    /// 429.
    pub fn busy(detail: &str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, detail)
            .with_header(header::RETRY_AFTER, "1")
    }

    /// 503.
    pub fn unavailable(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, detail)
            .with_header(header::RETRY_AFTER, "2")
    }

    /// 500; the cause was logged.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::Internal,
            "the server failed; its log has the cause under this request id",
        )
    }

    /// Adds a header. A value that cannot be one is left out, because it only repeats the body.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The body, for the request with this id.
    pub fn body(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: format!("urn:errand:problem:{}", self.code.label()),
            title: self.code.title().to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code,
            errors: self.faults.clone(),
            request_id: request_id.to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers.iter().cloned());
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found("task"),
            StoreError::VersionMoved { .. } => {
                Self::conflict("the task kept changing while the request was decided; try again")
            }
            StoreError::Unavailable(cause) if cause.is::<DiskFull>() => {
                tracing::error!(error = %cause, "the disk of the database is full");
                Self::unavailable("the disk of the database is full; nothing was changed")
            }
            StoreError::Unavailable(cause) => {
                tracing::error!(error = %cause, "the database does not answer");
                Self::unavailable("the database does not answer; nothing was changed")
            }
            StoreError::Stale { .. }
            | StoreError::LeaseLost { .. }
            | StoreError::Corrupt { .. } => {
                tracing::error!(%error, "a store call failed");
                Self::internal()
            }
        }
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Unavailable(cause) => {
                tracing::error!(error = %cause, "the blob store does not answer");
                Self::unavailable("the file store does not answer; nothing was changed")
            }
            BlobError::Missing { .. } | BlobError::Corrupt { .. } => {
                tracing::error!(%error, "a stored body cannot be read");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_down_is_503_with_a_time_to_retry_and_without_its_cause() {
        let problem = Problem::from(StoreError::Unavailable("password=hunter2".into()));
        let body = problem.body("req_1");
        assert_eq!((body.status, body.code), (503, Code::Unavailable));
        assert!(!body.detail.contains("hunter2"));
        let response = problem.into_response();
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}
