//! Waits for something to be so in a tab: a text that appears or goes, an address.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Tab;
use crate::driver::{CallError, Frames};

/// How long until a page is looked at again. Its events wake us earlier.
const AGAIN: Duration = Duration::from_millis(200);

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A text that is seen in any frame.
    Text(String),
    /// That a text is seen in no frame.
    Gone(String),
    /// That the address of the tab contains this.
    Url(String),
}

impl Tab {
    /// Waits until it is so. False when it was not within the time.
    pub async fn wait_for(&self, wanted: &Wanted, within: Duration) -> Result<bool, CallError> {
        let end = Instant::now() + within;
        loop {
            let mut changed = self.inner.changed.subscribe();
            match tokio::time::timeout_at(end, self.is_so(wanted)).await {
                Ok(Ok(true)) => return Ok(true),
                Ok(Ok(false)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Ok(false),
            }
            if Instant::now() >= end {
                return Ok(false);
            }
            tokio::select! {
                () = sleep(AGAIN) => {}
                () = sleep_until_event(&mut changed), if matches!(wanted, Wanted::Url(_)) => {}
            }
        }
    }

    async fn is_so(&self, wanted: &Wanted) -> Result<bool, CallError> {
        match wanted {
            Wanted::Url(part) => Ok(self.url()?.contains(part)),
            Wanted::Text(text) => self.shows(text).await,
            Wanted::Gone(text) => self.shows(text).await.map(|is_shown| !is_shown),
        }
    }

    /// Whether a text is seen in any frame. Spaces of any kind and number are one.
    async fn shows(&self, text: &str) -> Result<bool, CallError> {
        let wanted: Vec<&str> = text.split_whitespace().collect();
        let script = format!(
            "(document.body?.innerText ?? '').replace(/\\s+/g, ' ').includes({})",
            json!(wanted.join(" "))
        );
        self.known(|_| ())?;
        for frame in self.frames() {
            match self.evaluate(&frame, &script).await {
                Ok(Value::Bool(true)) => return Ok(true),
                // A frame that went meanwhile shows nothing.
                Ok(_)
                | Err(CallError::Gone(_) | CallError::Refused { .. } | CallError::Script(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

async fn sleep_until_event(changed: &mut tokio::sync::watch::Receiver<()>) {
    // An error means that there will be none; the other sleep ends this one.
    if changed.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
