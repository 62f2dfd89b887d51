//! One browser: its tabs, its downloads, and what happens in it without being asked for.
//!
//! Every page and every frame with a process of its own is held at its start until we are told what it does, so that nothing of a
//! popup escapes us. Workers are left alone.

mod downloads;
mod frames;
mod notices;
mod saved;
mod state;
mod tab_state;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

pub use self::downloads::{Download, DownloadState};
pub use self::notices::{Dialog, Notice};
pub use self::saved::Saved;
use self::state::{Rules, State};
pub(crate) use self::tab_state::TabState;
use crate::driver::{Call, CallError, Driver, SessionId, TargetId};
use crate::options::Options;
use crate::tab::{Arrival, NavigateError, Tab};

/// A browser that is being watched. The watching ends when this is dropped; the process is somebody else's.
#[derive(Debug)]
pub struct Browser {
    inner: Arc<Inner>,
    _watcher: JoinSet<()>,
}

/// What the tabs share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub driver: Arc<dyn Driver>,
    pub options: Options,
    state: Mutex<State>,
    /// Marked after every event, for whoever waits for something to be so.
    pub changed: tokio::sync::watch::Sender<()>,
}

impl Browser {
    /// Takes charge of a browser over a connection to it. Tabs that are open already are taken over.
    pub async fn attach(driver: Arc<dyn Driver>, options: Options) -> Result<Self, CallError> {
        let rules = Rules {
            tabs_max: options.tabs_max,
            download_bytes_max: options.download_bytes_max,
        };
        let inner = Arc::new(Inner {
            driver,
            options,
            state: Mutex::new(State::new(rules)),
            changed: tokio::sync::watch::Sender::new(()),
        });
        let mut watcher = JoinSet::new();
        watcher.spawn(watch::watch(Arc::clone(&inner)));
        let downloads = match &inner.options.downloads {
            Some(folder) => {
                json!({ "behavior": "allowAndName", "downloadPath": folder, "eventsEnabled": true })
            }
            None => json!({ "behavior": "deny", "eventsEnabled": true }),
        };
        inner.call("Browser.setDownloadBehavior", downloads).await?;
        let attach = json!({
            "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true, "filter": [{ "type": "page" }],
        });
        inner.call("Target.setAutoAttach", attach).await?;
        inner.know_pages().await?;
        Ok(Self {
            inner,
            _watcher: watcher,
        })
    }

    /// What the browser calls itself. Also the way to ask whether it is alive: no page can delay the answer.
    pub async fn version(&self, within: Duration) -> Result<String, CallError> {
        let answer = self
            .inner
            .send(None, "Browser.getVersion", json!({}), within)
            .await?;
        Ok(answer["product"].as_str().unwrap_or_default().to_owned())
    }

    /// Opens an empty tab, which comes to the front. Refused where there are as many as there may be.
    pub async fn open_tab(&self) -> Result<Tab, CallError> {
        let (method, most) = ("Target.createTarget", self.inner.options.tabs_max);
        if self.inner.state().tabs.len() >= most {
            let message = "there are as many tabs as there may be; close one first".to_owned();
            return Err(CallError::Refused { method, message });
        }
        let blank = json!({ "url": "about:blank" });
        let answer = self.inner.call(method, blank).await?;
        let id = TargetId::from(answer["targetId"].as_str().unwrap_or_default());
        let tab = Tab::new(Arc::clone(&self.inner), id);
        tab.ready().await?;
        Ok(tab)
    }

    /// What its owner decided about it.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// The tabs, in the order in which they came.
    pub fn tabs(&self) -> Vec<Tab> {
        let state = self.inner.state();
        let mut tabs: Vec<(u64, &TargetId)> = state
            .tabs
            .iter()
            .map(|(id, tab)| (tab.number, id))
            .collect();
        tabs.sort_unstable();
        tabs.into_iter()
            .map(|(_, id)| Tab::new(Arc::clone(&self.inner), id.clone()))
            .collect()
    }

    /// The tab with this name.
    pub fn tab(&self, id: &TargetId) -> Result<Tab, CallError> {
        self.inner.state().tab(id)?;
        Ok(Tab::new(Arc::clone(&self.inner), id.clone()))
    }

    /// Closes a tab whose page hangs or has crashed, and opens its last address in a new one. What was typed into the page is lost.
    pub async fn reopen(&self, tab: &Tab) -> Result<(Tab, Arrival), NavigateError> {
        let url = tab.url()?;
        tab.close().await?;
        let new = self.open_tab().await?;
        let arrival = new.navigate(&url).await?;
        Ok((new, arrival))
    }

    /// Downloads, the oldest first.
    pub fn downloads(&self) -> Vec<Download> {
        self.inner.state().downloads.list().to_vec()
    }

    /// A mark in what happens, for [`Browser::notices_since`].
    pub fn mark(&self) -> u64 {
        self.inner.state().notices.count()
    }

    /// What happened since the mark.
    pub fn notices_since(&self, mark: u64) -> Vec<Notice> {
        self.inner.state().notices.after(mark)
    }

    /// The first notice after the mark for which `look` finds something; waits for it.
    pub async fn notice<T>(
        &self,
        mark: u64,
        within: Duration,
        look: impl Fn(&Notice) -> Option<T>,
    ) -> Option<T> {
        let found = self.inner.until(within, |state| {
            state.notices.after(mark).iter().find_map(&look)
        });
        found.await
    }

    /// Returns when the connection to the browser has ended.
    pub async fn closed(&self) {
        self.inner.driver.closed().await;
    }

    /// Asks the browser to end itself.
    pub async fn close(&self) -> Result<(), CallError> {
        self.inner
            .call("Browser.close", json!({}))
            .await
            .map(|_| ())
    }

    /// How much is remembered of tabs that are open: sessions, frames. Nothing, once they are closed.
    pub fn remembered(&self) -> (usize, usize) {
        let state = self.inner.state();
        (
            state.owners.len(),
            state.tabs.values().map(|tab| tab.frames.len()).sum(),
        )
    }
}

impl Inner {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the pages that are there already are known. One that hangs is known later.
    async fn know_pages(&self) -> Result<(), CallError> {
        let pages = json!({ "filter": [{ "type": "page" }] });
        let answer = self.call("Target.getTargets", pages).await?;
        let there = answer["targetInfos"].as_array().map_or(0, Vec::len);
        let wanted = there.min(self.options.tabs_max);
        let known = self.until(self.options.limits.call, |state| {
            let is_ready = state.tabs.values().all(|tab| tab.ready);
            (state.tabs.len() >= wanted && is_ready).then_some(())
        });
        if known.await.is_none() {
            tracing::debug!("a browser has a page that does not answer");
        }
        Ok(())
    }

    async fn send(
        &self,
        session: Option<&SessionId>,
        method: &'static str,
        params: Value,
        within: Duration,
    ) -> Result<Value, CallError> {
        let session = session.cloned();
        self.driver
            .call(Call {
                session,
                method,
                params,
                within,
                though_held: false,
            })
            .await
    }

    /// A call of the browser itself.
    pub async fn call(&self, method: &'static str, params: Value) -> Result<Value, CallError> {
        self.send(None, method, params, self.options.limits.call)
            .await
    }

    /// A call of a session within the ordinary limit.
    pub async fn call_session(
        &self,
        session: &SessionId,
        method: &'static str,
        params: Value,
    ) -> Result<Value, CallError> {
        self.send(Some(session), method, params, self.options.limits.call)
            .await
    }

    /// As [`Inner::call_session`], within another limit.
    pub async fn call_within(
        &self,
        session: &SessionId,
        method: &'static str,
        params: Value,
        within: Duration,
    ) -> Result<Value, CallError> {
        self.send(Some(session), method, params, within).await
    }

    /// A call that the browser's own process answers, whatever the page does.
    pub async fn call_though_held(
        &self,
        session: &SessionId,
        method: &'static str,
        params: Value,
    ) -> Result<Value, CallError> {
        let within = self.options.limits.call;
        let session = Some(session.clone());
        self.driver
            .call(Call {
                session,
                method,
                params,
                within,
                though_held: true,
            })
            .await
    }

    /// Waits until `look` finds something in what is known. `None` if it did not within the limit.
    pub async fn until<T>(
        &self,
        within: Duration,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let mut changed = self.changed.subscribe();
        let search = async {
            loop {
                if let Some(found) = look(&mut self.state()) {
                    return found;
                }
                // The sender is ours, so there is always one.
                let _ = changed.changed().await;
            }
        };
        tokio::time::timeout(within, search).await.ok()
    }
}
