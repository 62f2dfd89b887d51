//! The transport's boundary: one HTTP request, one answer.
//!
//! The guard of `egress` is the real one; cassettes and replayed records stand in its place in tests. Whoever
//! implements it sends once, follows no redirect and keeps no time.

use async_trait::async_trait;

/// Sends one request.
#[async_trait]
pub trait HttpExchange: Send + Sync {
    /// Sends it and returns as soon as the answer's head is there. Dropping the future gives the request up.
    async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, ExchangeError>;
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The request may not be made, or can never work as it is. The text says what to change.
    #[error("{0}")]
    Refused(String),
    /// The endpoint could not be reached.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("{0}")]
    Timeout(String),
    /// What answered does not speak HTTP.
    #[error("{0}")]
    NotHttp(String),
    /// The connection broke before the answer's head was there.
    #[error("{0}")]
    Broken(String),
}

#[async_trait]
impl HttpExchange for egress::Guard {
    async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, ExchangeError> {
        self.execute(request).await.map_err(|error| {
            let text = with_root(&error);
            match error {
                egress::Error::Forbidden { .. }
                | egress::Error::Client { .. }
                | egress::Error::Request { .. }
                | egress::Error::Tls { .. } => ExchangeError::Refused(text),
                egress::Error::Resolve { .. } | egress::Error::Connect { .. } => {
                    ExchangeError::Unreachable(text)
                }
                egress::Error::Timeout { .. } => ExchangeError::Timeout(text),
                egress::Error::Io { ref source, .. } if is_unreadable(source) => {
                    ExchangeError::NotHttp(format!("{text}: is base_url right?"))
                }
                egress::Error::Io { .. } => ExchangeError::Broken(text),
            }
        })
    }
}

/// Whether bytes came back that are not HTTP, rather than no bytes.
fn is_unreadable(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(http) = error.downcast_ref::<hyper::Error>() {
            return http.is_parse();
        }
        next = error.source();
    }
    false
}

/// An error's text with its deepest source, which names what really happened: `connection refused`.
fn with_root(error: &egress::Error) -> String {
    let mut root: &dyn std::error::Error = error;
    while let Some(source) = root.source() {
        root = source;
    }
    let (text, root) = (error.to_string(), root.to_string());
    if text.contains(&root) {
        text
    } else {
        format!("{text}: {root}")
    }
}
