//! Names of secrets: what a task is granted a secret by, and what a path of the API ends with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name, in characters.
const CHARS_MAX: usize = 64;

/// The name of a secret: `[a-z0-9][a-z0-9_-]{0,63}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// The text cannot be the name of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a secret is 1 to {CHARS_MAX} lower-case letters, digits, _ and -, and begins with a letter or digit"
)]
pub struct InvalidName;

impl SecretName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let begins_well = text.bytes().next().is_some_and(is_plain);
        let goes_on_well = text
            .bytes()
            .all(|byte| is_plain(byte) || matches!(byte, b'_' | b'-'));
        if begins_well && goes_on_well && text.len() <= CHARS_MAX {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidName)
    }
}

impl TryFrom<String> for SecretName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
