//! The header that carries a secret, and what it says.

use std::fmt;
use std::str::FromStr;

use crate::secret::Secret;

const NAME_BYTES_MAX: usize = 64;
const FORMAT_BYTES_MAX: usize = 256;
/// Stands for the secret in a format.
const PLACE: &str = "{secret}";

/// Headers that the connection, its proxies or Errand itself set.
const NOT_FOR_SECRETS: [&str; 15] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-fence",
];

/// The name of a header that may carry a secret. Its case is kept, and means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderName(String);

/// Why a text cannot name the header of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// No header is called so.
    #[error("is not the name of an HTTP header of at most {NAME_BYTES_MAX} characters")]
    Name,
    /// It is somebody else's.
    #[error("is a header that the connection or Errand sets")]
    Taken,
}

impl HeaderName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for HeaderName {
    fn default() -> Self {
        Self("Authorization".to_owned())
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HeaderName {
    type Err = InvalidHeader;

    fn from_str(text: &str) -> Result<Self, InvalidHeader> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(is_token) {
            return Err(InvalidHeader::Name);
        }
        let mut taken = NOT_FOR_SECRETS.iter();
        if taken.any(|taken| text.eq_ignore_ascii_case(taken)) {
            return Err(InvalidHeader::Taken);
        }
        Ok(Self(text.to_owned()))
    }
}

/// What the header says: a text with `{secret}` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderFormat(String);

/// Why a text cannot be a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFormat {
    /// The secret would not be sent, or be sent more than once.
    #[error("must contain {PLACE} exactly once")]
    Place,
    /// No header can carry it.
    #[error(
        "must be at most {FORMAT_BYTES_MAX} printable ASCII characters, without spaces at its ends"
    )]
    Text,
}

impl HeaderFormat {
    /// The format as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the header says for this secret.
    pub fn fill(&self, secret: &Secret) -> Secret {
        Secret::new(self.0.replacen(PLACE, secret.expose(), 1))
    }
}

impl Default for HeaderFormat {
    fn default() -> Self {
        Self(format!("Bearer {PLACE}"))
    }
}

impl fmt::Display for HeaderFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HeaderFormat {
    type Err = InvalidFormat;

    fn from_str(text: &str) -> Result<Self, InvalidFormat> {
        if text.matches(PLACE).count() != 1 {
            return Err(InvalidFormat::Place);
        }
        let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.len() > FORMAT_BYTES_MAX || !is_printable || text.trim().len() < text.len() {
            return Err(InvalidFormat::Text);
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_others_set_are_refused_in_any_case() {
        for taken in NOT_FOR_SECRETS {
            let upper = taken.to_ascii_uppercase();
            assert_eq!(upper.parse::<HeaderName>(), Err(InvalidHeader::Taken));
        }
        for wrong in ["", "X Key", "X-Key:", "X-Ключ", "a\r\nb", &"x".repeat(65)] {
            let read = wrong.parse::<HeaderName>();
            assert_eq!(read, Err(InvalidHeader::Name), "{wrong:?}");
        }
        for good in ["Authorization", "X-Api-Key", "PRIVATE-TOKEN", "Cookie"] {
            assert_eq!(good.parse(), Ok(HeaderName(good.to_owned())));
        }
    }

    #[test]
    fn a_format_holds_the_secret_once_and_nothing_that_a_header_cannot() {
        use InvalidFormat as E;
        for (text, error) in [
            ("", E::Place),
            ("Bearer", E::Place),
            ("{secret}{secret}", E::Place),
            ("Bearer {SECRET}", E::Place),
            ("Bearer {secret}\r\nX: y", E::Text),
            (" {secret}", E::Text),
            ("{secret} ", E::Text),
            ("ключ {secret}", E::Text),
            (&format!("{}{{secret}}", "x".repeat(250)), E::Text),
        ] {
            assert_eq!(text.parse::<HeaderFormat>(), Err(error), "{text:?}");
        }
        let filled = |format: &str| {
            let format = format.parse::<HeaderFormat>();
            format.map(|format| format.fill(&Secret::new("{secret}!")))
        };
        let said = |text: &str| Ok(Secret::new(text));
        assert_eq!(filled("{secret}"), said("{secret}!"));
        assert_eq!(filled("token=\"{secret}\""), said("token=\"{secret}!\""));
        let by_default = HeaderFormat::default().fill(&Secret::new("x"));
        assert_eq!(by_default.expose(), "Bearer x");
    }

    #[test]
    fn the_defaults_are_ones_that_would_be_taken() {
        let header = HeaderName::default();
        assert_eq!(header.as_str().parse(), Ok(header.clone()));
        let format = HeaderFormat::default();
        assert_eq!(format.as_str().parse(), Ok(format.clone()));
    }
}
