//! A task's browser while it runs, and what is kept of it while it does not: started when it is wanted, mended when it is in trouble,
//! put away when nobody wants it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use agent_core::id::StepId;
use agent_core::ports::workspaces::Place;
use agent_core::secret::Secret;
use browser::page::Seen;
use browser::recover::{ALIVE_WITHIN, History, Remedy, Trouble, Why, decide};
use browser::{
    Browser, CallError, Connection, Document, DownloadState, Frames, Login, Options, Saved, Tab,
    TargetId,
};
use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::events;
use super::tabs::Tabs;
use crate::browser::{Front, LaunchError, Launcher, Running};
use crate::sessions::Servers;

/// How long a page may take to say that it is alive, once it was late.
const PAGE_ALIVE_WITHIN: Duration = Duration::from_secs(2);

/// A shorter text cannot be told from other words.
const TYPED_CHARS_MIN: usize = 4;
/// Names of lost downloads that are told.
const LOST_MAX: usize = 20;
/// Texts of a person that are remembered.
const TYPED_MAX: usize = 100;

/// What a browser is started with.
pub(crate) struct Wanted<'a> {
    /// Who starts it.
    pub launcher: &'a Launcher,
    /// For whom.
    pub place: &'a Place,
    /// What it reaches.
    pub front: Front,
    /// The task's own servers, which `front` leads to.
    pub servers: Arc<Servers>,
    /// Names and passwords for servers that ask.
    pub logins: Vec<Login>,
    /// The largest download.
    pub download_bytes_max: u64,
}

/// Why there is no browser.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBrowser {
    /// It did not start.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// It started and cannot be spoken to.
    #[error("the browser does not speak as it should: {0}")]
    Speech(String),
    /// It had to be replaced too often.
    #[error(
        "the browser of this task ended by itself twice within ten minutes; go on without it, or try again later"
    )]
    Dies,
}

/// A browser that runs.
pub(crate) struct Live {
    pub running: Running,
    pub browser: Arc<Browser>,
    /// An empty tab that nobody uses. Chromium forgets the cookies of a session, and so all logins, when its last tab is closed.
    pub own_tab: Option<TargetId>,
    servers: Arc<Servers>,
    crashes: HashMap<TargetId, u32>,
    /// Up to where what happened was told to each step, and to those that come.
    pub told: HashMap<StepId, u64>,
    begun: u64,
    /// Downloads that were brought into a workspace.
    pub brought: HashSet<String>,
    /// Documents into which a stored secret was typed: no picture of them is kept.
    pub hidden: HashSet<Document>,
    /// How often files were lent to it.
    pub lent: u32,
}

impl Live {
    /// Where what was not told to a step yet begins.
    pub fn untold(&self, step: &StepId) -> u64 {
        self.told.get(step).copied().unwrap_or(self.begun)
    }
}

/// See the module's description.
#[derive(Default)]
pub(crate) struct Desk {
    pub live: Option<Live>,
    pub(super) tabs: Tabs,
    /// What was seen of each tab. It outlives the browser, so that no reference is ever given again.
    pub seen: HashMap<TargetId, Seen>,
    saved: Saved,
    /// What a person typed, which nobody is shown.
    pub typed: Vec<Secret>,
    /// Names of downloads that ended with a browser before they were in a workspace, until somebody is told.
    lost: Vec<String>,
    /// When a browser that ended by itself was replaced.
    replaced: Option<Instant>,
}

impl Desk {
    /// The browser, started if it does not run. Tells what the model has to know of that.
    pub async fn ready(&mut self, wanted: Wanted<'_>) -> Result<Option<&'static str>, NoBrowser> {
        let Some(live) = &mut self.live else {
            let is_first = self.saved.is_empty();
            self.start(wanted).await?;
            let back = "the browser had been closed; cookies, storage and the pages of the tabs are back, entries in forms are not";
            return Ok((!is_first).then_some(back));
        };
        live.servers.work_for(wanted.place);
        if live.browser.closed().now_or_never().is_none() {
            return Ok(None);
        }
        if live.running.over().is_none() {
            let options = live.browser.options().clone();
            if let Ok(browser) = speak(&live.running, options).await {
                live.browser = Arc::new(browser);
                return Ok(Some("the connection to the browser was made anew"));
            }
        }
        let history = History {
            last_restart: self.replaced.map(|at| at.elapsed()),
            ..History::default()
        };
        if decide(Trouble::Disconnected, history) == Remedy::Fail(Why::BrowserDies) {
            return Err(NoBrowser::Dies);
        }
        self.drop_live().await;
        self.replaced = Some(Instant::now());
        self.start(wanted).await?;
        Ok(Some(
            "the browser had ended by itself and was started anew: cookies, storage and the pages of the tabs are back, entries in forms are lost",
        ))
    }

    async fn start(&mut self, wanted: Wanted<'_>) -> Result<(), NoBrowser> {
        let running = wanted.launcher.launch(wanted.place, wanted.front).await?;
        let options = Options {
            downloads: Some(running.downloads_inside().to_owned()),
            download_bytes_max: wanted.download_bytes_max,
            logins: wanted.logins,
            // One of them is nobody's.
            tabs_max: Options::default().tabs_max + 1,
            ..Options::default()
        };
        let browser = speak(&running, options).await?;
        let own_tab = match browser.tabs().into_iter().next() {
            Some(tab) => Some(tab),
            None => browser.open_tab().await.ok(),
        };
        // What cannot be put back is missing, and the look that follows shows it.
        for (old, new) in browser.restore(&self.saved).await {
            self.tabs.replace(&old, &new);
            if let Some(seen) = self.seen.remove(&old) {
                self.seen.insert(new, seen);
            }
        }
        let lives: Vec<TargetId> = browser.tabs().iter().map(|tab| tab.id().clone()).collect();
        self.tabs.keep(|target| lives.contains(target));
        self.seen.retain(|target, _| lives.contains(target));
        let begun = browser.mark();
        self.live = Some(Live {
            running,
            browser: Arc::new(browser),
            own_tab: own_tab.map(|tab| tab.id().clone()),
            servers: wanted.servers,
            crashes: HashMap::new(),
            told: HashMap::new(),
            begun,
            brought: HashSet::new(),
            hidden: HashSet::new(),
            lent: 0,
        });
        Ok(())
    }

    /// Notes tabs that pages opened as those of the step whose page it was, and forgets those that are closed. The step works in its
    /// last tab if it worked in none.
    pub fn take_in(&mut self, step: &StepId) {
        let Some(live) = &self.live else {
            return;
        };
        let open = live.browser.tabs();
        for tab in &open {
            let opener = tab.opener().ok().flatten();
            let of = opener.and_then(|opener| self.tabs.step(&opener).cloned());
            if let Some(of) = of {
                self.tabs.add(tab.id(), &of);
            }
        }
        self.tabs
            .keep(|target| open.iter().any(|tab| tab.id() == target));
        if self.tabs.current(step).is_none()
            && let Some(last) = self.tabs.of(step).last()
        {
            self.tabs.switch(step, last);
        }
    }

    /// Notes what is in fields that a person fills.
    pub fn note_typed(&mut self, values: Vec<String>) {
        let values = values
            .into_iter()
            .filter(|value| value.chars().count() >= TYPED_CHARS_MIN);
        for value in values {
            // It was typed letter by letter.
            self.typed
                .retain(|known| !value.starts_with(known.expose()));
            self.typed.push(Secret::new(value));
        }
        let beyond = self.typed.len().saturating_sub(TYPED_MAX);
        self.typed.drain(..beyond);
    }

    /// Keeps what can be kept of the browser, for the case that it ends.
    pub async fn save(&mut self) {
        if let Some(live) = &self.live {
            let kept = live.browser.save(&self.saved).await;
            // One that has ended tells nothing; what it told before counts.
            self.saved = kept.unwrap_or_else(|| std::mem::take(&mut self.saved));
        }
    }

    /// Whether something is being downloaded.
    pub fn is_downloading(&self) -> bool {
        let runs = |live: &&Live| live.browser.closed().now_or_never().is_none();
        let live = self.live.iter().filter(runs);
        let mut downloads = live.flat_map(|live| live.browser.downloads());
        downloads.any(|one| one.state == DownloadState::Coming)
    }

    /// A line about what was being downloaded when a browser ended. It is told once.
    pub fn tell_lost(&mut self) -> Option<String> {
        if self.lost.is_empty() {
            return None;
        }
        let names: Vec<String> = self.lost.drain(..).take(LOST_MAX).collect();
        Some(format!(
            "these downloads were lost when the browser ended, begin them again: {}",
            names.join(", ")
        ))
    }

    /// Ends the browser, after what can be kept of it was kept.
    pub async fn put_away(&mut self) {
        self.save().await;
        self.drop_live().await;
    }

    async fn drop_live(&mut self) {
        if let Some(Live {
            running,
            browser,
            brought,
            ..
        }) = self.live.take()
        {
            let lost = browser.downloads().into_iter().filter(|one| {
                let is_of_use = matches!(one.state, DownloadState::Coming | DownloadState::Done);
                is_of_use && !brought.contains(&one.guid)
            });
            let names = lost.map(|one| format!("{:?}", events::one_line(&one.suggested_name)));
            self.lost.extend(names);
            drop(browser);
            running.end().await;
        }
    }

    /// Does what helps a tab that is in trouble. Tells what was done; the call that met the trouble is never made again.
    pub async fn mend(&mut self, target: &TargetId, error: &CallError) -> &'static str {
        let Some(live) = &mut self.live else {
            return "the browser has ended; the next call starts it anew";
        };
        let mut trouble = match error {
            CallError::Late { .. } => Trouble::Late,
            CallError::Crashed => Trouble::Crashed,
            CallError::Closed => {
                return "the browser has ended, or its connection has; the next call brings it back";
            }
            CallError::Refused { .. }
            | CallError::Script(_)
            | CallError::DialogOpen
            | CallError::Gone(_)
            | CallError::Unreadable { .. } => return "look at the page before you go on",
        };
        let crashes = live.crashes.entry(target.clone()).or_default();
        let mut history = History {
            process_runs: live.running.over().is_none(),
            browser_answers: live.browser.version(ALIVE_WITHIN).await.is_ok(),
            tried: None,
            crashes: *crashes,
            last_restart: self.replaced.map(|at| at.elapsed()),
        };
        *crashes += u32::from(trouble == Trouble::Crashed);
        loop {
            let remedy = decide(trouble, history);
            let (is_well, told) = match remedy {
                Remedy::StopLoading => (
                    try_on(live, target, |tab| async move { tab.stop_loading().await }).await,
                    "the page did not answer; it does again since its loading was stopped",
                ),
                Remedy::EndScript => (
                    try_on(live, target, |tab| async move { tab.end_script().await }).await,
                    "the page did not answer; it does again since a script of it was ended",
                ),
                Remedy::Reopen => {
                    let new = reopen(live, target).await;
                    if let Some(new) = &new {
                        self.tabs.replace(target, new);
                        if let Some(seen) = self.seen.remove(target) {
                            self.seen.insert(new.clone(), seen);
                        }
                    }
                    let told = match trouble {
                        Trouble::Crashed => {
                            "the page had crashed and was opened again; entries in its forms are lost"
                        }
                        Trouble::Late | Trouble::Disconnected => {
                            "the page did not answer, so it was closed and opened again; entries in its forms are lost"
                        }
                    };
                    (new.is_some(), told)
                }
                Remedy::Reconnect | Remedy::NewBrowser => {
                    self.drop_live().await;
                    self.replaced = Some(Instant::now());
                    return "the browser did not answer and was ended; the next call starts it anew, with cookies and tabs as they were saved";
                }
                Remedy::Fail(Why::PageCrashes) => {
                    return "the page crashes again and again; close the tab with browser_tab, or open another address";
                }
                Remedy::Fail(Why::PageHangs) => {
                    return "the page does not answer, not even when it is opened again; close the tab with browser_tab";
                }
                Remedy::Fail(Why::BrowserDies) => {
                    return "the browser of this task ended too often; go on without it";
                }
            };
            if is_well {
                return told;
            }
            if trouble == Trouble::Crashed {
                trouble = Trouble::Late;
            }
            history.tried = Some(remedy);
        }
    }
}

/// A connection to a browser that runs.
async fn speak(running: &Running, options: Options) -> Result<Browser, NoBrowser> {
    let speech = |error: &dyn std::error::Error| NoBrowser::Speech(error.to_string());
    let stream = running.stream().await.map_err(|error| speech(&error))?;
    let connection = Connection::open(stream, running.path()).await;
    let connection = Arc::new(connection.map_err(|error| speech(&error))?);
    let attached = Browser::attach(connection, options).await;
    attached.map_err(|error| speech(&error))
}

/// Does this to a tab. True if its page answers afterwards.
async fn try_on<F>(live: &Live, target: &TargetId, remedy: impl FnOnce(Tab) -> F) -> bool
where
    F: Future<Output = Result<(), CallError>>,
{
    let Ok(tab) = live.browser.tab(target) else {
        return false;
    };
    // A remedy that comes too late is none, and the next is tried.
    let _ = timeout(ALIVE_WITHIN, remedy(tab.clone())).await;
    answers(&tab).await
}

async fn answers(tab: &Tab) -> bool {
    let Some(top) = tab.frames().into_iter().next() else {
        return false;
    };
    let asked = timeout(PAGE_ALIVE_WITHIN, tab.evaluate(&top, "1")).await;
    matches!(asked, Ok(Ok(_) | Err(CallError::DialogOpen)))
}

/// Closes a tab and opens its address in another.
async fn reopen(live: &Live, target: &TargetId) -> Option<TargetId> {
    let tab = live.browser.tab(target).ok()?;
    let url = tab.url().ok()?;
    // It may hang so that it cannot be closed within the limit; it goes with its browser then.
    let _ = timeout(ALIVE_WITHIN, tab.close()).await;
    let new = live.browser.open_tab().await.ok()?;
    if new.navigate(&url).await.is_ok() && answers(&new).await {
        return Some(new.id().clone());
    }
    // It is nobody's, and would count.
    let _ = timeout(ALIVE_WITHIN, new.close()).await;
    None
}
