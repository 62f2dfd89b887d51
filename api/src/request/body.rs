//! Reading a request's body within its limits: of one body, of all bodies in memory, and of time.
//!
//! Time limits are kept by the connection (see `server::timed_body`), which ends the body with an error; here that
//! error becomes an answer. A body that is too long is not read to its end: the connection lingers and closes.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::problem::{Code, Problem};

/// Counts the bytes of bodies that are in memory.
#[derive(Debug)]
pub struct Gauge {
    max: u64,
    now: AtomicU64,
}

/// Bytes that one request holds; given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    gauge: Arc<Gauge>,
    bytes: Mutex<u64>,
}

impl Gauge {
    pub fn new(max: u64) -> Arc<Self> {
        Arc::new(Self {
            max,
            now: AtomicU64::new(0),
        })
    }

    /// A holder of no bytes yet.
    pub fn holder(self: &Arc<Self>) -> Arc<Held> {
        Arc::new(Held {
            gauge: Arc::clone(self),
            bytes: Mutex::new(0),
        })
    }
}

impl Held {
    fn add(&self, bytes: u64) -> bool {
        let before = self.gauge.now.fetch_add(bytes, Ordering::AcqRel);
        if before.saturating_add(bytes) > self.gauge.max {
            self.gauge.now.fetch_sub(bytes, Ordering::AcqRel);
            return false;
        }
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let bytes = *self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        self.gauge.now.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// How long one body may be, and the name of that limit.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub bytes_max: u64,
    pub name: &'static str,
}

/// The client sent its body too slowly.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no part of the body came for too long, or all of it took too long")]
pub struct TooSlow;

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is longer than its limit.
    #[error("the body is longer than {} bytes ({})", .0.bytes_max, .0.name)]
    TooLong(Limit),
    /// All bodies together are longer than their limit.
    #[error("too many uploads are in memory")]
    Crowded,
    /// The connection broke, or was too slow.
    #[error("the body could not be read")]
    Broken(#[source] axum::Error),
}

impl From<&ReadError> for Problem {
    fn from(error: &ReadError) -> Self {
        match error {
            ReadError::TooLong(_) => Self::too_large(error.to_string()),
            ReadError::Crowded => Self::busy("too many uploads are under way; try again shortly"),
            ReadError::Broken(cause) if find::<TooSlow>(cause).is_some() => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                Code::ValidationFailed,
                "the request's body did not arrive in time",
            ),
            ReadError::Broken(_) => Self::malformed("", "the request's body ended early"),
        }
    }
}

/// The first error of type `E` among an error and its causes.
pub fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Refuses a body whose stated length is above the limit, before any of it is read.
pub fn check_stated_length(headers: &HeaderMap, limit: Limit) -> Result<(), Problem> {
    let stated = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|bytes| bytes > limit.bytes_max) {
        return Err((&ReadError::TooLong(limit)).into());
    }
    Ok(())
}

/// The body's pieces, counted against its limit and the gauge.
pub fn pieces(
    body: Body,
    limit: Limit,
    held: Arc<Held>,
) -> impl Stream<Item = Result<Bytes, ReadError>> + Send + 'static {
    let mut bytes = 0_u64;
    body.into_data_stream().map(move |piece| {
        let piece = piece.map_err(ReadError::Broken)?;
        let length = piece.len() as u64;
        bytes = bytes.saturating_add(length);
        if bytes > limit.bytes_max {
            return Err(ReadError::TooLong(limit));
        }
        if !held.add(length) {
            return Err(ReadError::Crowded);
        }
        Ok(piece)
    })
}

/// The whole body.
pub async fn read(body: Body, limit: Limit, held: &Arc<Held>) -> Result<Vec<u8>, Problem> {
    let mut all = Vec::new();
    let mut pieces = std::pin::pin!(pieces(body, limit, Arc::clone(held)));
    while let Some(piece) = pieces.next().await {
        all.extend_from_slice(&piece.map_err(|error| Problem::from(&error))?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_bytes_are_given_back_and_a_refused_piece_is_not_counted() {
        let gauge = Gauge::new(10);
        let held = gauge.holder();
        assert!(held.add(8));
        assert!(!held.add(3));
        assert!(held.add(2));
        drop(held);
        assert_eq!(gauge.now.load(Ordering::Acquire), 0);
    }
}
