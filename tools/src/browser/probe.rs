//! Whether a browser works here, found out by letting one show a page in its cage. For `errand doctor`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use agent_core::id::{StepId, TaskId, TenantId};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::workspaces::Place;
use serde_json::{Value, json};

use super::front::Front;
use super::launcher::{LaunchError, Launcher};
use super::running::Running;
use super::socket::Socket;
use crate::options::Options;
use crate::sandbox::{self, Enforcement, Lack};
use crate::workspace::{Annexes, UidPool};

const SHOWN_WITHIN: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const TITLE: &str = "errand can browse";

/// A browser that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser {
    /// What it calls itself.
    pub version: String,
    /// What it was held to.
    pub enforced: Enforcement,
}

/// Starts a browser as a task's is started, lets it show a page, and reads the page's title.
pub async fn probe(options: &Options) -> Result<Browser, Lack> {
    let wanted = options.clone();
    let made = tokio::task::spawn_blocking(move || launcher(&wanted)).await;
    let launcher = made.map_err(io::Error::other).flatten();
    let launcher = launcher.map_err(|error| broken(&error.to_string()))?;
    let running = match launcher.launch(&nobodys(), Front::default()).await {
        Ok(running) => running,
        Err(error) => return Err(lack_of(&error)),
    };
    let shown = tokio::time::timeout(SHOWN_WITHIN, show_a_page(&running)).await;
    let (version, enforced) = (running.version().to_owned(), running.enforced().clone());
    running.end().await;
    match shown {
        Ok(Ok(())) => Ok(Browser { version, enforced }),
        Ok(Err(error)) => Err(broken(&error.to_string())),
        Err(_) => Err(broken(&format!(
            "it did not show a page within {} s",
            SHOWN_WITHIN.as_secs()
        ))),
    }
}

fn launcher(options: &Options) -> io::Result<Launcher> {
    let uids = UidPool::for_this_process(options)?;
    let sandbox = sandbox::for_options(options, uids.clone())?;
    let annexes = Arc::new(Annexes::alone(options, uids)?);
    Ok(Launcher::new(options, sandbox, annexes))
}

/// A task that there is not.
fn nobodys() -> Place {
    let seeded = Seeded::new(u64::from(std::process::id()));
    Place {
        tenant: TenantId::new(&seeded),
        task: TaskId::new(&seeded),
        step: StepId::new(&seeded),
    }
}

async fn show_a_page(running: &Running) -> io::Result<()> {
    let stream = running.stream().await?;
    let mut socket = Socket::open(stream, &running.host(), running.path()).await?;
    let page = format!(
        "data:text/html,<title>{}</title>",
        TITLE.replace(' ', "%20")
    );
    let made = socket
        .call("Target.createTarget", json!({"url": page}))
        .await?;
    loop {
        let all = socket.call("Target.getTargets", json!({})).await?;
        let mut targets = all["targetInfos"].as_array().into_iter().flatten();
        let ours = targets.find(|target| target["targetId"] == made["targetId"]);
        if ours.and_then(|target| target["title"].as_str()) == Some(TITLE) {
            return Ok(());
        }
        if ours.map_or(&Value::Null, |target| &target["type"]) != "page" {
            return Err(io::Error::other("its page went away"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn lack_of(error: &LaunchError) -> Lack {
    match error {
        LaunchError::Missing => Lack::new(
            "chromium",
            error.to_string(),
            "install it: apt-get install chromium, or dnf install chromium, or set tools.chromium to its path",
        ),
        LaunchError::Sandbox(error) => Lack::new(
            "chromium",
            format!("Chromium is not started without its cage: {error}"),
            "cure what the sandbox lacks first",
        ),
        LaunchError::NotStarted(_) | LaunchError::Setup(_) => broken(&error.to_string()),
    }
}

fn broken(what: &str) -> Lack {
    Lack::new(
        "chromium",
        format!("Chromium does not work: {what}"),
        "see that it runs by hand as an ordinary user, with --headless --dump-dom about:blank; reinstall it if not",
    )
}
