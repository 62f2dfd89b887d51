//! One request over the OpenAI library, heard out into a draft.
//!
//! The library is used with values of our own and with a Tower service of our own below it; see
//! `docs/adr/0003-model-layer.md`. A client is made for every request, because the service carries the request's
//! own time limits and leaves what the library does not pass on; making one costs a few reference counts.

use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::error::OpenAIError;
use futures_util::StreamExt;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};

use crate::assemble::draft::Draft;
use crate::endpoint::Endpoint;
use crate::exchange::HttpExchange;
use crate::options::{ConfigError, LimitOptions, TimeoutOptions};
use crate::transport::body::Timers;
use crate::transport::error::TransportError;
use crate::transport::{CHUNKS, Capture, Transport};

/// The way to the endpoint.
pub(crate) struct Wire {
    client: Client<Endpoint>,
    exchange: Arc<dyn HttpExchange>,
    limits: LimitOptions,
    timeouts: TimeoutOptions,
}

/// What came back.
pub(crate) struct Heard {
    /// Everything that was said, also if it broke off.
    pub(crate) draft: Draft,
    /// What the library does not pass on.
    pub(crate) capture: Arc<Capture>,
    /// Why it broke off or never began.
    pub(crate) error: Option<TransportError>,
}

impl Wire {
    /// A wire to an endpoint. The library's own HTTP client is never used: every request is given to `exchange`.
    pub(crate) fn new(
        endpoint: Endpoint,
        exchange: Arc<dyn HttpExchange>,
        limits: LimitOptions,
        timeouts: TimeoutOptions,
    ) -> Result<Self, ConfigError> {
        // The library insists on an HTTP client, which only writes the requests. This one trusts no certificate,
        // and so does not need the machine's, which may be missing where the endpoint is a local one.
        let writer = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .map_err(|error| ConfigError::Library(error.to_string()))?;
        Ok(Self {
            client: Client::build(writer, endpoint),
            exchange,
            limits,
            timeouts,
        })
    }

    /// Sends one request, which must be over at `end`.
    pub(crate) async fn send(&self, body: &RawValue, streaming: bool, end: Instant) -> Heard {
        let capture = Arc::new(Capture::default());
        let total = Duration::from_millis(self.timeouts.total_ms);
        let timers = Timers {
            first_byte: Duration::from_millis(self.timeouts.first_byte_ms),
            idle: Duration::from_millis(self.timeouts.idle_ms),
            end: Instant::now()
                .checked_add(total)
                .map_or(end, |at| at.min(end)),
        };
        let client = self.client.clone().with_http_service(Transport {
            exchange: Arc::clone(&self.exchange),
            limits: self.limits,
            timers,
            streaming,
            capture: Arc::clone(&capture),
        });
        let mut draft = Draft::default();
        let error = if streaming {
            self.stream(&client, body, &mut draft).await.err()
        } else {
            unary(&client, body, &mut draft).await.err()
        };
        // A stream that finished and then broke off has said everything.
        let error = error
            .or_else(|| capture.take_failure())
            .filter(|_| !draft.is_finished());
        if capture.has_split_surrogates() {
            draft.rejoin_surrogates();
        }
        Heard {
            draft,
            capture,
            error,
        }
    }

    async fn stream(
        &self,
        client: &Client<Endpoint>,
        body: &RawValue,
        draft: &mut Draft,
    ) -> Result<(), TransportError> {
        let mut stream = client
            .chat()
            .create_stream_byot::<_, Value>(body)
            .await
            .map_err(transport_error)?;
        let grace = Duration::from_millis(self.timeouts.after_finish_ms);
        loop {
            let next = if draft.is_finished() {
                // Only the usage report is still to come, and some servers never close.
                timeout(grace, stream.next()).await.ok().flatten()
            } else {
                stream.next().await
            };
            match next {
                Some(Ok(value)) => absorb(draft, &value),
                // The transport has left the reason with the capture.
                Some(Err(_)) | None => return Ok(()),
            }
        }
    }
}

async fn unary(
    client: &Client<Endpoint>,
    body: &RawValue,
    draft: &mut Draft,
) -> Result<(), TransportError> {
    let answer = client.chat().create_byot::<_, Value>(body).await;
    absorb(draft, &answer.map_err(transport_error)?);
    Ok(())
}

fn absorb(draft: &mut Draft, value: &Value) {
    match value.get(CHUNKS).and_then(Value::as_array) {
        Some(chunks) => chunks.iter().for_each(|chunk| draft.absorb(chunk)),
        None => draft.absorb(value),
    }
}

/// Our own error, as it went through the library. The library's errors may quote bodies, so their texts stay here.
fn transport_error(error: OpenAIError) -> TransportError {
    let unreadable = || TransportError::NotProtocol("the answer could not be read".to_owned());
    if let OpenAIError::Boxed(boxed) = error {
        return boxed
            .downcast::<TransportError>()
            .map_or_else(|_| unreadable(), |error| *error);
    }
    if matches!(
        error,
        OpenAIError::Reqwest(_) | OpenAIError::InvalidArgument(_)
    ) {
        return TransportError::Refused("the request could not be built".to_owned());
    }
    unreadable()
}
