//! The signals to stop: the first asks, the second insists.

use anyhow::Result;
use api::Ending;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// Takes the signals from here on. Until then they end the process as they would any other.
pub fn on_signals() -> Result<Ending> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let ending = Ending::default();
    let told = ending.clone();
    tokio::spawn(async move {
        for token in [&told.draining, &told.at_once] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            info!("told to stop");
            token.cancel();
        }
    });
    Ok(ending)
}
