//! What a worker is made of: the ports, wired by whoever starts it.

use std::sync::Arc;

use agent_core::ports::blobs::Blobs;
use agent_core::ports::credentials::Credentials;
use agent_core::ports::entropy::Entropy;
use agent_core::ports::housekeeping::{Housekeeping, Shelves};
use agent_core::ports::model::Models;
use agent_core::ports::sealer::Sealer;
use agent_core::ports::store::Store;
use agent_core::ports::tool::ToolBox;
use agent_core::ports::wake::Wake;
use agent_core::ports::workspaces::Workspaces;

use crate::lease::OpenLifeline;

/// The ports of one worker.
#[derive(Clone)]
pub struct Parts {
    /// Log and queue.
    pub store: Arc<dyn Store>,
    /// The heartbeat's own way to the same store.
    pub lifeline: Arc<dyn OpenLifeline>,
    /// Long bodies, files and artifacts.
    pub blobs: Arc<dyn Blobs>,
    /// The store's side of housekeeping.
    pub housekeeping: Arc<dyn Housekeeping>,
    /// The blob store's side of housekeeping.
    pub shelves: Arc<dyn Shelves>,
    /// Models.
    pub models: Arc<dyn Models>,
    /// Tools.
    pub tools: Arc<dyn ToolBox>,
    /// Folders in which steps work.
    pub workspaces: Arc<dyn Workspaces>,
    /// Stored secrets.
    pub credentials: Arc<dyn Credentials>,
    /// Opens webhook and stored secrets.
    pub sealer: Arc<dyn Sealer>,
    /// Ids and jitter.
    pub entropy: Arc<dyn Entropy>,
    /// Hints.
    pub wake: Arc<dyn Wake>,
    /// The way out for webhooks.
    pub guard: egress::Guard,
}
