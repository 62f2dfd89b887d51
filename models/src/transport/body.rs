//! Reading an answer's bytes under time and size limits.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::error::TransportError;

/// The time limits of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timers {
    /// Until the first byte.
    pub(crate) first_byte: Duration,
    /// Between two reads.
    pub(crate) idle: Duration,
    /// When everything must be over.
    pub(crate) end: Instant,
}

impl Timers {
    /// When a wait of at most `limit` that begins now must end, and how the limit is called.
    pub(crate) fn until(&self, limit: Duration) -> (Instant, Limit) {
        match Instant::now().checked_add(limit) {
            Some(at) if at < self.end => (at, Limit::Wait(limit)),
            _ => (self.end, Limit::Whole),
        }
    }
}

/// Which limit ran out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// The one for this wait.
    Wait(Duration),
    /// The one for the whole attempt.
    Whole,
}

impl Limit {
    /// The error for a wait for `what`.
    pub(crate) fn error(self, what: &str) -> TransportError {
        TransportError::Timeout(match self {
            Self::Wait(limit) => format!("no {what} within {} s", limit.as_secs()),
            Self::Whole => "no complete answer before the deadline".to_owned(),
        })
    }
}

/// The chunks of an answer.
pub(crate) struct Chunks {
    stream: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    timers: Timers,
    bytes_left: usize,
    bytes_max: usize,
    started: bool,
}

impl Chunks {
    /// Reads `response`, up to `bytes_max`.
    pub(crate) fn new(response: reqwest::Response, timers: Timers, bytes_max: usize) -> Self {
        Self {
            stream: Box::pin(response.bytes_stream()),
            timers,
            bytes_left: bytes_max,
            bytes_max,
            started: false,
        }
    }

    /// The next chunk; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        let (limit, what) = if self.started {
            (self.timers.idle, "further data")
        } else {
            (self.timers.first_byte, "data")
        };
        let (at, limit) = self.timers.until(limit);
        let chunk = timeout_at(at, self.stream.next())
            .await
            .map_err(|_| limit.error(what))?;
        match chunk {
            None => Ok(None),
            Some(Err(_)) => Err(TransportError::Truncated(
                "the connection broke in the middle of the answer".to_owned(),
            )),
            Some(Ok(bytes)) => {
                self.started = true;
                match self.bytes_left.checked_sub(bytes.len()) {
                    Some(left) => self.bytes_left = left,
                    None => {
                        return Err(TransportError::NotProtocol(format!(
                            "the answer is larger than {} bytes",
                            self.bytes_max
                        )));
                    }
                }
                Ok(Some(bytes))
            }
        }
    }

    /// Everything that is still to come, after `head`. An answer that breaks off gives what was there, and why.
    pub(crate) async fn rest(&mut self, head: Vec<u8>) -> (Vec<u8>, Option<TransportError>) {
        let mut body = head;
        loop {
            match self.next().await {
                Ok(Some(bytes)) => body.extend_from_slice(&bytes),
                Ok(None) => return (body, None),
                Err(error) => return (body, Some(error)),
            }
        }
    }
}
