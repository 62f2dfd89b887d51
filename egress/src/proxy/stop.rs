//! Why a request through the proxy ends before its end, in words for whoever made it.
//!
//! The texts reach a model through its client's output, so they say what to do. None holds a path, a query or a header.

use super::allowance::Exhausted;
use super::head::HEAD_BYTES_MAX;
use crate::dial::DialError;
use crate::error::{Error, Reason};
use crate::hosts::Hosts;
use crate::target::Target;

/// Why a request is refused or cut off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The client closed before it asked for anything.
    #[error("nothing was asked for")]
    Nothing,
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    #[error(
        "the head of the request is longer than {HEAD_BYTES_MAX} bytes; send fewer or shorter headers"
    )]
    HeadTooLong,
    #[error(
        "this is a proxy: ask it for a whole http:// URL, or tunnel to https:// through CONNECT. Programs do so when HTTP_PROXY and HTTPS_PROXY name it"
    )]
    NotForAProxy,
    #[error(
        "https:// URLs pass through CONNECT only; use a client that makes a tunnel, such as curl"
    )]
    HttpsWithoutTunnel,
    #[error("only http:// URLs and CONNECT are passed on")]
    Scheme,
    #[error("a URL must not carry a user name or a password; send them in a header")]
    Userinfo,
    #[error("the method {0} is not passed on")]
    Method(&'static str),
    #[error("{destination} is not on the list of hosts that may be reached from here ({listed})", destination = .0, listed = .1)]
    NotListed(String, Listed),
    #[error("{0} is not allowed: {1}")]
    Forbidden(String, Reason),
    #[error(
        "only TLS may be spoken in a tunnel, and this is something else; ask for http:// URLs without a tunnel"
    )]
    NotTls,
    #[error("the TLS greeting cannot be understood: {0}")]
    Greeting(&'static str),
    #[error("the TLS greeting names another server than the tunnel to {0}")]
    OtherName(String),
    #[error("the TLS greeting in the tunnel to {0} names no server, so the host cannot be checked")]
    NoName(String),
    #[error("{0} connections are open at the same time already; wait until one has ended")]
    Connections(usize),
    #[error("the client sent no complete request within {0} ms")]
    HeadTime(u64),
    #[error("the body of the request is malformed: {0}")]
    Body(&'static str),
    #[error("nothing moved for {0} ms")]
    Idle(u64),
    #[error("the connection lasted {0} ms, which is the longest that one may")]
    Total(u64),
    #[error("everything sent from here together would be more than {0} bytes")]
    BytesUp(u64),
    #[error("everything received here together would be more than {0} bytes")]
    BytesDown(u64),
    /// Before anything was sent.
    #[error("{0}")]
    NoShare(Exhausted),
    /// In its midst.
    #[error("{0}")]
    ShareUsedUp(Exhausted),
    #[error("the host of {0} could not be resolved")]
    Resolve(String),
    #[error("could not connect to {0}")]
    Connect(String),
    #[error("{0} failed the TLS handshake")]
    Tls(String),
    #[error("{0} did not answer in time")]
    Timeout(String),
    #[error("the connection to {0} broke")]
    Upstream(String),
    #[error("the client closed its connection")]
    Client,
}

/// A list for a text: its beginning, if it is long.
#[derive(Debug)]
pub(crate) struct Listed(String);

/// About ten hosts.
const LISTED_CHARS_MAX: usize = 300;

impl Listed {
    pub(crate) fn of(hosts: &Hosts) -> Self {
        let text = hosts.to_string();
        if text.is_empty() {
            return Self("it is empty".to_owned());
        }
        if text.len() <= LISTED_CHARS_MAX {
            return Self(text);
        }
        // Hosts are in ASCII.
        let cut = text.get(..LISTED_CHARS_MAX).unwrap_or_default();
        let whole = cut.rsplit_once(", ").map_or("", |(whole, _)| whole);
        Self(format!("{whole} and more"))
    }
}

impl std::fmt::Display for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `host:port`, for a text.
pub(crate) fn name(target: &Target) -> String {
    format!("{}:{}", target.host, target.port)
}

impl Stop {
    /// Whether nothing was sent to the destination because of a rule, and not because of bad luck.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Malformed(_)
            | Self::HeadTooLong
            | Self::NotForAProxy
            | Self::HttpsWithoutTunnel
            | Self::Scheme
            | Self::Userinfo
            | Self::Method(_)
            | Self::NotListed(..)
            | Self::Forbidden(..)
            | Self::NotTls
            | Self::Greeting(_)
            | Self::OtherName(_)
            | Self::NoName(_)
            | Self::Connections(_)
            | Self::NoShare(_)
            | Self::HeadTime(_) => true,
            Self::Nothing
            // Some of it may have been sent before.
            | Self::Body(_)
            | Self::Idle(_)
            | Self::Total(_)
            | Self::BytesUp(_)
            | Self::BytesDown(_)
            | Self::ShareUsedUp(_)
            | Self::Resolve(_)
            | Self::Connect(_)
            | Self::Tls(_)
            | Self::Timeout(_)
            | Self::Upstream(_)
            | Self::Client => false,
        }
    }

    /// The status line's number and words for it; nothing where nobody is left to read them.
    pub(crate) fn status(&self) -> Option<(u16, &'static str)> {
        Some(match self {
            Self::Nothing | Self::Client => return None,
            Self::Malformed(_)
            | Self::NotForAProxy
            | Self::HttpsWithoutTunnel
            | Self::Scheme
            | Self::Userinfo
            | Self::NotTls
            | Self::Greeting(_)
            | Self::Body(_) => (400, "Bad Request"),
            Self::NotListed(..)
            | Self::Forbidden(..)
            | Self::OtherName(_)
            | Self::NoName(_)
            | Self::BytesUp(_)
            | Self::BytesDown(_) => (403, "Forbidden"),
            Self::Method(_) => (405, "Method Not Allowed"),
            Self::HeadTime(_) => (408, "Request Timeout"),
            Self::HeadTooLong => (431, "Request Header Fields Too Large"),
            Self::Connections(_) | Self::NoShare(_) | Self::ShareUsedUp(_) => {
                (429, "Too Many Requests")
            }
            Self::Resolve(_) | Self::Connect(_) | Self::Tls(_) | Self::Upstream(_) => {
                (502, "Bad Gateway")
            }
            Self::Idle(_) | Self::Total(_) | Self::Timeout(_) => (504, "Gateway Timeout"),
        })
    }

    pub(crate) fn of_dialling(target: &Target, error: DialError) -> Self {
        let name = name(target);
        match error {
            DialError::Refused(reason) => Self::Forbidden(name, reason),
            DialError::Unresolved => Self::Resolve(name),
            DialError::Unreachable(kind) => Self::Connect(format!("{name} ({kind})")),
            DialError::Timeout => Self::Timeout(name),
        }
    }

    pub(crate) fn of_guard(target: &Target, error: Error) -> Self {
        let name = name(target);
        match error {
            Error::Forbidden { reason, .. } => Self::Forbidden(name, reason),
            Error::Request { .. } => Self::Malformed("it cannot be sent on as it is"),
            Error::Resolve { .. } => Self::Resolve(name),
            Error::Client { .. } | Error::Connect { .. } => Self::Connect(name),
            Error::Tls { .. } => Self::Tls(name),
            Error::Timeout { .. } => Self::Timeout(name),
            Error::Io { .. } => Self::Upstream(name),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_long_list_is_named_by_its_beginning() {
        let entries: Vec<_> = (0..100).map(|n| format!("host-{n}.example.com")).collect();
        let hosts = Hosts::parse(&entries).unwrap();
        let text = Listed::of(&hosts).to_string();
        assert!(
            text.len() < 320 && text.ends_with(".example.com and more"),
            "{text}"
        );
        assert_eq!(Listed::of(&Hosts::default()).to_string(), "it is empty");
    }
}
