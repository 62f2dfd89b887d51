//! API keys: `errand_` + 52 characters of randomness + 6 of checksum, stored only as a hash.
//!
//! The checksum lets a mistyped key be told from a wrong one without asking the store.

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

use crate::id::{KeyId, TenantId};
use crate::secret::Secret;

/// Text before the random part.
pub const KEY_PREFIX: &str = "errand_";
const RANDOM_CHARS: usize = 52;
const CHECK_CHARS: usize = 6;
/// How many characters of a key are shown in lists, the prefix included.
pub const SHOWN_CHARS: usize = 13;

/// A key as stored and listed. The key itself is shown once and never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Identity.
    pub id: KeyId,
    /// Owner.
    pub tenant: TenantId,
    /// A name for people.
    pub name: String,
    /// Its first characters, to tell keys apart.
    pub shown: String,
    /// When it was made, in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When it was revoked.
    pub revoked_at_ms: Option<i64>,
}

/// The text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Prefix, length or alphabet is wrong.
    #[error("an API key is {KEY_PREFIX} and 58 lower-case letters and digits")]
    Shape,
    /// One or more characters were changed.
    #[error("the API key's checksum does not match; was it copied whole?")]
    Checksum,
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

fn checksum(body: &str) -> String {
    base32(&Sha256::digest(body.as_bytes()))
        .chars()
        .take(CHECK_CHARS)
        .collect()
}

/// A new key from 32 random bytes.
pub fn format_key(random: [u8; 32]) -> Secret {
    let body = base32(&random);
    Secret::new(format!("{KEY_PREFIX}{body}{}", checksum(&body)))
}

/// Checks shape and checksum, and gives the hash under which the key is stored.
///
/// # Errors
/// [`InvalidKey`] when the text cannot be a key.
pub fn hash_key(key: &str) -> Result<String, InvalidKey> {
    let rest = key.strip_prefix(KEY_PREFIX).ok_or(InvalidKey::Shape)?;
    let known = rest
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if rest.len() != RANDOM_CHARS + CHECK_CHARS || !known {
        return Err(InvalidKey::Shape);
    }
    let (body, check) = rest.split_at(RANDOM_CHARS);
    if checksum(body) != check {
        return Err(InvalidKey::Checksum);
    }
    Ok(HEXLOWER.encode(&Sha256::digest(key.as_bytes())))
}

/// The part of a key that lists show.
pub fn shown_part(key: &str) -> String {
    key.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_hashes_and_a_changed_one_fails_its_checksum() {
        let key = format_key([7; 32]);
        assert_eq!(hash_key(key.expose()).map(|h| h.len()), Ok(64));
        let mut changed = key.expose().to_owned();
        changed.replace_range(10..11, if &changed[10..11] == "a" { "b" } else { "a" });
        assert_eq!(hash_key(&changed), Err(InvalidKey::Checksum));
        assert_eq!(hash_key("sk-live"), Err(InvalidKey::Shape));
    }
}
