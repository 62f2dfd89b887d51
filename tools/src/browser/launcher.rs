//! Starting a browser for a task.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_core::ports::workspaces::Place;
use tokio::time::Instant;

use super::arguments::arguments;
use super::devtools::{Address, MARK};
use super::found;
use super::front::Front;
use super::running::Running;
use crate::options::Options;
use crate::sandbox::{Ended, Over, Program, Sandbox, SandboxError, Session};
use crate::workspace::{Annexes, Entered};

/// A browser that has not said by then where its DevTools are is ended.
const ADDRESS_WITHIN: Duration = Duration::from_secs(15);
/// How much of what a browser prints is looked at.
pub(super) const SAID_BYTES_MAX: usize = 64 * 1024;
/// Lines of it that are told when it did not start.
const LINES_TOLD: usize = 5;

/// Why a browser was not started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is none.
    #[error("Chromium is not installed")]
    Missing,
    /// It did not come up. The text has what it said.
    #[error("Chromium did not start: {0}")]
    NotStarted(String),
    /// The sandbox did not take it.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// No folder could be made for it, or its DevTools could not be reached.
    #[error("the browser could not be set up: {0}")]
    Setup(#[from] io::Error),
}

/// Starts browsers.
pub struct Launcher {
    options: Options,
    sandbox: Arc<dyn Sandbox>,
    annexes: Arc<Annexes>,
}

impl Launcher {
    /// Browsers run in this sandbox, and their downloads go to folders of these.
    pub fn new(options: &Options, sandbox: Arc<dyn Sandbox>, annexes: Arc<Annexes>) -> Self {
        Self {
            options: options.clone(),
            sandbox,
            annexes,
        }
    }

    /// Starts a browser for the task of this place. It reaches what `front` leads to, and shows an empty page.
    pub async fn launch(&self, place: &Place, front: Front) -> Result<Running, LaunchError> {
        let options = self.options.clone();
        let (annexes, wanted) = (Arc::clone(&self.annexes), place.clone());
        let made = tokio::task::spawn_blocking(move || {
            let program = found::program(&options).ok_or(LaunchError::Missing)?;
            Ok::<_, LaunchError>((program, annexes.make(&wanted)?))
        });
        let (program, place) = made.await.map_err(io::Error::other)??;
        let session = self.start(&program, &place, &front).await?;
        let address = address(&session).await?;
        let version = Running::ask_version(&session, &address).await?;
        Ok(Running {
            session,
            address,
            version,
            front,
            place,
        })
    }

    async fn start(
        &self,
        program: &Path,
        place: &Entered,
        front: &Front,
    ) -> Result<Session, LaunchError> {
        let mut argv = vec![program.to_string_lossy().into_owned()];
        argv.extend(arguments());
        let program = Program {
            argv,
            environment: Vec::new(),
            place: place.clone(),
            wall_time: Duration::from_millis(self.options.session_time_ms_max),
            ports: vec![front.port()],
            input: None,
        };
        Ok(self.sandbox.start_browser(program).await?)
    }
}

/// Waits until a browser says where its DevTools are.
async fn address(session: &Session) -> Result<Address, LaunchError> {
    let until = Instant::now() + ADDRESS_WITHIN;
    let mut said = String::new();
    let mut awaited = MARK;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        session.settle(Some(awaited), left).await;
        let unread = session.take_unread(SAID_BYTES_MAX);
        said.push_str(&String::from_utf8_lossy(&unread.bytes));
        if let Some(address) = Address::read(&said) {
            return Ok(address);
        }
        if let Some(over) = session.over() {
            return Err(LaunchError::NotStarted(format!(
                "it {}{}",
                how(&over),
                last_lines(&said)
            )));
        }
        if left.is_zero() {
            session.end().await;
            return Err(LaunchError::NotStarted(format!(
                "it did not say within {} s where its DevTools are{}",
                ADDRESS_WITHIN.as_secs(),
                last_lines(&said)
            )));
        }
        if said.contains(MARK) {
            // The rest of the line is on its way.
            awaited = "\n";
        }
    }
}

fn how(over: &Over) -> String {
    if over.out_of_memory.is_some() {
        return "was ended for want of memory".to_owned();
    }
    match &over.ended {
        Some(Ended::Exited { status }) => format!("ended with status {status}"),
        Some(Ended::Killed { reason }) => format!("was ended: {reason}"),
        None => "was ended".to_owned(),
    }
}

/// What a browser complained of last, for whoever has to cure it.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = lines.len().saturating_sub(LINES_TOLD);
    let last = lines.get(from..).unwrap_or_default();
    if last.is_empty() {
        return ", and said nothing".to_owned();
    }
    format!("; it said last: {}", last.join(" | "))
}
