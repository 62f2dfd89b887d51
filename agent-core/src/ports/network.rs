//! What of the network this installation lets a task reach.

use crate::network::Network;

/// Why a task may not reach so far.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotGranted {
    /// The host that is refused, by its place in the list; absent when it is the mode.
    pub host: Option<usize>,
    /// Why, and what would be granted.
    pub reason: String,
}

/// The operator's limits.
pub trait Networks: Send + Sync {
    /// Whether a task may be given this.
    fn check(&self, wanted: &Network) -> Result<(), NotGranted>;
}
