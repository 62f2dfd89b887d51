//! What a tab shows, picture after picture, for somebody who watches it.
//!
//! The browser sends a picture when the page has changed, and no other before that one was taken: so a page that never rests costs
//! no more than its watchers look at.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Tab;
use super::picture::decoded;
use crate::driver::CallError;

/// As good as a picture that is kept.
const QUALITY: u32 = 60;

/// The pictures of a tab, as far as they came. Pure: it is made of events.
#[derive(Debug, Default)]
pub(crate) struct Cast {
    /// Whether the browser was asked for them.
    pub is_on: bool,
    last: Option<Picture>,
    count: u64,
    /// What the last one is called in the browser, until it is told that we have it.
    untold: Option<i64>,
}

/// One picture, as the browser sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Picture {
    number: u64,
    base64: Arc<str>,
}

impl Cast {
    /// A picture came.
    pub fn take(&mut self, params: &Value) {
        let Some(data) = params["data"].as_str() else {
            return;
        };
        self.count += 1;
        self.last = Some(Picture {
            number: self.count,
            base64: data.into(),
        });
        self.untold = params["sessionId"].as_i64();
    }

    fn newer(&mut self, than: u64) -> Option<(Picture, Option<i64>)> {
        let newer = self.last.clone().filter(|last| last.number > than)?;
        Some((newer, self.untold.take()))
    }
}

impl Tab {
    /// Asks for pictures, if they do not come already. A tab that is not in front sends none.
    pub async fn start_cast(&self) -> Result<(), CallError> {
        if self.known(|tab| std::mem::replace(&mut tab.cast.is_on, true))? {
            return Ok(());
        }
        let wanted = json!({ "format": "jpeg", "quality": QUALITY });
        let begun = self.call_though_held("Page.startScreencast", wanted).await;
        if begun.is_err() {
            self.known(|tab| tab.cast.is_on = false)?;
        }
        begun.map(|_| ())
    }

    /// Asks for no more of them, and forgets the last.
    pub async fn stop_cast(&self) -> Result<(), CallError> {
        let cast = self.known(|tab| std::mem::take(&mut tab.cast))?;
        if !cast.is_on {
            return Ok(());
        }
        self.call_though_held("Page.stopScreencast", json!({}))
            .await
            .map(|_| ())
    }

    /// A picture with a higher number than this one, as JPEG; nothing if none comes in time. The first has number 1, also after the
    /// pictures were stopped and started again.
    pub async fn cast(
        &self,
        after: u64,
        within: Duration,
    ) -> Result<Option<(u64, Vec<u8>)>, CallError> {
        let newer = self.until(within, |tab| match tab {
            Ok(tab) => tab.cast.newer(after).map(Ok),
            Err(error) => Some(Err(error)),
        });
        let Some(newer) = newer.await else {
            return Ok(None);
        };
        let (picture, untold) = newer?;
        if let Some(name) = untold {
            let taken = json!({ "sessionId": name });
            self.call_though_held("Page.screencastFrameAck", taken)
                .await?;
        }
        let bytes = decoded("Page.screencastFrame", &picture.base64)?;
        Ok(Some((picture.number, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_seen_is_given_and_the_browser_is_told_once() {
        let mut cast = Cast::default();
        assert_eq!(cast.newer(0), None);
        for name in [7, 8] {
            cast.take(&json!({ "data": "AAAA", "sessionId": name }));
        }
        let newest = Picture {
            number: 2,
            base64: "AAAA".into(),
        };
        assert_eq!(cast.newer(1), Some((newest.clone(), Some(8))));
        assert_eq!(cast.newer(0), Some((newest, None)), "another watcher");
        assert_eq!(cast.newer(2), None);
        cast.take(&json!({ "metadata": {} }));
        assert_eq!(cast.newer(2), None, "it has no picture");
    }
}
