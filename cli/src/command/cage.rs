//! `errand sandbox run`: one command in the cage of `shell`, by hand, on the files of a folder if one is named.
//!
//! What it changed is brought back before a word is printed, for whoever reads may be gone. A signal ends the command, and what it had
//! changed by then is brought back as after any other end; a second signal ends all at once.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use agent_core::network::{Network, NetworkDecision, NetworkMode};
use agent_core::ports::tool::Grants;
use agent_core::ports::workspaces::Workspaces as _;
use anyhow::{Context, Result, anyhow, bail};
use tokio::signal::unix::SignalKind;
use tokio::sync::watch;
use tools::sandbox::{Ended, Program, Run};
use tools::{Changes, Folder};

use super::computer::{Computer, explained};
use crate::client::printable_line;
use crate::config::Config;
use crate::stop::Signals;

/// Exit status where the command was ended, or something that it changed could not be brought back.
const NOT_AS_ASKED: u8 = 125;
/// Things that are not brought back and are named one by one.
const NAMED_MAX: usize = 50;

/// A command to run by hand.
pub struct Asked {
    pub argv: Vec<String>,
    pub timeout_s: Option<u64>,
    /// What of the network it may reach, within what tasks can be given.
    pub network: Option<Network>,
    /// The folder whose files it works on; without one it begins with none.
    pub workspace: Option<PathBuf>,
    /// Whether the folder stays as it is.
    pub discard: bool,
}

/// Runs one command in the cage of `shell`, prints what it printed and then, as errors, what was enforced and what was brought back.
/// The exit status is the command's; 125 where it was ended or a change could not be brought back; 128 and its number after a signal.
pub async fn run(config: &Config, asked: Asked) -> Result<u8> {
    let wall_time = wall_time(config, asked.timeout_s)?;
    let mut signals = Signals::take()?;
    let (tell, told) = watch::channel(None);
    let mut work = Box::pin(attend(config, asked, wall_time, told));
    loop {
        tokio::select! {
            done = &mut work => return done,
            signal = signals.next() => {
                if tell.borrow().is_some() {
                    // The tree ends with it, and the folder goes.
                    drop(work);
                    // Not by returning: that would wait for file work, and for whoever does not read what is printed.
                    std::process::exit(i32::from(status_after(signal)));
                }
                tell.send_replace(Some(signal));
            }
        }
    }
}

fn status_after(signal: SignalKind) -> u8 {
    u8::try_from(128 + signal.as_raw_value()).unwrap_or(u8::MAX)
}

/// How long it may run; a time that it could not have is refused.
fn wall_time(config: &Config, timeout_s: Option<u64>) -> Result<Duration> {
    let most_ms = config.tools.wall_time_ms_max;
    let usual_ms = config.tools.wall_time_ms.min(most_ms);
    let Some(seconds) = timeout_s else {
        return Ok(Duration::from_millis(usual_ms));
    };
    if seconds == 0 {
        bail!(
            "--timeout 0 would end the command before it begins; name at least 1 second, or leave it out for {} s (tools.wall_time_ms)",
            usual_ms / 1_000
        );
    }
    if seconds.saturating_mul(1_000) > most_ms {
        bail!(
            "--timeout {seconds} is more than the {} s that a command may run; name less, or raise tools.wall_time_ms_max (ERRAND_TOOLS__WALL_TIME_MS_MAX)",
            most_ms / 1_000
        );
    }
    Ok(Duration::from_secs(seconds))
}

/// What a signal says, once one came.
type Told = watch::Receiver<Option<SignalKind>>;

async fn attend(config: &Config, asked: Asked, wall_time: Duration, told: Told) -> Result<u8> {
    let mut computer = Computer::boot(config).await?;
    let folder = match &asked.workspace {
        Some(path) => Some(computer.move_in(config, path).await?),
        None => None,
    };
    // It came before anything was run, so there is nothing to bring back.
    let early = *told.borrow();
    if let Some(signal) = early {
        computer.shut_down().await;
        return Ok(status_after(signal));
    }
    let network = asked
        .network
        .filter(|network| network.mode != NetworkMode::None);
    let tenant = &computer.place.tenant;
    let gate = &computer.parts.gate;
    let exit = network.map(|network| gate.open(tenant, &granting(network)));
    let exit = exit.transpose().map_err(anyhow::Error::msg)?;
    let mut environment = Vec::new();
    if exit.is_some() {
        environment = tools::proxy_environment();
    }
    let program = |place| Program {
        argv: asked.argv,
        environment,
        place,
        input: None,
        ports: exit.iter().map(tools::Exit::port).collect(),
        wall_time,
    };
    let run = computer.run_or_stop(program, told.clone()).await?;
    let back = match &folder {
        Some(folder) => computer.move_out(folder, asked.discard).await,
        None => Back::default(),
    };
    computer.shut_down().await;
    let status = match &run.ended {
        Ended::Exited { status } if back.kept == 0 => u8::try_from(*status).unwrap_or(u8::MAX),
        Ended::Exited { .. } | Ended::Killed { .. } => NOT_AS_ASKED,
    };
    let decisions = exit.map(|exit| exit.take_decisions().named);
    let decisions = decisions.unwrap_or_default();
    // Who does not read what is printed makes it wait, and must not keep signals from being heard.
    let printing = tokio::task::spawn_blocking(move || print(&run, &decisions, &back));
    printing.await??;
    let signal = *told.borrow();
    Ok(signal.map_or(status, status_after))
}

/// What became of the folder.
#[derive(Default)]
struct Back {
    /// In words, a line each.
    lines: Vec<String>,
    /// How many changes could not be made.
    kept: usize,
}

impl Computer {
    /// Runs a program to its end, which a signal hastens.
    async fn run_or_stop(
        &self,
        program: impl FnOnce(tools::workspace::Entered) -> Program,
        mut told: Told,
    ) -> Result<Run> {
        let mut running = pin!(self.run(program));
        tokio::select! {
            // First, for it enters the workspace: what enters later is not ended with it.
            biased;
            run = &mut running => return run,
            _ = told.wait_for(Option::is_some) => {}
        }
        eprintln!(
            "errand: told to stop; once more ends all at once, and loses what is not brought back by then"
        );
        let calm = self.parts.workspaces.calm(&self.place);
        let (run, _) = tokio::join!(running, calm);
        run
    }

    /// Fills the workspace with the files of a folder.
    async fn move_in(&mut self, config: &Config, path: &Path) -> Result<Folder> {
        let taken = async {
            let mut folder = Folder::open(path)?;
            if self.folder.path().starts_with(folder.path()) {
                let own = self.folder.path().display();
                bail!(
                    "it holds {own}, which the command's computer is made of; set TMPDIR to a folder outside"
                );
            }
            let blobs = self.blobs.as_ref();
            let taken = folder.take(blobs, &self.place.tenant, &config.tools);
            anyhow::Ok((taken.await?, folder))
        };
        let taken = taken.await;
        let (files, folder) =
            taken.with_context(|| format!("{} cannot be worked on", path.display()))?;
        let restored = self.parts.workspaces.restore(&self.place, &files).await;
        restored.map_err(|error| explained(&error))?;
        self.files = files;
        Ok(folder)
    }

    /// Gives the folder what the command changed, unless it is to stay as it is, and tells what became of it.
    async fn move_out(&mut self, folder: &Folder, discard: bool) -> Back {
        let path = folder.path().display();
        let mut lines = vec![format!("workspace: {path}, {} files", self.files.0.len())];
        let left_out = folder.left_out.iter();
        lines.extend(left_out.map(|what| format!("left out: {}", printable_line(what))));
        match self.give_back(folder, discard, &mut lines).await {
            Ok(kept) => Back { lines, kept },
            Err(error) => {
                lines.push(format!("NOT written back: {error:#}"));
                Back { lines, kept: 1 }
            }
        }
    }

    async fn give_back(
        &mut self,
        folder: &Folder,
        discard: bool,
        lines: &mut Vec<String>,
    ) -> Result<usize> {
        let before = self.files.clone();
        let changed = self.changed().await.map_err(|error| {
            let why = explained(&error);
            anyhow!("anything, so the folder is as it was: {why} (tools.workspace_bytes_max and tools.workspace_files_max say how large it may be)")
        })?;
        if discard {
            lines.push(format!("discarded: changes of {} files", changed.len()));
            return Ok(0);
        }
        let place = self.parts.workspaces.enter(&self.place).await;
        let place = place.map_err(|error| explained(&error))?;
        let others = tools::others(place.directory()).await?;
        drop(place);
        let work = Changes {
            before: &before,
            after: &self.files,
            others: &others,
        };
        let (blobs, tenant) = (self.blobs.as_ref(), &self.place.tenant);
        let given = folder.give_back(blobs, tenant, work).await?;
        let line = |word: &str, path: &String| format!("{word}: {}", printable_line(path));
        lines.extend(given.written.iter().map(|path| line("written back", path)));
        lines.extend(given.deleted.iter().map(|path| line("deleted", path)));
        for (path, why) in &given.kept {
            lines.push(format!("{}: {why}", line("NOT written back", path)));
        }
        for (path, kind) in others.iter().take(NAMED_MAX) {
            let said = line("not brought back", path);
            lines.push(format!("{said} ({kind}; only files are)"));
        }
        if let Some(more @ 1..) = others.len().checked_sub(NAMED_MAX) {
            lines.push(format!("not brought back: {more} more of such"));
        }
        Ok(given.kept.len())
    }
}

fn print(run: &Run, decisions: &[NetworkDecision], back: &Back) -> Result<()> {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    out.write_all(run.stdout.text().as_bytes())?;
    out.flush()?;
    err.write_all(run.stderr.text().as_bytes())?;
    writeln!(err, "--- errand: {}", how_it_ended(run))?;
    for line in run.enforced.lines() {
        writeln!(err, "{line}")?;
    }
    if !run.enforced.lacks.is_empty() {
        writeln!(
            err,
            "`errand doctor` says what to do about what is not enforced"
        )?;
    }
    for decision in decisions {
        writeln!(err, "network: {}", in_words(decision))?;
    }
    for line in &back.lines {
        writeln!(err, "{line}")?;
    }
    Ok(())
}

fn granting(network: Network) -> Grants {
    Grants {
        network: Some(network),
        ..Grants::default()
    }
}

fn in_words(decision: &NetworkDecision) -> String {
    let (host, port, times) = (&decision.host, decision.port, decision.times);
    match &decision.refused {
        Some(reason) => format!("{host}:{port} refused, {times} times: {reason}"),
        None => format!(
            "{host}:{port} let through, {times} times, {} bytes up, {} down",
            decision.bytes_up, decision.bytes_down
        ),
    }
}

fn how_it_ended(run: &Run) -> String {
    let took = run.took.as_secs_f64();
    let mut text = match &run.ended {
        Ended::Exited { status } => format!("exit status {status} after {took:.1} s"),
        Ended::Killed { reason } => format!("killed after {took:.1} s: {reason}"),
    };
    if let Some(scope) = run.out_of_memory {
        let more = "; a process was killed because it needed more memory than there is for";
        text = format!("{text}{more} {scope}");
    }
    let memory = run
        .memory_peak_bytes
        .map(|bytes| format!("; at most {} KiB of memory", bytes / 1_024));
    text + &memory.unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_a_command_could_not_have_is_refused_and_not_cut() {
        let mut config = Config::default();
        config.tools.wall_time_ms = 60_000;
        config.tools.wall_time_ms_max = 90_000;
        let seconds = |asked| wall_time(&config, asked).map(|time| time.as_secs());
        assert_eq!(seconds(None).unwrap(), 60);
        assert_eq!(seconds(Some(90)).unwrap(), 90);
        for (asked, words) in [
            (0, "name at least 1 second, or leave it out for 60 s"),
            (91, "more than the 90 s that a command may run"),
            (u64::MAX, "more than the 90 s"),
        ] {
            let said = seconds(Some(asked)).unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        }
    }
}
