//! `shell`: runs a command in the workspace, isolated.
//!
//! In a sandbox it is repeatable although it can do anything: it has no network, and before a call whose outcome is unknown
//! is repeated the workspace is restored to the snapshot before it. So the only thing that a command can change is put back
//! first. Without a sandbox a command can change anything anywhere, so there it is `once`, with effects outside.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use agent_core::network::NetworkMode;
use agent_core::policy::{Outward, Source};
use agent_core::ports::tool::{EffectClass, FileUse, ToolCall, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Tool, cut, object, spec};
use crate::network::{self, Exit};
use crate::options::{Options, SandboxKind};
use crate::outputs::{self, Kept};
use crate::sandbox::{Captured, Ended, Program, Run, SandboxError};
use crate::tool_tree;
use crate::toolbox::machine_said_no;

/// The kernel takes no single argument above 128 KiB.
const COMMAND_BYTES_MAX: usize = 100 * 1024;

/// What a model has to know of the place where a command runs.
const CAGED: &str = "It starts in /workspace, which holds your files and is the only place whose changes are kept; /tmp is \
    emptied after each command.";
/// The same without a sandbox.
const UNCAGED: &str = "It starts in the folder that holds your files. It is NOT isolated: it sees the whole machine and its \
    network, and what it changes elsewhere stays changed. Change nothing outside that folder, and reach nothing over the \
    network, unless the task asks for it.";

pub(super) struct Shell {
    wall_time_s: u64,
    wall_time_s_max: u64,
    is_caged: bool,
    /// Whether a task can have been given a network.
    has_network: bool,
    /// What the tool tree adds to the usual programs.
    at_hand: Option<String>,
}

impl Shell {
    pub fn new(options: &Options) -> Self {
        Self {
            wall_time_s: (options.wall_time_ms / 1000).max(1),
            wall_time_s_max: (options.wall_time_ms_max / 1000).max(1),
            is_caged: options.sandbox != SandboxKind::None,
            has_network: has_network(options),
            at_hand: options.tree.as_deref().and_then(tool_tree::in_words),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    command: String,
    timeout_s: Option<u64>,
    #[serde(default)]
    network: bool,
}

#[async_trait]
impl Tool for Shell {
    fn spec(&self) -> ToolSpec {
        let mut properties = json!({
            "command": {
                "type": "string",
                "minLength": 1,
                "description": "What bash is to run. Several lines are fine."
            },
            "timeout_s": {
                "type": "integer",
                "minimum": 1,
                "maximum": self.wall_time_s_max,
                "description": format!("After how many seconds to stop it. {} if absent.", self.wall_time_s)
            }
        });
        if self.has_network {
            properties["network"] = network_property();
        }
        let parameters = object(&properties, &["command"]);
        let surroundings = match (self.is_caged, self.has_network) {
            (true, false) => format!("{CAGED} There is no network."),
            (true, true) => format!("{CAGED} There is no network unless `network` is true."),
            (false, _) => UNCAGED.to_owned(),
        };
        let background = if self.is_caged {
            " For servers and long work use shell_start."
        } else {
            ""
        };
        let at_hand = self.at_hand.as_ref().map(|words| format!(" {words}"));
        let at_hand = at_hand.unwrap_or_default();
        let description = format!(
            "Runs a bash command and returns its exit status and output. {surroundings} There is no input. Each command starts \
             anew: variables, the current directory and background processes do not last.{background} Usual command line programs are \
             there.{at_hand} Long output is cut in the middle; the answer names the file that has all of it, for you to look at parts of it."
        );
        let effect = if self.is_caged {
            EffectClass::Repeatable
        } else {
            EffectClass::Once
        };
        ToolSpec {
            files: FileUse::Changes,
            outside: !self.is_caged,
            ..spec("shell", &description, parameters, effect)
        }
    }

    fn effect(&self, arguments: &Value) -> Option<EffectClass> {
        reaches_out(arguments).then_some(EffectClass::Once)
    }

    fn is_outside(&self, arguments: &Value) -> Option<bool> {
        reaches_out(arguments).then_some(true)
    }

    fn outward(&self, _arguments: &Value) -> Option<Outward> {
        (!self.is_caged).then_some(Outward::Uncaged)
    }

    fn source(&self, arguments: &Value) -> Source {
        if self.is_caged && !reaches_out(arguments) {
            Source::Files
        } else {
            Source::Outside
        }
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "command")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        if let Some(complaint) = complaint(&arguments.command) {
            return Ok(ToolOutcome::say(false, complaint));
        }
        let exit = match context.exit(arguments.network) {
            Ok(exit) => exit,
            Err(complaint) => return Ok(ToolOutcome::say(false, complaint)),
        };
        let mut environment = environment(context.call);
        let mut ports = context
            .shared
            .sessions
            .ports(&context.call.place, exit.is_some())
            .await;
        if let Some(exit) = &exit {
            environment.extend(network::environment());
            ports.push(exit.port());
        }
        let seconds = arguments.timeout_s.unwrap_or(self.wall_time_s);
        let program = Program {
            argv: argv(arguments.command),
            environment,
            place: context.place()?,
            wall_time: Duration::from_secs(seconds.clamp(1, self.wall_time_s_max)),
            ports,
            input: None,
        };
        let run = match context.shared.sandbox.run(program).await {
            Ok(run) => run,
            Err(error) => return not_started(error),
        };
        let network = exit.map(|exit| Box::new(exit.take_decisions()));
        let network = network.unwrap_or_default();
        let shown = context.shared.options.shown_bytes_max;
        let kept = context.keep_what_is_cut(&run, shown).await?;
        Ok(ToolOutcome {
            ok: run.ended == Ended::Exited { status: 0 },
            content: describe(&run, shown, &kept) + &network::refusals(&network),
            enforced: Some(Box::new(run.enforced)),
            network,
            ..ToolOutcome::say(true, String::new())
        })
    }
}

/// Whether some task can have been given a network that commands can use.
pub(super) fn has_network(options: &Options) -> bool {
    options.sandbox != SandboxKind::None && options.network.mode != NetworkMode::None
}

/// The argument by which a model asks for the network.
pub(super) fn network_property() -> Value {
    json!({
        "type": "boolean",
        "description": "Whether it needs the network; false if absent. HTTP and HTTPS go through a proxy that is set in the \
            environment, to the hosts that this task was given; there is no DNS. Ask for it only where you need it: without \
            it a command can be repeated safely after a crash."
    })
}

/// Whether a call reaches beyond its computer, where no one can look at what it did or undo it.
pub(super) fn reaches_out(arguments: &Value) -> bool {
    arguments.get("network") == Some(&Value::Bool(true))
}

impl Context<'_> {
    /// Puts the streams that the model is not shown whole into files of the workspace.
    async fn keep_what_is_cut(&self, run: &Run, bytes_max: usize) -> Result<Vec<Kept>, ToolError> {
        let cut: Vec<(&'static str, Captured)> = shares(run, bytes_max)
            .into_iter()
            .filter(|(_, output, bytes)| output.total() > u64::try_from(*bytes).unwrap_or(u64::MAX))
            .map(|(stream, output, _)| (stream, output.clone()))
            .collect();
        if cut.is_empty() || self.shared.options.output_stored_bytes_max == 0 {
            return Ok(Vec::new());
        }
        let (options, call) = (self.shared.options.clone(), self.call.call.clone());
        let place = self.place()?;
        let keeping = tokio::task::spawn_blocking(move || {
            let cut: Vec<_> = cut
                .iter()
                .map(|(stream, output)| (*stream, output))
                .collect();
            outputs::keep(&place, &options, &call, &cut)
        });
        keeping
            .await
            .map_err(|error| ToolError::Unavailable(error.to_string()))
    }

    /// The way out, where the model asks for one; or what it is told where there is none.
    pub(super) fn exit(&self, is_wanted: bool) -> Result<Option<Arc<Exit>>, String> {
        if !is_wanted {
            return Ok(None);
        }
        let exit = self
            .shared
            .gate
            .open(&self.call.place.tenant, &self.call.grants);
        exit.map(Some)
            .map_err(|reason| format!("{reason}; run it without `network`"))
    }
}

/// What is wrong with a command, if it cannot be run at all.
pub(super) fn complaint(command: &str) -> Option<String> {
    let cannot_be_run = command.len() > COMMAND_BYTES_MAX || command.contains('\0');
    cannot_be_run.then(|| {
        format!(
            "a command has at most {COMMAND_BYTES_MAX} bytes and no zero byte; write a script with file_write and run that"
        )
    })
}

/// The program that runs a command.
pub(super) fn argv(command: String) -> Vec<String> {
    vec!["/usr/bin/bash".to_owned(), "-c".to_owned(), command]
}

/// What a command learns of the call that it is part of.
pub(super) fn environment(call: &ToolCall) -> Vec<(String, String)> {
    vec![
        ("ERRAND_IDEMPOTENCY_KEY".to_owned(), call.key.clone()),
        ("ERRAND_FENCE".to_owned(), call.fence.to_string()),
    ]
}

/// What became of a program that was not started: something that the model can mend, or an error of the machine.
pub(crate) fn not_started(error: SandboxError) -> Result<ToolOutcome, ToolError> {
    match error {
        SandboxError::Refused(text) => Err(ToolError::Refused(text)),
        full @ SandboxError::Full(..) => {
            let cure = "end what runs in the background and is not needed with shell_stop, or try again later";
            Ok(ToolOutcome::say(
                false,
                format!("it could not be started: {full}; {cure}"),
            ))
        }
        SandboxError::Setup(text) => Err(ToolError::Unavailable(text)),
        SandboxError::Unavailable(error) => Err(machine_said_no(&error)),
    }
}

/// How much of each stream is shown: short errors must not be crowded out by long output, nor the other way round.
fn shares(run: &Run, bytes_max: usize) -> [(&'static str, &Captured, usize); 2] {
    let half = bytes_max / 2;
    let beside = |other: &Captured| {
        let others = usize::try_from(other.total()).unwrap_or(usize::MAX);
        bytes_max.saturating_sub(others).max(half)
    };
    [
        ("stdout", &run.stdout, beside(&run.stderr)),
        ("stderr", &run.stderr, beside(&run.stdout)),
    ]
}

fn describe(run: &Run, bytes_max: usize, kept: &[Kept]) -> String {
    let mut text = match &run.ended {
        Ended::Exited { status } => {
            format!(
                "exit status: {status} (took {:.1} s)",
                run.took.as_secs_f64()
            )
        }
        Ended::Killed { reason } => format!("killed: {reason}"),
    };
    // Writing to a string cannot fail.
    if let Some(scope) = run.out_of_memory {
        let _ = write!(
            text,
            "\na process was killed because it needed more memory than there is for {scope}"
        );
    }
    if let Some((scope, limit)) = run.processes_refused_above {
        let _ = write!(
            text,
            "\na process or thread could not be started because {scope} may have {limit} at the same time"
        );
    }
    for (name, output, bytes) in shares(run, bytes_max) {
        let output = output.text();
        if output.is_empty() {
            continue;
        }
        let whole = kept.iter().find(|kept| kept.stream == name);
        let whole = whole.map(|kept| format!("; {}", kept.told));
        let shown = cut::middle_noted(&output, bytes, whole.as_deref().unwrap_or_default());
        let _ = write!(text, "\n--- {name}\n{}", shown.trim_end_matches('\n'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{KillReason, Probe, Scope};

    fn run(ended: Ended, stdout: &str, stderr: &str) -> Run {
        let captured = |text: &str| Captured {
            head: text.into(),
            ..Captured::default()
        };
        Run {
            ended,
            took: Duration::from_millis(1234),
            stdout: captured(stdout),
            stderr: captured(stderr),
            out_of_memory: None,
            processes_refused_above: None,
            memory_peak_bytes: None,
            enforced: Probe::refused("bubblewrap", Vec::new()).stated,
        }
    }

    #[test]
    fn a_command_is_repeatable_in_a_cage_only() {
        let spec_under = |sandbox| {
            let spec = Shell::new(&Options {
                sandbox,
                ..Options::default()
            })
            .spec();
            (spec.effect, spec.outside, spec.files)
        };
        let caged = (EffectClass::Repeatable, false, FileUse::Changes);
        assert_eq!(spec_under(SandboxKind::Bubblewrap), caged);
        assert_eq!(
            spec_under(SandboxKind::None),
            (EffectClass::Once, true, FileUse::Changes)
        );
    }

    #[test]
    fn a_model_is_told_what_a_command_can_reach() {
        let told_under = |sandbox| {
            let options = Options {
                sandbox,
                ..Options::default()
            };
            Shell::new(&options).spec().description
        };
        let caged = told_under(SandboxKind::Bubblewrap);
        assert!(caged.contains("no network") && !caged.contains("NOT isolated"));
        let open = told_under(SandboxKind::None);
        assert!(open.contains("NOT isolated") && !open.contains("no network"));
    }

    #[test]
    fn a_model_is_told_what_the_tool_tree_adds() -> std::io::Result<()> {
        let tree = tempfile::tempdir()?;
        let package = "lib/python3.13/site-packages/pandas-3.1.1.dist-info";
        std::fs::create_dir_all(tree.path().join(package))?;
        let options = Options {
            tree: Some(tree.path().to_owned()),
            ..Options::default()
        };
        let told = Shell::new(&options).spec().description;
        assert!(
            told.contains(
                "are there. python3 has these packages beside its own: pandas 3.1.1. Long"
            ),
            "{told}"
        );
        Ok(())
    }

    #[test]
    fn a_model_sees_the_status_first_and_only_the_streams_that_hold_something() {
        let ended = Ended::Exited { status: 0 };
        assert_eq!(
            describe(&run(ended.clone(), "a\nb\n", ""), 100, &[]),
            "exit status: 0 (took 1.2 s)\n--- stdout\na\nb"
        );
        assert_eq!(
            describe(&run(ended, "", ""), 100, &[]),
            "exit status: 0 (took 1.2 s)"
        );
        let reason = KillReason::WallTime(Duration::from_mins(1));
        assert_eq!(
            describe(&run(Ended::Killed { reason }, "", "x"), 100, &[]),
            "killed: wall time of 60 s\n--- stderr\nx"
        );
        let refused = Run {
            processes_refused_above: Some((Scope::Task, 256)),
            ..run(Ended::Exited { status: 1 }, "", "")
        };
        assert_eq!(
            describe(&refused, 100, &[]),
            "exit status: 1 (took 1.2 s)\na process or thread could not be started because all commands of this task together may have 256 at the same time"
        );
    }
}
