//! `shell_start`, `shell_read`, `shell_write`, `shell_stop`: programs in the background, such as servers, interpreters and long builds.
//!
//! They are as repeatable as `shell`: such a program ends with our process, and before a call whose outcome is unknown
//! is repeated the workspace is put back. A model that comes back to a program that is gone is told so.

use std::sync::Arc;
use std::time::Duration;

use agent_core::policy::Source;
use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::shell::{self, not_started};
use super::{Context, Tool, object, spec};
use crate::network;
use crate::options::Options;
use crate::sandbox::Program;
use crate::sessions::{self, AT_ONCE_MAX, Background};

/// How long a call waits for output when the model names no time.
const WAIT_S: u64 = 2;
/// The longest time that a model may wait in one call.
const WAIT_S_MAX: u64 = 120;
/// A terminal cuts longer lines, and says nothing.
const LINE_BYTES_MAX: usize = 4000;
/// A program that does not read its input takes a few kilobytes of it.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

fn wait_properties() -> Value {
    json!({
        "wait_s": {
            "type": "integer", "minimum": 0, "maximum": WAIT_S_MAX,
            "description": format!("Longest time to wait for output, in seconds; {WAIT_S} if absent. It comes back earlier when the program ends or has printed something and then falls silent.")
        },
        "until": {
            "type": "string", "minLength": 1,
            "description": "Come back as soon as this text is printed, such as \"listening on\". Silence does not end the wait then."
        }
    })
}

fn with_wait(mut properties: Value, required: &[&str]) -> Value {
    if let (Some(properties), Value::Object(wait)) = (properties.as_object_mut(), wait_properties())
    {
        properties.extend(wait);
    }
    object(&properties, required)
}

fn session_property() -> Value {
    json!({"type": "string", "minLength": 1, "description": "The name that shell_start gave, such as \"s1\"."})
}

fn tool_spec(name: &str, description: &str, parameters: Value) -> ToolSpec {
    ToolSpec {
        files: FileUse::Changes,
        ..spec(name, description, parameters, EffectClass::Repeatable)
    }
}

/// Waits for output as the model asked to.
async fn settle(background: &Background, until: Option<&str>, wait_s: Option<u64>) {
    let within = Duration::from_secs(wait_s.unwrap_or(WAIT_S).min(WAIT_S_MAX));
    background.session.settle(until, within).await;
}

impl Context<'_> {
    /// The program that the model names, or what it is told when there is none.
    fn session(&self, name: &str) -> Result<Arc<Background>, ToolOutcome> {
        let sessions = &self.shared.sessions;
        sessions.find(&self.call.place, name).ok_or_else(|| {
            let names = sessions.names(&self.call.place);
            let there = if names.is_empty() {
                "none is there now".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            };
            ToolOutcome::say(
                false,
                format!(
                    "there is no background program {name:?}; {there}. They end when this step is moved or taken up anew, for \
                     example after a restart; files are kept. Start it again with shell_start if you still need it."
                ),
            )
        })
    }
}

pub(super) struct Start {
    wall_time: Duration,
    has_network: bool,
}

impl Start {
    pub fn new(options: &Options) -> Self {
        Self {
            wall_time: Duration::from_millis(options.session_time_ms_max),
            has_network: shell::has_network(options),
        }
    }
}

// The two ways to wait are written out in each: what is flattened takes unknown arguments in silence.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartArguments {
    command: String,
    #[serde(default)]
    network: bool,
    wait_s: Option<u64>,
    until: Option<String>,
}

#[async_trait]
impl Tool for Start {
    fn spec(&self) -> ToolSpec {
        let mut properties = json!({
            "command": {
                "type": "string", "minLength": 1,
                "description": "What bash is to run, such as \"python3 -m http.server 8000\" or \"python3 -i\"."
            }
        });
        if self.has_network {
            properties["network"] = shell::network_property();
        }
        let parameters = with_wait(properties, &["command"]);
        let description = format!(
            "Starts a bash command that goes on in the background, on a terminal of its own: a server, an interpreter, a long build. \
             Returns its name and its first output. Its files are those of /workspace, and are kept as they are when it ends or this \
             step does. Ports that it listens on are reached as \
             localhost from commands that are started later. At most {AT_ONCE_MAX} run at once; each ends with this step, and after \
             {} minutes at the latest.",
            self.wall_time.as_secs() / 60
        );
        tool_spec("shell_start", &description, parameters)
    }

    fn effect(&self, arguments: &Value) -> Option<EffectClass> {
        shell::reaches_out(arguments).then_some(EffectClass::Once)
    }

    fn is_outside(&self, arguments: &Value) -> Option<bool> {
        shell::reaches_out(arguments).then_some(true)
    }

    fn source(&self, arguments: &Value) -> Source {
        if shell::reaches_out(arguments) {
            Source::Outside
        } else {
            Source::Files
        }
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "command")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: StartArguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        if let Some(complaint) = shell::complaint(&arguments.command) {
            return Ok(ToolOutcome::say(false, complaint));
        }
        let sessions = &context.shared.sessions;
        let place = &context.call.place;
        if sessions.running(place) >= AT_ONCE_MAX {
            let names = sessions.names(place);
            return Ok(ToolOutcome::say(
                false,
                format!(
                    "{AT_ONCE_MAX} programs run in the background already ({}); stop one with shell_stop first",
                    names.join(", ")
                ),
            ));
        }
        let exit = match context.exit(arguments.network) {
            Ok(exit) => exit,
            Err(complaint) => return Ok(ToolOutcome::say(false, complaint)),
        };
        let mut environment = shell::environment(context.call);
        let mut ports = sessions.ports(place, exit.is_some()).await;
        let lent = ports.iter().map(|port| port.number).collect();
        if let Some(exit) = &exit {
            environment.extend(network::environment());
            ports.push(exit.port());
        }
        let entered = context.place()?;
        let program = Program {
            argv: shell::argv(arguments.command),
            environment,
            place: entered.clone(),
            wall_time: self.wall_time,
            ports,
            input: None,
        };
        let session = match context.shared.sandbox.start(program).await {
            Ok(session) => session,
            Err(error) => return not_started(error),
        };
        let (name, background) = sessions.add(
            place,
            &entered,
            Background {
                session,
                call: context.call.call.clone(),
                exit,
                lent,
            },
        );
        settle(&background, arguments.until.as_deref(), arguments.wait_s).await;
        context.told(&name, &background).await
    }
}

pub(super) struct Read;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadArguments {
    session: String,
    wait_s: Option<u64>,
    until: Option<String>,
}

#[async_trait]
impl Tool for Read {
    fn spec(&self) -> ToolSpec {
        let parameters = with_wait(json!({ "session": session_property() }), &["session"]);
        let description = "Shows what a background program printed since the last look, and whether it still runs. Long output is cut in \
            the middle; the answer names the file that has all of it.";
        tool_spec("shell_read", description, parameters)
    }

    fn source(&self, arguments: &Value) -> Source {
        source(arguments)
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "session")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: ReadArguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let background = match context.session(&arguments.session) {
            Ok(background) => background,
            Err(outcome) => return Ok(outcome),
        };
        settle(&background, arguments.until.as_deref(), arguments.wait_s).await;
        context.told(&arguments.session, &background).await
    }
}

pub(super) struct WriteTo;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteArguments {
    session: String,
    text: String,
    #[serde(default = "yes")]
    enter: bool,
    wait_s: Option<u64>,
    until: Option<String>,
}

/// Whether the program can reach the network.
fn is_with_network(arguments: &Value) -> bool {
    super::text(arguments, "session").is_some_and(|name| sessions::reaches_out(&name))
}

fn source(arguments: &Value) -> Source {
    if is_with_network(arguments) {
        Source::Outside
    } else {
        Source::Files
    }
}

fn yes() -> bool {
    true
}

#[async_trait]
impl Tool for WriteTo {
    fn effect(&self, arguments: &Value) -> Option<EffectClass> {
        is_with_network(arguments).then_some(EffectClass::Once)
    }

    fn is_outside(&self, arguments: &Value) -> Option<bool> {
        is_with_network(arguments).then_some(true)
    }

    fn spec(&self) -> ToolSpec {
        let parameters = with_wait(
            json!({
                "session": session_property(),
                "text": {
                    "type": "string",
                    "description": "What to type. \"\\u0003\" is Ctrl-C, \"\\u0004\" is Ctrl-D (end of input)."
                },
                "enter": {
                    "type": "boolean",
                    "description": "Whether to press Enter afterwards; true if absent. Say false for Ctrl-C and Ctrl-D."
                }
            }),
            &["session", "text"],
        );
        let description = "Types text into a background program and shows what it prints in answer. Lines have at most 4000 bytes.";
        tool_spec("shell_write", description, parameters)
    }

    fn source(&self, arguments: &Value) -> Source {
        source(arguments)
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "session")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: WriteArguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let background = match context.session(&arguments.session) {
            Ok(background) => background,
            Err(outcome) => return Ok(outcome),
        };
        if arguments
            .text
            .split('\n')
            .any(|line| line.len() > LINE_BYTES_MAX)
        {
            let said = format!(
                "a terminal takes lines of at most {LINE_BYTES_MAX} bytes; write the text to a file with file_write and let the program read that"
            );
            return Ok(ToolOutcome::say(false, said));
        }
        let mut typed = arguments.text;
        if arguments.enter && !typed.ends_with('\n') {
            typed.push('\n');
        }
        if let Err(error) = background
            .session
            .write(typed.as_bytes(), WRITE_WITHIN)
            .await
        {
            let mut outcome = context.told(&arguments.session, &background).await?;
            outcome.ok = false;
            let why = if error.kind() == std::io::ErrorKind::TimedOut {
                "the program does not read its input, and not all of the text was taken"
            } else {
                "the text could not be typed, because the program has ended"
            };
            outcome.content = format!("{why}\n{}", outcome.content);
            return Ok(outcome);
        }
        settle(&background, arguments.until.as_deref(), arguments.wait_s).await;
        context.told(&arguments.session, &background).await
    }
}

pub(super) struct Stop;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StopArguments {
    session: String,
}

#[async_trait]
impl Tool for Stop {
    fn spec(&self) -> ToolSpec {
        let parameters = object(&json!({ "session": session_property() }), &["session"]);
        let description = "Ends a background program and all that it started, waits until that is gone, and shows its last output.";
        tool_spec("shell_stop", description, parameters)
    }

    fn source(&self, arguments: &Value) -> Source {
        source(arguments)
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "session")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: StopArguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let background = match context.session(&arguments.session) {
            Ok(background) => background,
            Err(outcome) => return Ok(outcome),
        };
        background.session.stop().await;
        // That it had to be ended is what was asked for.
        let outcome = context.told(&arguments.session, &background).await?;
        Ok(ToolOutcome {
            ok: true,
            ..outcome
        })
    }
}
