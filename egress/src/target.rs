//! The destination of one request, read once from its URL.
//!
//! The URL's own parser has turned every numeric spelling of an address (octal, hexadecimal, one integer, a
//! short form) into an address before this module sees it, so no second reading can disagree.

use std::fmt;

use url::Url;

use crate::error::Reason;
use crate::permit::Named;

/// Scheme, host and port of a URL: all of it that may be shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin of a URL.
    pub(crate) fn of(url: &Url) -> Self {
        let scheme = url.scheme();
        let host = url.host_str().unwrap_or_default();
        Self(match url.port() {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        })
    }

    /// Whether it is reached through TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: Named,
    pub(crate) port: u16,
}

impl Target {
    /// Reads a URL and rewrites it to the form that was judged.
    pub(crate) fn take(url: &mut Url) -> Result<Self, Reason> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Reason::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Reason::Userinfo);
        }
        let host = url
            .host()
            .and_then(|host| Named::of(&host))
            .ok_or(Reason::Host)?;
        let port = url.port_or_known_default().ok_or(Reason::Host)?;
        if let Named::Name(name) = &host {
            // Drops a trailing dot, with which the name would escape comparison with permits and certificates.
            url.set_host(Some(name)).map_err(|_| Reason::Host)?;
        }
        Ok(Self { host, port })
    }
}
