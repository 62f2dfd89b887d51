//! Why a request was not made, or broke off.
//!
//! No text here holds more of a URL than scheme, host and port: paths, queries and user names can be secrets.

use std::io;

use crate::policy::Special;
use crate::target::Origin;

/// The configuration does not make sense, or this machine cannot do TLS.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An entry of `allow_private`, or a configured URL, cannot be understood.
    #[error("cannot allow {entry:?}: {reason}")]
    Entry {
        /// What was written.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Why a destination is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Neither http nor https.
    #[error("only http and https URLs may be requested")]
    Scheme,
    /// The URL carries a user name or a password.
    #[error("a URL must not carry a user name or a password")]
    Userinfo,
    /// The host is not a well-formed name or address.
    #[error("the host is not a well-formed name or address")]
    Host,
    /// Not 80 or 443.
    #[error(
        "port {port} is neither 80 nor 443; to permit it, the operator adds \"{entry}\" to allow_private"
    )]
    Port {
        /// The port.
        port: u16,
        /// The entry that would permit it.
        entry: String,
    },
    /// The host is, or leads to, an address that is not public.
    #[error("it is {special}; to permit it, the operator adds \"{entry}\" to allow_private")]
    Address {
        /// What the address is.
        special: Special,
        /// The entry that would permit it.
        entry: String,
    },
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The destination is not allowed. Nothing was sent.
    #[error("{target} is not allowed: {reason}")]
    Forbidden {
        /// Where it should have gone.
        target: Origin,
        /// Why not.
        reason: Reason,
    },
    /// The HTTP client cannot be made, as a rule because the machine has no root certificates. Nothing was sent.
    #[error("no HTTP client for {target}; are root certificates (ca-certificates) installed?")]
    Client {
        /// Where it should have gone.
        target: Origin,
        /// What is missing.
        #[source]
        source: reqwest::Error,
    },
    /// The request itself cannot be sent. Nothing was sent.
    #[error("the request to {target} is malformed")]
    Request {
        /// Where it should have gone.
        target: Origin,
        /// What is wrong with it.
        #[source]
        source: reqwest::Error,
    },
    /// The host's name could not be resolved.
    #[error("could not resolve the host of {target}")]
    Resolve {
        /// Where it should have gone.
        target: Origin,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// No connection could be made. Nothing was sent.
    #[error("could not connect to {target}")]
    Connect {
        /// Where it should have gone.
        target: Origin,
        /// What the system said.
        #[source]
        source: reqwest::Error,
    },
    /// The server's certificate or its way of speaking TLS was not accepted.
    #[error("{target} failed the TLS handshake")]
    Tls {
        /// Where it should have gone.
        target: Origin,
        /// What TLS said.
        #[source]
        source: reqwest::Error,
    },
    /// No answer, or not all of it, in the time allowed.
    #[error("{target} did not answer in time")]
    Timeout {
        /// Where it went.
        target: Origin,
        /// Which limit ran out.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke, or what came back is not HTTP.
    #[error("the connection to {target} broke")]
    Io {
        /// Where it went.
        target: Origin,
        /// What broke.
        #[source]
        source: reqwest::Error,
    },
}

impl Error {
    /// Whether the same request may succeed later, without anybody changing configuration or certificates.
    pub fn retry_can_help(&self) -> bool {
        match self {
            Self::Forbidden { .. }
            | Self::Client { .. }
            | Self::Request { .. }
            | Self::Tls { .. } => false,
            Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Io { .. } => true,
        }
    }

    /// Whether it is certain that nothing reached the server.
    pub fn nothing_was_sent(&self) -> bool {
        match self {
            Self::Forbidden { .. }
            | Self::Client { .. }
            | Self::Request { .. }
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Tls { .. } => true,
            Self::Timeout { .. } | Self::Io { .. } => false,
        }
    }

    /// Sorts an error of the client into ours.
    pub(crate) fn from_client(target: Origin, error: reqwest::Error) -> Self {
        let source = error.without_url();
        match cause(&source) {
            Some(Cause::Refused(reason)) => Self::Forbidden { target, reason },
            Some(Cause::Unresolved(kind, text)) => Self::Resolve {
                target,
                source: io::Error::new(kind, text),
            },
            Some(Cause::Tls) => Self::Tls { target, source },
            None if source.is_builder() => Self::Request { target, source },
            None if source.is_timeout() => Self::Timeout { target, source },
            None if source.is_connect() => Self::Connect { target, source },
            None => Self::Io { target, source },
        }
    }
}

/// What the guard's own resolver answers instead of addresses; it travels inside the client's error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("{0}")]
    Refused(Reason),
    #[error("{0}")]
    Unresolved(#[source] io::Error),
}

enum Cause {
    Refused(Reason),
    Unresolved(io::ErrorKind, String),
    Tls,
}

/// Finds the root of a client's error among its sources.
fn cause(error: &reqwest::Error) -> Option<Cause> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(lookup) = error.downcast_ref::<LookupError>() {
            return Some(match lookup {
                LookupError::Refused(reason) => Cause::Refused(reason.clone()),
                LookupError::Unresolved(source) => {
                    Cause::Unresolved(source.kind(), source.to_string())
                }
            });
        }
        if error.is::<rustls::Error>() {
            return Some(Cause::Tls);
        }
        // An `io::Error` that wraps another error does not give it as its source.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
