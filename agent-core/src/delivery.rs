//! Deliveries: one webhook message and the schedule of its attempts.
//!
//! The message is written once, in the commit that ended the task, and never changes: receivers see the same id
//! and the same bytes at every attempt.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::id::{DeliveryId, WebhookId};
use crate::secret::{Sealed, Secret};
use crate::task::{Task, TaskState};

/// Delays before each attempt after the first, on average, in milliseconds: each is anything from nothing to twice as much, so
/// that messages that failed together do not come together again.
pub const SCHEDULE_MS: [u64; 8] = [
    5_000,
    5 * 60_000,
    30 * 60_000,
    2 * 3_600_000,
    5 * 3_600_000,
    10 * 3_600_000,
    14 * 3_600_000,
    20 * 3_600_000,
];

/// A message to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Identity; receivers see it as `webhook-id`.
    pub id: DeliveryId,
    /// Where it goes.
    pub webhook: WebhookId,
    /// `task.succeeded` and the like.
    pub kind: String,
    /// The exact body.
    pub body: String,
}

/// A message with what is needed to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Identity; receivers see it as `webhook-id`.
    pub id: DeliveryId,
    /// Target.
    pub url: String,
    /// The sealed signing secret.
    pub secret: Sealed,
    /// Associated data that the secret was sealed with.
    pub webhook: WebhookId,
    /// `task.succeeded` and the like.
    pub kind: String,
    /// The exact body.
    pub body: String,
    /// Attempts made so far.
    pub attempts: u32,
}

/// What signing secrets begin with.
const SECRET_PREFIX: &str = "whsec_";
/// How many bytes a signing secret may have, as Standard Webhooks says.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a text is no signing secret. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhookSecret {
    /// The prefix is missing.
    #[error("expected whsec_ and 24 to 64 bytes in base64, found no whsec_")]
    Prefix,
    /// What follows the prefix is not base64.
    #[error("expected whsec_ and 24 to 64 bytes in base64, found something else after whsec_")]
    Base64,
    /// Too short or too long.
    #[error("expected whsec_ and 24 to 64 bytes in base64, found {bytes} bytes")]
    Length {
        /// How many bytes there are.
        bytes: usize,
    },
}

/// The key bytes of a signing secret: `whsec_` and 24 to 64 bytes in padded base64.
pub fn parse_webhook_secret(text: &str) -> Result<Vec<u8>, InvalidWebhookSecret> {
    let encoded = text
        .strip_prefix(SECRET_PREFIX)
        .ok_or(InvalidWebhookSecret::Prefix)?;
    let key = BASE64
        .decode(encoded.as_bytes())
        .map_err(|_| InvalidWebhookSecret::Base64)?;
    if SECRET_BYTES.contains(&key.len()) {
        Ok(key)
    } else {
        Err(InvalidWebhookSecret::Length { bytes: key.len() })
    }
}

/// The text of a new signing secret, from bytes that nobody can guess.
pub fn new_webhook_secret(random: [u8; 32]) -> Secret {
    Secret::new(format!("{SECRET_PREFIX}{}", BASE64.encode(&random)))
}

/// A webhook to be registered with a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Identity.
    pub id: WebhookId,
    /// Target.
    pub url: String,
    /// The sealed signing secret.
    pub secret: Sealed,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be sent, or to be sent again.
    Pending,
    /// A receiver answered 2xx.
    Delivered,
    /// Every attempt failed, or the receiver said 410.
    Abandoned,
}

impl DeliveryState {
    /// The state's name in the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What one attempt changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPatch {
    /// The message.
    pub id: DeliveryId,
    /// Attempts made, this one included.
    pub attempts: u32,
    /// Where it stands now.
    pub state: DeliveryState,
    /// What went wrong at this attempt, for the owner of the task.
    pub error: Option<String>,
}

/// Longest part of the answer that a message carries, in bytes; the whole answer is in the API.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// The body of a message about `task`, which has just entered `state`.
///
/// `timestamp` is the RFC 3339 time of the change and `answer` the result in words, if there is one.
pub fn message(
    task: &Task,
    state: TaskState,
    timestamp: &str,
    answer: Option<&str>,
    error: Option<&str>,
) -> (String, String) {
    let kind = format!("task.{}", state.label());
    let mut data = json!({
        "id": task.id,
        "state": state.label(),
        "title": task.title,
        "metadata": task.metadata,
        "url": format!("/v1/tasks/{}", task.id),
    });
    if let Some(answer) = answer {
        let cut = cut_at(answer, ANSWER_BYTES_MAX);
        data["answer"] = Value::from(cut);
        data["answer_is_cut"] = Value::from(cut.len() < answer.len());
    }
    if let Some(error) = error {
        data["error"] = Value::from(cut_at(error, ANSWER_BYTES_MAX));
    }
    let body = json!({ "type": kind, "timestamp": timestamp, "data": data }).to_string();
    (kind, body)
}

/// The longest prefix of `text` of at most `bytes_max` bytes that ends between characters.
pub fn cut_at(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    &text[..end]
}

/// An RFC 3339 time in UTC for milliseconds since the epoch.
pub fn rfc3339(at_ms: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000);
    at.ok()
        .and_then(|at| {
            at.format(&time::format_description::well_known::Rfc3339)
                .ok()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(rfc3339(1_795_521_599_999), "2026-11-24T11:59:59.999Z");
    }

    #[test]
    fn a_new_signing_secret_reads_back_as_its_bytes() {
        let secret = new_webhook_secret([7; 32]);
        assert_eq!(parse_webhook_secret(secret.expose()), Ok(vec![7; 32]));
    }

    #[test]
    fn a_text_that_is_no_signing_secret_is_refused_without_being_repeated() {
        use InvalidWebhookSecret as E;
        let of = |bytes: usize| format!("whsec_{}", BASE64.encode(&vec![1; bytes]));
        let cases = [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), E::Prefix),
            (String::new(), E::Prefix),
            ("whsec_".to_owned(), E::Length { bytes: 0 }),
            ("whsec_not base64".to_owned(), E::Base64),
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n".to_owned(),
                E::Base64,
            ),
            (of(32).trim_end_matches('=').to_owned(), E::Base64),
            (of(23), E::Length { bytes: 23 }),
            (of(65), E::Length { bytes: 65 }),
        ];
        for (text, error) in cases {
            assert_eq!(parse_webhook_secret(&text), Err(error), "{text}");
        }
        assert_eq!(parse_webhook_secret(&of(24)).map(|key| key.len()), Ok(24));
        assert_eq!(parse_webhook_secret(&of(64)).map(|key| key.len()), Ok(64));
    }

    #[test]
    fn a_cut_falls_between_characters() {
        assert_eq!(cut_at("aé", 2), "a");
        assert_eq!(cut_at("aé", 3), "aé");
    }
}
