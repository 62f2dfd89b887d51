//! What an error of the object store means to the person who has to mend it.
//!
//! The text is shown to the owners of tasks that wait, so it holds no address, bucket or credential.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

/// Why a bucket cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the bucket does not exist; create it, or correct blobs.url")]
    NoBucket(#[source] object_store::Error),
    #[error(
        "the credentials were refused; correct blobs.access_key_id and blobs.secret_access_key, or let them read, write, list and delete in the bucket"
    )]
    Refused(#[source] object_store::Error),
    #[error("the bucket is in another region; correct blobs.region or blobs.endpoint")]
    Region(#[source] object_store::Error),
    #[error("it cannot be reached; start it, or correct blobs.endpoint")]
    Unreachable(#[source] object_store::Error),
    #[error("it did not answer in time")]
    Slow(#[source] object_store::Error),
    #[error("its address is not allowed: {reason}")]
    Forbidden {
        reason: String,
        #[source]
        source: object_store::Error,
    },
    #[error("the request failed")]
    Other(#[source] object_store::Error),
}

/// Codes that S3 answers with, beside the status.
const NO_BUCKET: &str = "NoSuchBucket";
const REFUSED: [&str; 7] = [
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "403 Forbidden",
    "401 Unauthorized",
];
const REGION: [&str; 4] = [
    "AuthorizationHeaderMalformed",
    "PermanentRedirect",
    "incorrectly configured region",
    "301 Moved",
];

/// Whether a "not found" means the whole bucket.
pub(crate) fn is_about_the_bucket(error: &object_store::Error) -> bool {
    error.to_string().contains(NO_BUCKET)
}

/// Sorts an error. The codes are only in its text: `object_store` keeps the answer's body there and nowhere else.
pub(crate) fn explain(error: object_store::Error) -> Trouble {
    let text = error.to_string();
    let has = |codes: &[&str]| codes.iter().any(|code| text.contains(code));
    if has(&[NO_BUCKET]) {
        return Trouble::NoBucket(error);
    }
    if has(&REGION) {
        return Trouble::Region(error);
    }
    if has(&REFUSED) {
        return Trouble::Refused(error);
    }
    if let Some(reason) = forbidden(&error) {
        return Trouble::Forbidden {
            reason,
            source: error,
        };
    }
    match http_kind(&error) {
        Some(HttpErrorKind::Connect) => Trouble::Unreachable(error),
        Some(HttpErrorKind::Timeout) => Trouble::Slow(error),
        Some(_) | None => Trouble::Other(error),
    }
}

/// The first of a kind among an error's sources.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn http_kind(error: &object_store::Error) -> Option<HttpErrorKind> {
    find::<HttpError>(error).map(HttpError::kind)
}

fn forbidden(error: &object_store::Error) -> Option<String> {
    match find::<egress::Error>(error)? {
        egress::Error::Forbidden { reason, .. } => Some(reason.to_string()),
        egress::Error::Client { .. }
        | egress::Error::Request { .. }
        | egress::Error::Resolve { .. }
        | egress::Error::Connect { .. }
        | egress::Error::Tls { .. }
        | egress::Error::Timeout { .. }
        | egress::Error::Io { .. } => None,
    }
}
