//! `errand tools` and `errand sandbox`: what a task can do and how it is caged, tried by hand in a throwaway computer.
//!
//! The computer is made as a worker makes a step's: the same tools under the same settings, a workspace of its own, the same sandbox.
//! Nothing of it is kept, and no database is opened.

use std::fs::Permissions;
use std::io::{BufRead, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_core::id::{CallId, StepId, TaskId, TenantId};
use agent_core::network::{Network, NetworkDecision, NetworkMode};
use agent_core::ports::blobs::Blobs;
use agent_core::ports::tool::{
    FileUse, Grants, SideEffect, ToolBox as _, ToolCall, ToolOutcome, ToolSpec,
};
use agent_core::ports::workspaces::{Place, Remains, WorkspaceError, Workspaces as _};
use agent_core::workspace::Manifest;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use store_blobs::LocalBlobs;
use tempfile::TempDir;
use tools::Folder;
use tools::sandbox::{Ended, Program, Run};
use tools::workspace::Entered;

use crate::client::printable_line;
use crate::config::{Config, Paths};
use crate::entropy::SystemEntropy;
use crate::wiring;

/// The computer of a task that nobody submitted.
pub(super) struct Computer {
    parts: tools::Parts,
    blobs: Arc<dyn Blobs>,
    place: Place,
    /// The files after the last call.
    files: Manifest,
    entropy: SystemEntropy,
    /// What of the network its task may reach.
    network: Option<Network>,
    /// Removed with all that is in it at the end.
    folder: TempDir,
}

/// One call of a file of calls.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    tool: String,
    #[serde(default = "nothing")]
    arguments: Value,
}

fn nothing() -> Value {
    json!({})
}

impl Computer {
    pub(super) async fn boot(config: &Config) -> Result<Self> {
        let folder = tempfile::tempdir().context("could not make a temporary folder")?;
        let scratch = Paths::within(folder.path());
        let blobs: Arc<dyn Blobs> = Arc::new(LocalBlobs::open(scratch.blobs())?);
        // The folder itself has to be passable for the command's user; copies of files are for nobody else.
        std::fs::set_permissions(scratch.blobs(), Permissions::from_mode(0o700))?;
        let mut config = config.clone();
        // Never the workers' own, whose left-overs are removed by whoever opens it.
        config.tools.folder = Some(scratch.workspaces());
        let parts = wiring::tools(&config, &scratch, Arc::clone(&blobs)).await?;
        let entropy = SystemEntropy::default();
        let computer = Self {
            parts,
            blobs,
            place: Place {
                tenant: TenantId::new(&entropy),
                task: TaskId::new(&entropy),
                step: StepId::new(&entropy),
            },
            files: Manifest::default(),
            entropy,
            network: None,
            folder,
        };
        let workspaces = &computer.parts.workspaces;
        let restored = workspaces.restore(&computer.place, &computer.files).await;
        restored.map_err(|error| explained(&error))?;
        Ok(computer)
    }

    fn spec(&self, tool: &str) -> Result<&ToolSpec> {
        named(self.parts.toolbox.specs(), tool)
    }

    /// Makes one call, as the next of this task. What is wrong with it is part of the result.
    async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value> {
        let files = self.spec(tool)?.files;
        let call = CallId::new(&self.entropy);
        let call = ToolCall {
            key: call.to_string(),
            call,
            tool: tool.to_owned(),
            arguments,
            place: self.place.clone(),
            fence: 1,
            grants: Grants {
                network: self.network.clone(),
                redirects_within: None,
                credentials: Vec::new(),
            },
        };
        let outcome = match self.parts.toolbox.run(&call).await {
            Ok(outcome) => outcome,
            Err(error) => {
                return Ok(json!({ "tool": tool, "ok": false, "error": error.to_string() }));
            }
        };
        let changed = if files == FileUse::Changes {
            self.changed().await?
        } else {
            Vec::new()
        };
        Ok(shown(tool, &outcome, &changed))
    }

    /// The paths that changed since the last look.
    async fn changed(&mut self) -> Result<Vec<String>> {
        let snapshot = self.parts.workspaces.snapshot(&self.place).await;
        let snapshot = snapshot.map_err(|error| explained(&error))?;
        let changed = snapshot.manifest.changed_since(&self.files);
        self.files = snapshot.manifest;
        Ok(changed)
    }

    /// Runs a program of ours in the cage.
    pub(super) async fn run(&self, program: impl FnOnce(Entered) -> Program) -> Result<Run> {
        let place = self.parts.workspaces.enter(&self.place).await;
        let program = program(place.map_err(|error| explained(&error))?);
        Ok(self.parts.sandbox.run(program).await?)
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

    /// Gives the folder what the command changed, unless it is to stay as it is, and says what became of it. Returns how many changes
    /// could not be made.
    async fn move_out(
        &mut self,
        folder: &Folder,
        discard: bool,
        said: &mut impl Write,
    ) -> Result<usize> {
        let path = folder.path().display();
        writeln!(said, "workspace: {path}, {} files", self.files.0.len())?;
        for left_out in &folder.left_out {
            writeln!(said, "left out: {}", printable_line(left_out))?;
        }
        let before = self.files.clone();
        let changed = self.changed().await?;
        if discard {
            writeln!(said, "discarded: changes of {} files", changed.len())?;
            return Ok(0);
        }
        let (blobs, tenant) = (self.blobs.as_ref(), &self.place.tenant);
        let given = folder
            .give_back(blobs, tenant, &before, &self.files)
            .await?;
        for path in &given.written {
            writeln!(said, "written back: {}", printable_line(path))?;
        }
        for path in &given.deleted {
            writeln!(said, "deleted: {}", printable_line(path))?;
        }
        for (path, why) in &given.kept {
            writeln!(said, "NOT written back: {}: {why}", printable_line(path))?;
        }
        Ok(given.kept.len())
    }

    /// Ends what still runs and removes the workspace.
    pub(super) async fn shut_down(self) {
        if self.parts.workspaces.discard(&self.place).await == Remains::Processes {
            eprintln!("some of its processes could not be ended; they hang in the kernel");
        }
    }
}

fn explained(error: &WorkspaceError) -> anyhow::Error {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    anyhow::anyhow!("{error}{}", cause.unwrap_or_default())
}

fn shown(tool: &str, outcome: &ToolOutcome, changed: &[String]) -> Value {
    let mut notes = Vec::new();
    let mut artifacts = Vec::new();
    let mut actions = Vec::new();
    for effect in &outcome.side_effects {
        match effect {
            SideEffect::Runs { .. } => {}
            SideEffect::Acted(acted) => actions.push(json!(acted)),
            SideEffect::Note { text } => notes.push(json!(text)),
            SideEffect::Publish {
                name,
                blob,
                media_type,
            } => artifacts
                .push(json!({ "name": name, "bytes": blob.bytes, "media_type": media_type })),
        }
    }
    json!({
        "tool": tool,
        "ok": outcome.ok,
        "content": outcome.content,
        "isolation": outcome.isolation(),
        "enforced": outcome.enforced,
        "changed_files": changed,
        "notes": notes,
        "artifacts": artifacts,
        "actions": actions,
        "network": outcome.network.named,
    })
}

fn named<'a>(specs: &'a [ToolSpec], tool: &str) -> Result<&'a ToolSpec> {
    let found = specs.iter().find(|spec| spec.name == tool);
    found.with_context(|| {
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        format!("there is no tool {tool:?}; there are {}", names.join(", "))
    })
}

/// Prints the names of the tools, each with what it does.
pub fn list(config: &Config, as_json: bool) -> Result<()> {
    let specs = wiring::tool_specs(config)?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&specs)?);
        return Ok(());
    }
    for spec in &specs {
        let first = spec.description.split_inclusive(". ").next();
        println!("{:<14} {}", spec.name, first.unwrap_or_default().trim());
    }
    Ok(())
}

/// Prints all that a model is told of one tool, and what Errand knows of it.
pub fn describe(config: &Config, tool: &str) -> Result<()> {
    let specs = wiring::tool_specs(config)?;
    println!("{}", serde_json::to_string_pretty(named(&specs, tool)?)?);
    Ok(())
}

/// Makes calls one after the other on one computer and prints a line of JSON for each. The exit status is 1 when one of them did not
/// do what was asked.
pub async fn call(
    config: &Config,
    calls: Vec<(String, Value)>,
    network: Option<Network>,
) -> Result<u8> {
    let mut computer = Computer::boot(config).await?;
    computer.network = network;
    // Before any is made: a slip in the last line must not come to light after an hour.
    for (tool, _) in &calls {
        computer.spec(tool)?;
    }
    let mut all_ok = true;
    for (tool, arguments) in calls {
        let result = computer.call(&tool, arguments).await?;
        all_ok &= result["ok"] == true;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{result}").and_then(|()| out.flush())?;
    }
    computer.shut_down().await;
    Ok(u8::from(!all_ok))
}

/// The one call of a command line.
pub fn one_call(tool: &str, arguments: Option<&str>) -> Result<Vec<(String, Value)>> {
    let arguments = arguments.map_or(Ok(nothing()), serde_json::from_str);
    let arguments = arguments.context(
        "the arguments are not JSON; write them as an object, such as '{\"path\": \"a.txt\"}'",
    )?;
    Ok(vec![(tool.to_owned(), arguments)])
}

/// The calls of a file: one JSON object with `tool` and `arguments` in each line.
pub fn calls_of(lines: impl BufRead) -> Result<Vec<(String, Value)>> {
    let mut calls = Vec::new();
    for (at, line) in lines.lines().enumerate() {
        let line = line.context("the file of calls could not be read")?;
        if line.trim().is_empty() {
            continue;
        }
        let call: Line = serde_json::from_str(&line).with_context(|| {
            format!("line {} is not a call; write {{\"tool\": \"shell\", \"arguments\": {{\"command\": \"ls\"}}}}", at + 1)
        })?;
        calls.push((call.tool, call.arguments));
    }
    if calls.is_empty() {
        bail!("there is no call in the file");
    }
    Ok(calls)
}

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

/// Runs one command in the cage of `shell`, prints what it prints and then, as errors, what was enforced and what was written back.
/// The exit status is the command's, and 125 where it was ended or a change could not be written back.
pub async fn run(config: &Config, asked: Asked) -> Result<u8> {
    let mut computer = Computer::boot(config).await?;
    let folder = match &asked.workspace {
        Some(path) => Some(computer.move_in(config, path).await?),
        None => None,
    };
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
    let wall_time_ms = asked
        .timeout_s
        .map_or(config.tools.wall_time_ms, |s| s.saturating_mul(1_000));
    let program = |place| Program {
        argv: asked.argv,
        environment,
        place,
        input: None,
        ports: exit.iter().map(tools::Exit::port).collect(),
        wall_time: Duration::from_millis(wall_time_ms.min(config.tools.wall_time_ms_max)),
    };
    let run = computer.run(program).await?;
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    out.write_all(run.stdout.text().as_bytes())?;
    out.flush()?;
    err.write_all(run.stderr.text().as_bytes())?;
    writeln!(err, "--- errand: {}", how_it_ended(&run))?;
    for line in run.enforced.lines() {
        writeln!(err, "{line}")?;
    }
    if !run.enforced.lacks.is_empty() {
        writeln!(
            err,
            "`errand doctor` says what to do about what is not enforced"
        )?;
    }
    for decision in exit.iter().flat_map(|exit| exit.take_decisions().named) {
        writeln!(err, "network: {}", in_words(&decision))?;
    }
    let kept = match &folder {
        Some(folder) => computer.move_out(folder, asked.discard, &mut err).await?,
        None => 0,
    };
    computer.shut_down().await;
    Ok(match run.ended {
        Ended::Exited { status } if kept == 0 => u8::try_from(status).unwrap_or(u8::MAX),
        Ended::Exited { .. } | Ended::Killed { .. } => 125,
    })
}

fn granting(network: Network) -> Grants {
    Grants {
        network: Some(network),
        redirects_within: None,
        credentials: Vec::new(),
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
    fn a_file_of_calls_is_read_line_by_line_and_a_wrong_line_is_named() {
        let good = "{\"tool\": \"note\", \"arguments\": {\"text\": \"hi\"}}\n\n{\"tool\": \"file_list\"}\n";
        let calls = calls_of(good.as_bytes()).unwrap();
        assert_eq!(
            calls,
            [
                ("note".to_owned(), json!({"text": "hi"})),
                ("file_list".to_owned(), json!({}))
            ]
        );
        for (wrong, said) in [
            ("{\"tool\": \"note\"}\nnote hi\n", "line 2 is not a call"),
            ("{\"tool\": \"note\", \"args\": {}}", "line 1 is not a call"),
            ("\n", "no call in the file"),
        ] {
            let error = calls_of(wrong.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
