//! When a page is taken as it is: after a moment, once nothing that was begun is open and its document stands still. What never
//! stands still is taken as it is too, and that is said.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Tab;
use crate::driver::{CallError, Frames};

/// What an action leads to needs a moment to begin.
const BEGIN: Duration = Duration::from_millis(100);

/// How long a document must not have changed, in milliseconds.
const STILL_MS: u32 = 200;

/// How things stood before an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    requests: u64,
    pub(super) commits: u64,
    pub(super) moves: u64,
}

/// How a page came to be taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Nothing more is going on.
    Still,
    /// Time is up, and something is still going on.
    Busy,
    /// A dialog is open.
    Dialog,
}

impl Tab {
    /// How things stand, for [`Tab::settle`]. To be taken before the action.
    pub fn start(&self) -> Result<Start, CallError> {
        self.known(|tab| Start {
            requests: tab.requests_begun(),
            commits: tab.page.commits,
            moves: tab.page.moves,
        })
    }

    /// Waits until what began after `start` has ended, within the limit for actions, or for pages if a page came.
    pub async fn settle(&self, start: Start) -> Result<Settled, CallError> {
        let limits = self.inner.options.limits;
        let begun = Instant::now();
        tokio::time::sleep(BEGIN).await;
        loop {
            let comes =
                self.known(|tab| tab.page.starting.is_some() || tab.page.commits > start.commits)?;
            let limit = if comes { limits.load } else { limits.settle };
            let settled = timeout_at(begun + limit, self.one_look(start)).await;
            let grew = || {
                self.known(|tab| tab.page.starting.is_some() || tab.page.commits > start.commits)
            };
            match settled {
                Ok(Ok(Some(settled))) => return Ok(settled),
                Ok(Err(CallError::DialogOpen)) => return Ok(Settled::Dialog),
                // The document that was looked at has gone, so another has come: look at that one.
                Ok(
                    Ok(None)
                    | Err(CallError::Gone(_) | CallError::Refused { .. } | CallError::Script(_)),
                ) => {
                    self.known(|_| ())?;
                    tokio::task::yield_now().await;
                }
                Ok(Err(error)) => return Err(error),
                Err(_) if !comes && grew()? => {}
                Err(_) => return Ok(Settled::Busy),
            }
            if begun.elapsed() >= limits.load {
                return Ok(Settled::Busy);
            }
        }
    }

    /// Waits until nothing is going on, then whether the document stands still. `None` if something began meanwhile.
    async fn one_look(&self, start: Start) -> Result<Option<Settled>, CallError> {
        let forever = self.inner.options.limits.load;
        let quiet = self.until(forever, |tab| match tab {
            Err(error) => Some(Err(error)),
            Ok(tab) if tab.crashed => Some(Err(CallError::Crashed)),
            Ok(tab) if tab.dialog.is_some() => Some(Err(CallError::DialogOpen)),
            Ok(tab) => tab.is_quiet(start).then(|| Ok(tab.frames.top().cloned())),
        });
        let Some(top) = quiet.await.transpose()? else {
            return Ok(Some(Settled::Busy));
        };
        let Some(top) = top else {
            return Ok(Some(Settled::Still));
        };
        self.evaluate(&top, &still_script(forever)).await?;
        let is_quiet = self.known(|tab| tab.is_quiet(start) && tab.frames.top() == Some(&top))?;
        Ok(is_quiet.then_some(Settled::Still))
    }
}

impl crate::browser::TabState {
    fn is_quiet(&self, start: Start) -> bool {
        let page = &self.page;
        let is_here = page.starting.is_none() && (page.is_read || page.commits == start.commits);
        is_here && self.requests_open_since(start.requests) == 0
    }
}

/// A promise that is kept once the document has not changed for a while, or when nobody waits for it any more.
fn still_script(at_most: Duration) -> String {
    let at_most_ms = at_most.as_millis();
    format!(
        "new Promise(still => {{
            let timer = setTimeout(done, {STILL_MS});
            const end = setTimeout(done, {at_most_ms});
            const watch = new MutationObserver(() => {{ clearTimeout(timer); timer = setTimeout(done, {STILL_MS}); }});
            function done() {{ clearTimeout(end); watch.disconnect(); still(true); }}
            watch.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
        }})"
    )
}
