//! A new browser for a task, beside the same Chromium without a cage.
//!
//! The floor is the same program with the same arguments, as an ordinary user, from its start to the line that says where its `DevTools`
//! are, and to its answer there. Both are run in turns.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::unistd::Uid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tools::browser::{Front, arguments, program};

use super::Room;

/// Nobody's, on any machine.
const ORDINARY: u32 = 47_113;
const MARK: &str = "DevTools listening on ws://";

/// How long each took: ours, and the bare ones.
pub async fn both(room: &Room, runs: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut ours, mut bare) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    // The first of each warms the disk.
    for run in 0..=runs {
        let begun = Instant::now();
        let running = room.launcher.launch(&room.place, Front::default()).await?;
        let took = begun.elapsed();
        running.end().await;
        let alone = alone(room).await?;
        if run > 0 {
            ours.push(took.as_secs_f64() * 1e3);
            bare.push(alone.as_secs_f64() * 1e3);
        }
    }
    Ok((ours, bare))
}

async fn alone(room: &Room) -> Result<Duration> {
    // In memory, as the profile of the cage is.
    let profile = tempfile::tempdir_in("/dev/shm")?;
    let program = program(&room.options).context("Chromium is not installed")?;
    let mut command = Command::new(program);
    if Uid::effective().is_root() {
        chown(profile.path(), Some(ORDINARY), Some(ORDINARY))?;
        command.uid(ORDINARY).gid(ORDINARY);
    } else {
        std::fs::set_permissions(profile.path(), PermissionsExt::from_mode(0o700))?;
    }
    let place = format!("--user-data-dir={}", profile.path().display());
    let ours = arguments().into_iter();
    let ours = ours.filter(|argument| !argument.starts_with("--user-data-dir="));
    command
        .args(ours.chain([place]))
        .env_clear()
        .env("HOME", profile.path());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(child.stderr.take().context("no output")?).lines();
    let address = loop {
        let line = lines.next_line().await?.context("Chromium ended at once")?;
        if let Some((_, address)) = line.split_once(MARK) {
            break address.to_owned();
        }
    };
    version(&address).await?;
    let took = begun.elapsed();
    child.kill().await?;
    gone(profile.path());
    Ok(took)
}

async fn version(address: &str) -> Result<()> {
    let (host, _) = address.split_once('/').context("no path")?;
    let mut stream = TcpStream::connect(host).await?;
    let asked = format!("GET /json/version HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(asked.as_bytes()).await?;
    let mut got = [0; 64];
    stream.read_exact(&mut got).await?;
    Ok(())
}

/// Its helpers end a moment after it, and write until then.
fn gone(profile: &Path) {
    for _ in 0..50 {
        if std::fs::remove_dir_all(profile).is_ok() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
