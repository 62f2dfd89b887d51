//! Why a request gave no answer that could be read.

use async_openai::error::OpenAIError;

use crate::rejection::Rejection;

/// What went wrong between the request and a readable answer. Texts hold no key and no body.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum TransportError {
    /// The request may not be made.
    #[error("{0}")]
    Refused(String),
    /// The endpoint could not be reached.
    #[error("{0}")]
    Unreachable(String),
    /// Some time limit ran out.
    #[error("{0}")]
    Timeout(String),
    /// The server answered with an error.
    #[error("status {}", .0.status)]
    Rejected(Box<Rejection>),
    /// What came back is not the protocol.
    #[error("{0}")]
    NotProtocol(String),
    /// The answer broke off.
    #[error("{0}")]
    Truncated(String),
    /// A good status without any content.
    #[error("answered with an empty body")]
    Empty,
}

impl From<TransportError> for OpenAIError {
    fn from(error: TransportError) -> Self {
        Self::Boxed(Box::new(error))
    }
}
