//! The transport: a Tower service below the OpenAI library that gives it only what it can read.
//!
//! The library drops the status of oddly shaped errors, cannot read streams where it asked for JSON or JSON where
//! it asked for streams, and logs whole bodies that it cannot decode. So answers are decoded here, by what they
//! are and not by what was asked, and handed on as clean JSON or clean events; everything else is a
//! [`TransportError`]. Nothing here retries, and nothing outlives the question.

pub(crate) mod body;
mod decode;
pub(crate) use decode::CHUNKS;
pub(crate) mod error;
pub(crate) mod hints;
pub(crate) mod json;
pub(crate) mod sse;

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest::header::HeaderMap;
use tokio::time::timeout_at;

use crate::exchange::{ExchangeError, HttpExchange};
use crate::options::LimitOptions;
use crate::rejection::Rejection;
use body::{Chunks, Timers};
use error::TransportError;

/// What the library does not pass on: the answer's headers, and why and how a stream ended.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    retry_after: Mutex<Option<Duration>>,
    failure: Mutex<Option<TransportError>>,
    done: AtomicBool,
    events: AtomicBool,
    split_surrogates: AtomicBool,
}

impl Capture {
    /// The pause that the headers ask for, for errors inside an answer with a good status.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        *lock(&self.retry_after)
    }

    /// Why the stream broke off, if it did.
    pub(crate) fn take_failure(&self) -> Option<TransportError> {
        lock(&self.failure).take()
    }

    /// Whether the stream said that it was over.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Whether the answer was a stream.
    pub(crate) fn was_events(&self) -> bool {
        self.events.load(Ordering::Acquire)
    }

    /// Whether texts hold halves of surrogate pairs.
    pub(crate) fn has_split_surrogates(&self) -> bool {
        self.split_surrogates.load(Ordering::Acquire)
    }

    fn keep_headers(&self, headers: &HeaderMap) {
        *lock(&self.retry_after) = hints::retry_after(headers, "");
    }

    fn fail(&self, error: TransportError) {
        lock(&self.failure).get_or_insert(error);
    }
}

/// A lock whose holder cannot have left a half-made value: every critical section is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The service for one request.
#[derive(Clone)]
pub(crate) struct Transport {
    /// Who sends.
    pub(crate) exchange: Arc<dyn HttpExchange>,
    /// Size limits.
    pub(crate) limits: LimitOptions,
    /// Time limits.
    pub(crate) timers: Timers,
    /// Whether the library will read the answer as a stream.
    pub(crate) streaming: bool,
    /// Where to leave what the library does not pass on.
    pub(crate) capture: Arc<Capture>,
}

impl tower::Service<HttpRequestFactory> for Transport {
    type Response = reqwest::Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let transport = self.clone();
        Box::pin(async move {
            let request = factory.build().await?;
            Ok(transport.run(request).await?)
        })
    }
}

impl Transport {
    async fn run(self, request: reqwest::Request) -> Result<reqwest::Response, TransportError> {
        let (at, limit) = self.timers.until(self.timers.first_byte);
        let response = timeout_at(at, self.exchange.send(request))
            .await
            .map_err(|_| limit.error("answer"))??;
        self.capture.keep_headers(response.headers());
        let status = response.status();
        if status.is_success() {
            return decode::answer(self, response).await;
        }
        if status.is_redirection() {
            return Err(TransportError::NotProtocol(format!(
                "answered {} and points elsewhere, and redirects are not followed: set base_url to the final address",
                status.as_u16()
            )));
        }
        Err(self.rejected(response).await)
    }

    /// Reads an error's body as far as it comes: a slow or cut error is still that error.
    async fn rejected(&self, response: reqwest::Response) -> TransportError {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let timers = Timers {
            first_byte: self.timers.first_byte.min(Duration::from_secs(10)),
            idle: self.timers.idle.min(Duration::from_secs(10)),
            ..self.timers
        };
        let mut chunks = Chunks::new(response, timers, self.limits.error_bytes_max);
        let (body, _) = chunks.rest(Vec::new()).await;
        let mut rejection = Rejection::from_body(status, &body);
        rejection.retry_after = hints::retry_after(&headers, &rejection.message);
        TransportError::Rejected(Box::new(rejection))
    }
}

impl From<ExchangeError> for TransportError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Refused(text) => Self::Refused(text),
            ExchangeError::Unreachable(text) => Self::Unreachable(text),
            ExchangeError::Timeout(text) => Self::Timeout(text),
            ExchangeError::NotHttp(text) => Self::NotProtocol(text),
            ExchangeError::Broken(text) => Self::Truncated(text),
        }
    }
}
