//! The signals to stop: the first asks, the second insists.

use anyhow::Result;
use api::Ending;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// The signals, as they come.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals from here on. Until then they end the process as they would any other.
    pub fn take() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

/// Takes the signals from here on, and tells a server of them.
pub fn on_signals() -> Result<Ending> {
    let mut signals = Signals::take()?;
    let ending = Ending::default();
    let told = ending.clone();
    tokio::spawn(async move {
        for token in [&told.draining, &told.at_once] {
            signals.next().await;
            info!("told to stop");
            token.cancel();
        }
    });
    Ok(ending)
}
