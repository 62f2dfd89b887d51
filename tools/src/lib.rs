//! Acts on the world for a step: a shell in a sandbox, files of the step's workspace, notes and artifacts, and, where the
//! operator turned it on, HTTP requests.
//!
//! Foreign code runs in a [`sandbox::Sandbox`] only, and without one nothing is run, unless the operator chose
//! `sandbox = "none"` by name. File tools work on the host side, but never outside the workspace and never through a link.
//! After a crash nothing here has to be repaired: processes end with us, and left-over workspaces are wiped at the next start.

pub mod browser;
mod browsing;
mod directory;
mod documents;
mod folder;
pub mod inside;
mod nearest;
mod network;
pub mod options;
mod outputs;
mod patch;
pub mod sandbox;
mod sessions;
mod tool;
pub mod tool_tree;
mod toolbox;
pub mod workspace;

use std::io;
use std::path::Path;
use std::sync::Arc;

use agent_core::ports::blobs::Blobs;
use agent_core::ports::tool::ToolSpec;
use egress::Guard;

pub use directory::{AccessError, Deleted, Directory};
pub use folder::{Changes, Folder, FolderError, GivenBack, others};
pub use network::{Exit, Gate, Reach, environment as proxy_environment};
pub use options::{HttpOptions, NetworkOptions, Options, SandboxKind, SearchOptions, WebOptions};
pub use toolbox::Toolbox;
pub use workspace::LocalWorkspaces;

/// Everything this crate offers, wired together.
pub struct Parts {
    /// The directories in which steps work.
    pub workspaces: Arc<LocalWorkspaces>,
    /// Where foreign code runs.
    pub sandbox: Arc<dyn sandbox::Sandbox>,
    /// What stands between steps and the network.
    pub gate: Arc<Gate>,
    /// The tools.
    pub toolbox: Arc<Toolbox>,
}

/// The tools that there are under these settings. Opens nothing, and reads what is in the tool tree.
pub fn specs(options: &Options, guard: &Guard) -> Vec<ToolSpec> {
    let tools = tool::all(options, guard);
    tools.iter().map(|tool| tool.spec()).collect()
}

/// Opens the workspace folder, removes what a crash left there, and wires the parts. What a tool sends to the world outside
/// goes through `guard`. Blocks on the file system.
pub fn open(options: &Options, blobs: Arc<dyn Blobs>, guard: &Guard) -> io::Result<Parts> {
    tool_tree::check(options).map_err(|unfit| {
        let tree = options.tree.as_deref().unwrap_or(Path::new(""));
        let text = format!("tools.tree = {} cannot be used: {unfit}", tree.display());
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })?;
    let uids = workspace::UidPool::for_this_process(options)?;
    let workspaces = Arc::new(LocalWorkspaces::open(
        options,
        uids.clone(),
        Arc::clone(&blobs),
    )?);
    let sandbox = sandbox::for_options(options, uids)?;
    let gate = Arc::new(Gate::new(&options.network, guard).map_err(io::Error::other)?);
    let toolbox = Arc::new(Toolbox::new(
        options.clone(),
        Arc::clone(&workspaces),
        blobs,
        Arc::clone(&sandbox),
        Arc::clone(&gate),
        guard,
    ));
    Ok(Parts {
        workspaces,
        sandbox,
        gate,
        toolbox,
    })
}
