//! The command: serves recorded scripts until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use scripted_model::journal::Journal;
use scripted_model::{Options, Scripts, start};
use tokio::signal::unix::{SignalKind, signal};

/// An OpenAI-compatible model endpoint whose words were recorded, for demonstrations and tests.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Script files, or folders of scripts (`*.json`, or folders with a `model.json`).
    #[arg(long, required = true, num_args = 1..)]
    scripts: Vec<PathBuf>,
    /// File that gets one JSON line for each request.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Pause before each answer, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let scripts = Scripts::read(&arguments.scripts)?;
    let journal = match &arguments.log {
        Some(path) => Journal::append_to(path)
            .with_context(|| format!("could not open {}", path.display()))?,
        None => Journal::default(),
    };
    let names = scripts.names().join(", ");
    let options = Options {
        scripts,
        journal,
        delay: Duration::from_millis(arguments.delay_ms),
    };
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let running = start(arguments.listen, options)
        .await
        .with_context(|| format!("could not listen on {}", arguments.listen))?;
    println!("listening on {}", running.address);
    println!(
        "base URL {}; recorded words for: {names}",
        running.base_url()
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    running.stop().await;
    Ok(())
}
