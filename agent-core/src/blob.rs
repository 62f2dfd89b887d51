//! Blobs: immutable bytes named by their SHA-256, kept per tenant outside the database.
//!
//! A blob is put before the commit that names it, so a committed name always resolves.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bodies longer than this are stored as blobs instead of in the database row.
pub const INLINE_BYTES_MAX: usize = 32 * 1024;

/// The SHA-256 of a blob's bytes, as 64 lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobHash(String);

impl BlobHash {
    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(HEXLOWER.encode(&Sha256::digest(bytes)))
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a SHA-256 in hex.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 lower-case hex digits")]
pub struct InvalidHash;

impl FromStr for BlobHash {
    type Err = InvalidHash;
    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let valid = text.len() == 64
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidHash)
        }
    }
}

impl TryFrom<String> for BlobHash {
    type Error = InvalidHash;
    fn try_from(text: String) -> Result<Self, InvalidHash> {
        text.parse()
    }
}

impl From<BlobHash> for String {
    fn from(hash: BlobHash) -> String {
        hash.0
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A blob and its size, as rows name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    /// Name of the blob.
    pub hash: BlobHash,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A text body as a row holds it: in the row when it is short, as a blob when it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// The text itself, at most [`INLINE_BYTES_MAX`] bytes.
    Inline(String),
    /// The name of the blob that holds the text.
    Blob(BlobRef),
}

impl Stored {
    /// The blob this body needs, if any.
    pub fn blob(&self) -> Option<&BlobRef> {
        match self {
            Self::Inline(_) => None,
            Self::Blob(blob) => Some(blob),
        }
    }
}
