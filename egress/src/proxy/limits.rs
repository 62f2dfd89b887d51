//! How much the clients of one proxy may use.

use serde::{Deserialize, Serialize};

/// Limits of one [`Proxy`](super::Proxy), over all of its connections where not said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes that clients may send to destinations. Heads of requests count.
    pub bytes_up_max: u64,
    /// Bytes that destinations may send back. Heads of answers do not count in a forwarded request.
    pub bytes_down_max: u64,
    /// Connections that may be open at the same time.
    pub connections_max: usize,
    /// How long a client may take, in milliseconds, to send the head of its request, and in a tunnel the first TLS
    /// message.
    pub head_ms: u64,
    /// How long a connection may be without a byte in either direction, in milliseconds. A destination that thinks for longer
    /// before it answers is cut off.
    pub idle_ms: u64,
    /// How long one connection may last, in milliseconds.
    pub total_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_up_max: 64 * 1024 * 1024,
            bytes_down_max: 1024 * 1024 * 1024,
            connections_max: 64,
            head_ms: 10_000,
            idle_ms: 120_000,
            total_ms: 30 * 60_000,
        }
    }
}
