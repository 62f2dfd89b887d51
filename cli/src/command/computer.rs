//! `errand tools`: what a task can do, tried by hand in a throwaway computer.
//!
//! The computer is made as a worker makes a step's: the same tools under the same settings, a workspace of its own, the same sandbox.
//! Nothing of it is kept, and no database is opened.

use std::fs::Permissions;
use std::io::{BufRead, Write};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use agent_core::id::{CallId, StepId, TaskId, TenantId};
use agent_core::network::Network;
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
use tools::sandbox::{Program, Run};
use tools::workspace::Entered;

use crate::config::{Config, Paths};
use crate::entropy::SystemEntropy;
use crate::wiring;

/// The computer of a task that nobody submitted.
pub(super) struct Computer {
    pub parts: tools::Parts,
    pub blobs: Arc<dyn Blobs>,
    pub place: Place,
    /// The files after the last call.
    pub files: Manifest,
    entropy: SystemEntropy,
    /// What of the network its task may reach.
    network: Option<Network>,
    /// Removed with all that is in it at the end.
    pub folder: TempDir,
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
                apart: false,
                credentials: Vec::new(),
            },
        };
        let mut outcome = match self.parts.toolbox.run(&call).await {
            Ok(outcome) => outcome,
            Err(error) => {
                return Ok(json!({ "tool": tool, "ok": false, "error": error.to_string() }));
            }
        };
        let changed = if files == FileUse::Changes {
            self.keep_files(&mut outcome).await?
        } else {
            Vec::new()
        };
        Ok(shown(tool, &outcome, &changed))
    }

    /// The paths that a call changed. A workspace that grew too large is put back as it was, as a worker does, and the call has failed.
    async fn keep_files(&mut self, outcome: &mut ToolOutcome) -> Result<Vec<String>> {
        let what = match self.changed().await {
            Ok(changed) => return Ok(changed),
            Err(WorkspaceError::TooLarge(what)) => what,
            Err(error) => return Err(explained(&error)),
        };
        let restored = self.parts.workspaces.restore(&self.place, &self.files);
        restored.await.map_err(|error| explained(&error))?;
        outcome.ok = false;
        outcome.content = format!(
            "{what}. All file changes of this call were undone, and programs in the background were ended.\n\n{}",
            outcome.content
        );
        Ok(Vec::new())
    }

    /// The paths that changed since the last look.
    pub(super) async fn changed(&mut self) -> Result<Vec<String>, WorkspaceError> {
        let snapshot = self.parts.workspaces.snapshot(&self.place).await?;
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

    /// Ends what still runs and removes the workspace.
    pub(super) async fn shut_down(self) {
        if self.parts.workspaces.discard(&self.place).await == Remains::Processes {
            eprintln!("some of its processes could not be ended; they hang in the kernel");
        }
    }
}

pub(super) fn explained(error: &WorkspaceError) -> anyhow::Error {
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
