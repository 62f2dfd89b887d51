//! Submitting: read the request, check all of it, store what it names, and commit the task.

mod accept;
mod body;
mod check;
mod files;
mod fingerprint;
mod granted;
mod idempotency;
mod multipart;
mod policy;
mod secret;
mod webhook;

pub use accept::{Accepted, accept};
pub use body::{budget, read};
pub use check::{Wanted, above_ceiling, check};
pub use granted::known as known_secrets;
pub use idempotency::key as idempotency_key;
pub use multipart::read as read_multipart;

/// A file as it came, before its name is checked.
#[derive(Debug)]
pub struct IncomingFile {
    /// The name that was given.
    pub name: String,
    /// Where faults of it are reported.
    pub pointer: String,
    /// What it holds.
    pub content: Content,
}

/// The content of an incoming file.
#[derive(Debug)]
pub enum Content {
    /// Base64 text from a JSON body.
    Base64(String),
    /// The bytes themselves.
    Bytes(bytes::Bytes),
}
