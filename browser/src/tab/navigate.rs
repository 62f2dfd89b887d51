//! Goes to addresses, back, forward, and reloads.
//!
//! Going somewhere has two parts with a limit each: until the page begins to come (its headers are there), and until it is
//! taken as it is. A page that never begins fails; one that never ends is taken as it is.

use std::time::Duration;

use serde_json::{Value, json};

use super::settle::{Settled, Start};
use super::{Tab, address};
use crate::browser::TabState;
use crate::driver::{CallError, Document};

/// How long a download may take to be told of, after the browser said that there will be no page.
const DOWNLOAD_TOLD: Duration = Duration::from_secs(1);

/// Where going somewhere led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// What came.
    pub came: Came,
    /// The address that the tab shows now.
    pub url: String,
}

/// What came of going somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Another document.
    Page(Settled),
    /// The same document at another place of it.
    SameDocument(Settled),
    /// A download, by its name; the tab shows what it showed.
    Download(String),
}

/// Why a tab did not go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NavigateError {
    /// The address is none that a tab may be sent to.
    #[error(transparent)]
    Address(#[from] address::Refused),
    /// Nothing came, for example `net::ERR_NAME_NOT_RESOLVED`.
    #[error("the page did not come: {0}")]
    Failed(String),
    /// There is nothing to go back or forward to.
    #[error("there is no page in that direction")]
    NoHistory,
    /// The browser did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Tab {
    /// Goes to an address, and waits until the page is taken as it is.
    pub async fn navigate(&self, to: &str) -> Result<Arrival, NavigateError> {
        let to = address::check(to)?;
        let (start, downloads) = (self.start()?, self.inner.state().downloads.count());
        let answer = self.send_to(to.as_str()).await;
        let answer = match answer {
            Ok(answer) => answer,
            // A page that asks something while it is read has come.
            Err(CallError::DialogOpen) if self.known(|tab| has_come(tab, start, None))? => {
                return self.arrive(start, None).await;
            }
            Err(error @ CallError::Late { .. }) => {
                // What never began must not begin later, when nobody expects it.
                self.stop_loading().await?;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        };
        let failure = answer["errorText"].as_str();
        if failure.is_some() || answer["isDownload"] == true {
            let failure = failure.unwrap_or("it is a download, and there is no place for one");
            return match self.download_after(downloads, failure).await {
                Some(guid) => Ok(Arrival {
                    came: Came::Download(guid),
                    url: self.url()?,
                }),
                None => Err(NavigateError::Failed(failure.to_owned())),
            };
        }
        let Some(document) = answer["loaderId"].as_str().map(Document::from) else {
            let settled = self.settle(start).await?;
            return Ok(Arrival {
                came: Came::SameDocument(settled),
                url: self.url()?,
            });
        };
        self.arrive(start, Some(document)).await
    }

    async fn send_to(&self, url: &str) -> Result<Value, CallError> {
        let session = self.session()?;
        let crashed = self.is_crashed()?;
        if crashed {
            // Only the page is gone. The browser can be asked, and gives the tab another one.
            self.inner.driver.release(&session);
        }
        let answer = self
            .inner
            .call_within(
                &session,
                "Page.navigate",
                json!({ "url": url }),
                self.inner.options.limits.commit,
            )
            .await;
        if crashed && answer.is_ok() {
            self.known(|tab| tab.crashed = false)?;
        }
        answer
    }

    /// Waits until the page has come, or any page if it is not known which one will, and is taken as it is.
    async fn arrive(
        &self,
        start: Start,
        document: Option<Document>,
    ) -> Result<Arrival, NavigateError> {
        let commit = self.inner.options.limits.commit;
        let came = self.until(commit, |tab| match tab {
            Err(error) => Some(Err(error)),
            Ok(tab) if has_come(tab, start, document.as_ref()) => Some(Ok(true)),
            Ok(tab) if document.is_none() && tab.page.moves > start.moves => Some(Ok(false)),
            Ok(tab) if tab.crashed => Some(Err(CallError::Crashed)),
            Ok(tab) => tab.dialog.is_some().then_some(Err(CallError::DialogOpen)),
        });
        let came = came.await.unwrap_or(Err(CallError::Late {
            method: "Page.navigate",
            within: commit,
        }));
        let is_page = match came {
            Ok(is_page) => is_page,
            Err(error @ CallError::Late { .. }) => {
                self.stop_loading().await?;
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        };
        let settled = self.settle(start).await?;
        let came = if is_page {
            Came::Page(settled)
        } else {
            Came::SameDocument(settled)
        };
        Ok(Arrival {
            came,
            url: self.url()?,
        })
    }

    /// The download of this tab that began after there were so many. It is told of a moment after the page was given up.
    async fn download_after(&self, count: usize, failure: &str) -> Option<String> {
        if failure.starts_with("net::") && failure != "net::ERR_ABORTED" {
            return None;
        }
        let found = self.inner.until(DOWNLOAD_TOLD, |state| {
            let own = |frame| {
                state
                    .tabs
                    .get(self.id())
                    .is_some_and(|tab| tab.frames.get(frame).is_some())
            };
            let new = state.downloads.after(count).iter();
            new.filter(|download| own(&download.frame))
                .map(|download| download.guid.clone())
                .next()
        });
        found.await
    }

    /// Goes back by one page.
    pub async fn back(&self) -> Result<Arrival, NavigateError> {
        self.step(-1).await
    }

    /// Goes forward by one page.
    pub async fn forward(&self) -> Result<Arrival, NavigateError> {
        self.step(1).await
    }

    async fn step(&self, by: i64) -> Result<Arrival, NavigateError> {
        let start = self.start()?;
        let history = self.call("Page.getNavigationHistory", json!({})).await?;
        let wanted = history["currentIndex"]
            .as_i64()
            .and_then(|index| usize::try_from(index + by).ok());
        let entry = wanted
            .and_then(|index| history["entries"].get(index))
            .ok_or(NavigateError::NoHistory)?;
        let url = entry["url"].as_str().unwrap_or_default();
        address::check(url)?;
        self.call(
            "Page.navigateToHistoryEntry",
            json!({ "entryId": entry["id"] }),
        )
        .await?;
        self.arrive(start, None).await
    }

    /// Loads the page again.
    pub async fn reload(&self) -> Result<Arrival, NavigateError> {
        let start = self.start()?;
        if self.is_crashed()? {
            return self.navigate(&self.url()?).await;
        }
        self.call("Page.reload", json!({})).await?;
        self.arrive(start, None).await
    }
}

fn has_come(tab: &TabState, start: Start, document: Option<&Document>) -> bool {
    document.map_or(tab.page.commits > start.commits, |document| {
        tab.page.recent.contains(document)
    })
}
