//! Where foreign code runs, and what holds it there.
//!
//! A backend says what it enforces by having tried it, runs one program at a time in one workspace, and never runs one
//! in a weaker way than it said. Dropping the future of a run ends the whole process tree; the workspace stays in use until
//! the tree is gone. When our own process dies, everything that it started dies with it.

mod born;
pub mod bubblewrap;
mod census;
mod cgroup;
mod control;
mod deleted;
pub(crate) mod disk;
mod image;
mod keeper;
mod launch;
mod orphans;
mod outlets;
mod output;
pub(crate) mod room;
mod scope;
mod session;
mod stated;
mod supervise;
mod transcript;
mod tree;
mod unsandboxed;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use agent_core::enforcement::{Enforcement, Lack, Probe};
use async_trait::async_trait;

use crate::options::{Options, SandboxKind};
use crate::workspace::{Entered, UidPool};

pub use bubblewrap::Bubblewrap;
pub(crate) use bubblewrap::{DOWNLOADS, PROFILE};
pub use outlets::{Outlet, Port};
use output::Keeping;
pub use output::{Captured, Stored};
pub use scope::Scope;
pub use session::{Over, Session};
pub use transcript::{Ends, Transcript, Unread};
pub use unsandboxed::Unsandboxed;

/// A program to run in a workspace.
#[derive(Clone)]
pub struct Program {
    /// Its name and arguments, as they are inside the sandbox.
    pub argv: Vec<String>,
    /// Its environment, beside what every program gets.
    pub environment: Vec<(String, String)>,
    /// Where it works.
    pub place: Entered,
    /// When it is ended.
    pub wall_time: Duration,
    /// Ports of its own loopback that lead out of the sandbox. Without any, nothing does.
    pub ports: Vec<Port>,
    /// What it reads from its standard input; nothing if absent.
    pub input: Option<Vec<u8>>,
}

/// What a program is, and so what it sees and may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of a model's making. It works in a workspace.
    Command,
    /// A browser. It sees no workspace, has more room, and may build the sandbox in which it keeps its pages.
    Browser,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself. 128 and a signal's number stand for a signal, as shells have it.
    Exited {
        /// Its exit status.
        status: i32,
    },
    /// By us.
    Killed {
        /// Why.
        reason: KillReason,
    },
}

/// Why a program was ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KillReason {
    /// It ran too long.
    #[error("wall time of {} s", .0.as_secs_f64())]
    WallTime(Duration),
    /// It printed too much.
    #[error("more than {0} bytes of output")]
    Output(u64),
    /// The workspace grew too large, or all those of its task or tenant did.
    #[error("{0}")]
    Disk(String),
    /// Whoever asked for it told it to stop.
    #[error("it was told to stop")]
    Stopped,
    /// Too much memory was in use, where no cgroup is in the way of that.
    #[error("{0} may have {1} bytes of memory")]
    Memory(Scope, u64),
    /// Too many processes and threads ran, where no cgroup is in the way of that.
    #[error("{0} may have {1} processes and threads at the same time")]
    Processes(Scope, u64),
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Run {
    /// How it ended.
    pub ended: Ended,
    /// How long it took.
    pub took: Duration,
    /// What it printed.
    pub stdout: Captured,
    /// What it printed as errors.
    pub stderr: Captured,
    /// Whose limit it was, if the kernel ended a process of it for want of memory.
    pub out_of_memory: Option<Scope>,
    /// Whose limit on processes and how many, if the kernel refused it one more.
    pub processes_refused_above: Option<(Scope, u64)>,
    /// The most memory that it used, where that is known.
    pub memory_peak_bytes: Option<u64>,
    /// What it was held to.
    pub enforced: Enforcement,
}

/// Why a program was not run.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Isolation cannot be had. The text names the cure.
    #[error("{0}")]
    Refused(String),
    /// Others of this scope have all the processes that it may have, so the sandbox itself could not be started.
    #[error("{0} may have {1} processes and threads at the same time, and so many are there")]
    Full(Scope, u64),
    /// The sandbox could not be set up this time.
    #[error("the sandbox could not be set up: {0}")]
    Setup(String),
    /// The machine said no.
    #[error("the program could not be started")]
    Unavailable(#[from] io::Error),
}

/// One way to isolate foreign code.
#[async_trait]
pub trait Sandbox: Send + Sync {
    /// What is enforced here, found out by trying it. The answer is kept.
    async fn probe(&self) -> Probe;
    /// Runs a program to its end, or to its limits.
    async fn run(&self, program: Program) -> Result<Run, SandboxError>;
    /// Starts a program on a terminal of its own and comes back while it runs.
    async fn start(&self, program: Program) -> Result<Session, SandboxError>;
    /// Starts a browser in the same way. What it downloads goes to its place; nothing else of what it writes is kept.
    async fn start_browser(&self, program: Program) -> Result<Session, SandboxError>;
}

/// The backend that the operator chose.
pub fn for_options(options: &Options, uids: Option<Arc<UidPool>>) -> io::Result<Arc<dyn Sandbox>> {
    Ok(match options.sandbox {
        SandboxKind::Bubblewrap => Arc::new(Bubblewrap::new(options, uids)?),
        SandboxKind::None => Arc::new(Unsandboxed::new(options, uids.is_some())),
    })
}

impl Options {
    /// How much of what a program prints in this workspace is kept, and where.
    fn keeping(&self, workspace: &Path) -> Keeping {
        Keeping::beside(
            workspace,
            self.output_kept_bytes,
            self.output_stored_bytes_max,
        )
    }
}

/// What every program finds in its environment; nothing of ours is ever passed on. Programs of the tool tree come first.
fn environment(home: &str, tree: Option<&Path>) -> Vec<(String, String)> {
    const USUAL: &str = "/usr/local/bin:/usr/bin:/bin";
    let first = tree.map(|tree| format!("{}:{USUAL}", tree.join("bin").display()));
    [
        ("PATH", first.as_deref().unwrap_or(USUAL)),
        ("HOME", home),
        ("TMPDIR", "/tmp"),
        ("LANG", "C.UTF-8"),
        ("TERM", "dumb"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
