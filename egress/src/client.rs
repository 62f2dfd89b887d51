//! How the HTTP client is set up. This is the only place in Errand that makes one.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect};

use crate::options::Options;
use crate::resolver::Checked;

/// Whose certificates a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those that this machine trusts.
    Machine,
    /// None: it only ever speaks without TLS.
    Nobody,
}

/// A client that resolves through `resolver` and does nothing of its own accord.
pub(crate) fn build(
    options: &Options,
    resolver: Checked,
    trust: Trust,
) -> Result<Client, reqwest::Error> {
    let builder = match trust {
        Trust::Machine => Client::builder(),
        Trust::Nobody => Client::builder().tls_certs_only([]),
    };
    builder
        .dns_resolver(Arc::new(resolver))
        // A redirect is a new destination, so the caller decides about it and comes through the guard again.
        .redirect(redirect::Policy::none())
        // A proxy named in the environment would resolve and connect in our place.
        .no_proxy()
        .referer(false)
        // The caller alone counts attempts.
        .retry(reqwest::retry::never())
        .connect_timeout(Duration::from_millis(options.connect_timeout_ms))
        .pool_idle_timeout(Duration::from_millis(options.idle_timeout_ms))
        .user_agent(concat!("errand/", env!("CARGO_PKG_VERSION")))
        .build()
}
