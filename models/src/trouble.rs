//! What went wrong with one attempt, as data: the class, what may be done, and what was there already.

use std::time::Duration;

use agent_core::ports::model::{FailureClass, ModelFailure, Usage};

use crate::rejection::Rejection;

/// What was there before it went wrong. For operators and tests; never an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Partial {
    /// Visible text.
    pub text: String,
    /// Thought.
    pub thought: Option<String>,
    /// The model's own words for declining.
    pub refusal: Option<String>,
}

/// Sizes that an endpoint named when it found a request too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// The most it takes.
    pub limit_tokens: Option<u64>,
    /// What was asked for.
    pub requested_tokens: Option<u64>,
    /// The input alone.
    pub input_tokens: Option<u64>,
}

/// A failed question with everything that is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failed {
    /// What the caller of the port gets.
    pub failure: ModelFailure,
    /// What was there before.
    pub partial: Partial,
    /// Sizes that the endpoint named.
    pub sizes: Sizes,
    /// Whether the failure keeps further requests from being sent for a while.
    pub opens_circuit: bool,
}

/// What went wrong with one attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trouble {
    pub(crate) class: FailureClass,
    pub(crate) status: Option<u16>,
    pub(crate) message: String,
    pub(crate) retryable: bool,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) partial: Partial,
    pub(crate) sizes: Sizes,
    pub(crate) usage: Option<Usage>,
    /// The server's own words, from which something may be learned.
    pub(crate) rejection: Option<Box<Rejection>>,
    /// Whether the model asked for tools and then named none.
    pub(crate) lost_calls: bool,
    /// How the answer breaks its schema, for the model only: it may quote the answer.
    pub(crate) violation: Option<String>,
}

impl Trouble {
    /// A trouble of a class, with the class's usual consequences.
    pub(crate) fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            status: None,
            message: message.into(),
            retryable: is_retryable(class),
            retry_after: None,
            partial: Partial::default(),
            sizes: Sizes::default(),
            usage: None,
            rejection: None,
            lost_calls: false,
            violation: None,
        }
    }

    /// Whether the same request may be sent again without any change, after a pause.
    pub(crate) fn wants_pause(&self) -> bool {
        self.retryable
            && matches!(
                self.class,
                FailureClass::RateLimited
                    | FailureClass::ServerError
                    | FailureClass::Timeout
                    | FailureClass::Unreachable
                    | FailureClass::InvalidResponse
                    | FailureClass::StreamTruncated
            )
    }

    /// Whether nothing should be sent to this endpoint for a while.
    pub(crate) fn opens_circuit(&self) -> bool {
        self.class == FailureClass::QuotaExhausted
    }
}

fn is_retryable(class: FailureClass) -> bool {
    match class {
        FailureClass::RateLimited
        | FailureClass::ServerError
        | FailureClass::Timeout
        | FailureClass::Unreachable
        | FailureClass::InvalidResponse
        | FailureClass::StreamTruncated
        | FailureClass::OutputTruncated
        | FailureClass::EmptyAnswer
        | FailureClass::SchemaViolation => true,
        FailureClass::Auth
        | FailureClass::QuotaExhausted
        | FailureClass::ContextOverflow
        | FailureClass::OutputBudgetTooLarge
        | FailureClass::ContentFilter
        | FailureClass::Refusal
        | FailureClass::BadRequest
        | FailureClass::UnsupportedRequest
        | FailureClass::ModelNotFound => false,
    }
}
