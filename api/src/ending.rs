//! How a server is told to end: step by step, each for good.

use tokio_util::sync::CancellationToken;

/// See the module's description. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Not ready, and no new tasks. Everything else is answered as before.
    pub draining: CancellationToken,
    /// No new connections. Waits and streams end, requests at work may finish.
    pub closing: CancellationToken,
    /// What is still open is cut.
    pub at_once: CancellationToken,
}
