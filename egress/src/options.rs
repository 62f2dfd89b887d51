//! What the operator may set about outgoing requests.

use serde::{Deserialize, Serialize};

/// Configuration of the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Destinations that are allowed although their address is not public or their port is not 80 or 443:
    /// `host:port`, `address:port` or `[v6]:port`; without a port, 80 and 443 are meant.
    pub allow_private: Vec<String>,
    /// How long resolving, connecting and the TLS handshake may take together.
    pub connect_timeout_ms: u64,
    /// How long an unused connection is kept open.
    pub idle_timeout_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_private: Vec::new(),
            connect_timeout_ms: 10_000,
            // Below the 60 s after which common servers and balancers close their side.
            idle_timeout_ms: 50_000,
        }
    }
}
