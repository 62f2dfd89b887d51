//! One tab: where it is, where it goes, and what it shows.
//!
//! A [`Tab`] is a name and costs nothing to keep or to copy. Once its page is closed every call ends with [`CallError::Gone`].

pub mod address;
mod cast;
mod dialog;
mod navigate;
mod picture;
mod settle;
mod wait;
mod world;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

pub(crate) use self::cast::Cast;
pub use self::navigate::{Arrival, Came, NavigateError};
pub use self::settle::{Settled, Start};
pub use self::wait::Wanted;
pub(crate) use self::world::NAME as WORLD;
use crate::browser::{Dialog, Inner, TabState};
use crate::driver::{CallError, SessionId, TargetId};

/// A tab of a browser.
#[derive(Debug, Clone)]
pub struct Tab {
    pub(crate) inner: Arc<Inner>,
    id: TargetId,
}

impl PartialEq for Tab {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Tab {
    pub(crate) fn new(inner: Arc<Inner>, id: TargetId) -> Self {
        Self { inner, id }
    }

    /// Its name in the browser, which no other tab gets.
    pub fn id(&self) -> &TargetId {
        &self.id
    }

    /// Something of what is known of it now.
    pub(crate) fn known<T>(&self, look: impl FnOnce(&mut TabState) -> T) -> Result<T, CallError> {
        self.inner.state().tab(&self.id).map(look)
    }

    /// The address that it shows.
    pub fn url(&self) -> Result<String, CallError> {
        self.known(|tab| tab.url())
    }

    /// The tab whose page opened it.
    pub fn opener(&self) -> Result<Option<TargetId>, CallError> {
        self.known(|tab| tab.opener.clone())
    }

    /// The dialog that waits for an answer.
    pub fn dialog(&self) -> Result<Option<Dialog>, CallError> {
        self.known(|tab| tab.dialog.clone())
    }

    /// Whether its page has crashed. Sending it somewhere mends it.
    pub fn is_crashed(&self) -> Result<bool, CallError> {
        self.known(|tab| tab.crashed)
    }

    pub(crate) fn session(&self) -> Result<SessionId, CallError> {
        self.known(|tab| tab.session.clone())
    }

    /// The title, as the browser keeps it: no page can delay the answer.
    pub async fn title(&self) -> Result<String, CallError> {
        let history = self
            .call_though_held("Page.getNavigationHistory", json!({}))
            .await?;
        let current = history["currentIndex"]
            .as_u64()
            .and_then(|index| usize::try_from(index).ok());
        let entry = current.map(|index| &history["entries"][index]);
        Ok(entry
            .and_then(|entry| entry["title"].as_str())
            .unwrap_or_default()
            .to_owned())
    }

    /// Brings it to the front. A page that is hidden paints nothing and waits with much else.
    pub async fn bring_to_front(&self) -> Result<(), CallError> {
        self.call_though_held("Page.bringToFront", json!({}))
            .await
            .map(|_| ())
    }

    /// Closes it, without asking its page.
    pub async fn close(&self) -> Result<(), CallError> {
        let id = json!({ "targetId": self.id.as_str() });
        self.inner.call("Target.closeTarget", id).await?;
        self.until(self.inner.options.limits.call, |tab| {
            tab.is_err().then_some(())
        })
        .await
        .ok_or_else(|| self.late("Target.closeTarget"))
    }

    /// Stops whatever is being loaded.
    pub async fn stop_loading(&self) -> Result<(), CallError> {
        self.call_though_held("Page.stopLoading", json!({}))
            .await
            .map(|_| ())
    }

    /// Ends the script that is running, also one that would never end.
    pub async fn end_script(&self) -> Result<(), CallError> {
        self.call_though_held("Runtime.terminateExecution", json!({}))
            .await
            .map(|_| ())
    }

    /// A call of the page at the top of the tab.
    pub(crate) async fn call(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Value, CallError> {
        let session = self.session()?;
        self.inner.call_session(&session, method, params).await
    }

    pub(crate) async fn call_though_held(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Value, CallError> {
        let session = self.session()?;
        self.inner.call_though_held(&session, method, params).await
    }

    /// Waits until `look` finds something in what is known of the tab, or in that it is gone.
    pub(crate) async fn until<T>(
        &self,
        within: Duration,
        mut look: impl FnMut(Result<&mut TabState, CallError>) -> Option<T>,
    ) -> Option<T> {
        self.inner
            .until(within, |state| look(state.tab(&self.id)))
            .await
    }

    /// Waits until the browser tells us all about it.
    pub(crate) async fn ready(&self) -> Result<(), CallError> {
        let limit = self.inner.options.limits.call;
        // A tab that was just made may not be known yet.
        let is_ready = |tab: Result<&mut TabState, CallError>| match tab {
            Ok(tab) => tab.ready.then_some(Ok(())),
            Err(CallError::Gone(_)) => None,
            Err(error) => Some(Err(error)),
        };
        self.until(limit, is_ready)
            .await
            .unwrap_or_else(|| Err(self.late("Target.attachToTarget")))
    }

    pub(crate) fn late(&self, method: &'static str) -> CallError {
        CallError::Late {
            method,
            within: self.inner.options.limits.call,
        }
    }
}
