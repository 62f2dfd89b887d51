//! Log output: to standard error, as text or JSON lines.

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogOptions};

/// Starts the log of this process.
pub fn start(options: &LogOptions) -> Result<()> {
    let filter = EnvFilter::try_new(&options.filter)
        .with_context(|| format!("{:?} is not a log filter", options.filter))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match options.format {
        LogFormat::Text => log
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("could not start the log: {error}"))
}
