//! The way from what was decided to what is stored, and back: bodies are split, and long ones put into blobs first.
//!
//! A blob is put before the commit that names it; a crash in between leaves an orphan blob, never a dangling name.

use serde_json::Value;

use crate::blob::{BlobRef, INLINE_BYTES_MAX, Stored};
use crate::event::{
    EVENT_FORMAT, Event, EventBody, NewEvent, PreparedEvent, Undecodable, read_body,
};
use crate::id::TenantId;
use crate::ports::blobs::{BlobError, Blobs};

/// Why a body could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The blob store gave no answer.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The text means nothing.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
}

/// Puts `text` out of line if it is long.
///
/// # Errors
/// [`BlobError`] when the blob could not be put.
pub async fn store_text(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    text: String,
) -> Result<Stored, BlobError> {
    if text.len() <= INLINE_BYTES_MAX {
        return Ok(Stored::Inline(text));
    }
    Ok(Stored::Blob(blobs.put(tenant, text.into_bytes()).await?))
}

/// The text of a stored body.
///
/// # Errors
/// [`BlobError`] when the blob cannot be had.
pub async fn load_text(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    stored: &Stored,
) -> Result<String, BlobError> {
    match stored {
        Stored::Inline(text) => Ok(text.clone()),
        Stored::Blob(blob) => {
            let bytes = blobs.get(tenant, &blob.hash).await?;
            String::from_utf8(bytes).map_err(|_| BlobError::Corrupt {
                hash: blob.hash.clone(),
            })
        }
    }
}

/// A stored body as JSON.
///
/// # Errors
/// [`ReadError`] when it cannot be had, or is not JSON.
pub async fn load_json(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    stored: &Stored,
) -> Result<Value, ReadError> {
    let text = load_text(blobs, tenant, stored).await?;
    serde_json::from_str(&text).map_err(|error| {
        Undecodable {
            kind: "body".to_owned(),
            reason: error.to_string(),
        }
        .into()
    })
}

/// Splits an event and puts its long parts out of line.
///
/// # Errors
/// [`BlobError`] when a blob could not be put.
pub async fn prepare(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    event: &NewEvent,
) -> Result<PreparedEvent, BlobError> {
    let (public, private) = event.split();
    Ok(PreparedEvent {
        kind: event.body.kind(),
        step: event.step.clone(),
        public: store_text(blobs, tenant, public.to_string()).await?,
        private: store_text(blobs, tenant, private.to_string()).await?,
    })
}

/// [`prepare`] for several events.
///
/// # Errors
/// [`BlobError`] when a blob could not be put.
pub async fn prepare_all(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    events: &[NewEvent],
) -> Result<Vec<PreparedEvent>, BlobError> {
    let mut prepared = Vec::with_capacity(events.len());
    for event in events {
        prepared.push(prepare(blobs, tenant, event).await?);
    }
    Ok(prepared)
}

/// Reads a stored event's body.
///
/// # Errors
/// [`ReadError`] when a part cannot be had or means nothing.
pub async fn read(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    event: &Event,
) -> Result<EventBody, ReadError> {
    if event.v > EVENT_FORMAT {
        let reason = format!("format {} was written by a newer release", event.v);
        return Err(Undecodable {
            kind: event.kind.clone(),
            reason,
        }
        .into());
    }
    let public = load_json(blobs, tenant, &event.public).await?;
    let private = load_json(blobs, tenant, &event.private).await?;
    Ok(read_body(&event.kind, public, private)?)
}

/// Every blob that some prepared events name, for the rows that the commit inserts.
pub fn named_blobs(events: &[PreparedEvent]) -> Vec<BlobRef> {
    events
        .iter()
        .flat_map(|event| [event.public.blob(), event.private.blob()])
        .flatten()
        .cloned()
        .collect()
}
