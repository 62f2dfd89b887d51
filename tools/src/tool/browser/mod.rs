//! The tools of the browser: opening, looking, reading, acting, waiting, tabs, files, dialogs.
//!
//! Each is a [`Move`]; what is the same for all stands here. What a page says is a stranger's word, and what is typed or clicked there can
//! send whatever the page wants, so that is judged like a program with the network.

mod act;
mod ask_human;
mod dialog;
mod file;
mod look;
mod open;
mod read;
mod step;
mod tab;
mod wait;

use std::marker::PhantomData;
use std::sync::Arc;

use agent_core::help::HelpAsked;
use agent_core::network::NetworkMode;
use agent_core::policy::{Outward, Source};
use agent_core::ports::tool::{EffectClass, FileUse, ToolCall, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use browser::page::Look;
use browser::{Login, Tab};
use data_encoding::BASE64;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Context, Tool, spec};
use crate::browser::{Front, Neighbours};
use crate::browsing::{Browsers, Stopped, Told, Visit, Wanted};
use crate::options::Options;
use crate::toolbox::Shared;

/// What their names begin with.
pub(super) const NAMES: &str = "browser_";

/// All of them.
pub(super) fn all(options: &Options) -> Vec<Box<dyn Tool>> {
    let reaches_out = options.network.mode != NetworkMode::None;
    vec![
        Browse::<open::Open>::boxed(reaches_out),
        Browse::<look::LookAt>::boxed(reaches_out),
        Browse::<read::ReadText>::boxed(reaches_out),
        Browse::<act::Act>::boxed(reaches_out),
        Browse::<wait::WaitFor>::boxed(reaches_out),
        Browse::<tab::Tabs>::boxed(reaches_out),
        Browse::<file::Files>::boxed(reaches_out),
        Browse::<dialog::Answer>::boxed(reaches_out),
        Browse::<ask_human::AskHuman>::boxed(reaches_out),
    ]
}

/// What one of the tools does. Its fields are the tool's arguments.
#[async_trait]
trait Move: DeserializeOwned + Send + Sync + 'static {
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    /// What repeating it would do.
    const EFFECT: EffectClass;

    /// The same for this very call, where its arguments say more.
    fn effect(_arguments: &Value) -> EffectClass {
        Self::EFFECT
    }
    /// JSON Schema of its arguments.
    fn parameters() -> Value;
    /// What can leave through it, where the browser has a network.
    fn outward(arguments: &Value) -> Outward;
    /// What a person has to do first.
    fn help(_arguments: &Value) -> Option<HelpAsked> {
        None
    }
    /// What it works on: never what is typed.
    fn summary(arguments: &Value) -> Option<String>;
    /// Does it.
    async fn make(self, visit: &mut Visit<'_>) -> Result<Told, Stopped>;
}

/// A tool that makes a move.
struct Browse<M> {
    /// Whether browsers can reach anything but the task's own servers.
    reaches_out: bool,
    makes: PhantomData<fn() -> M>,
}

impl<M: Move> Browse<M> {
    fn boxed(reaches_out: bool) -> Box<dyn Tool> {
        Box::new(Self {
            reaches_out,
            makes: PhantomData,
        })
    }
}

#[async_trait]
impl<M: Move> Tool for Browse<M> {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            files: FileUse::Changes,
            outside: self.reaches_out,
            ..spec(M::NAME, M::DESCRIPTION, M::parameters(), M::EFFECT)
        }
    }

    fn effect(&self, arguments: &Value) -> Option<EffectClass> {
        Some(M::effect(arguments))
    }

    fn is_outside(&self, arguments: &Value) -> Option<bool> {
        let sends = match M::outward(arguments) {
            Outward::Nothing | Outward::Page => false,
            Outward::Fetch { .. }
            | Outward::Open { .. }
            | Outward::Send { .. }
            | Outward::Program
            | Outward::Uncaged => true,
        };
        Some(self.reaches_out && sends)
    }

    fn source(&self, _arguments: &Value) -> Source {
        Source::Outside
    }

    fn outward(&self, arguments: &Value) -> Option<Outward> {
        Some(if self.reaches_out {
            M::outward(arguments)
        } else {
            Outward::Page
        })
    }

    fn help(&self, arguments: &Value) -> Option<HelpAsked> {
        M::help(arguments)
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        M::summary(arguments)
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: M = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let Some(browsers) = &context.shared.browsers else {
            let text = "there is no browser here";
            return Ok(ToolOutcome::say(false, text));
        };
        let step = context.place()?.token();
        let seat = browsers.seat(&context.call.place, step);
        let wanted = match wanted(context.shared, browsers, context.call) {
            Ok(wanted) => wanted,
            Err(refused) => return Ok(ToolOutcome::say(false, refused)),
        };
        let mut visit = match Visit::begin(&context, seat.sit().await, wanted).await {
            Ok(visit) => visit,
            Err(outcome) => return outcome,
        };
        let told = arguments.make(&mut visit).await;
        visit.end(told).await
    }
}

/// What a browser of this task is started with.
pub(crate) fn wanted<'a>(
    shared: &Shared,
    browsers: &'a Browsers,
    call: &'a ToolCall,
) -> Result<Wanted<'a>, String> {
    let exit = shared.gate.browser(&call.place.tenant, &call.grants)?;
    let servers = shared.servers(&call.place, exit.is_some());
    Ok(Wanted {
        launcher: browsers.launcher(),
        place: &call.place,
        front: Front {
            exit,
            neighbours: Some(Arc::clone(&servers) as Arc<dyn Neighbours>),
            apart: call.grants.apart.then(Arc::default),
        },
        servers,
        logins: logins(call),
        download_bytes_max: shared.options.web.download_bytes_max,
    })
}

/// Stored secrets that are a name and a password for servers which ask for them, each for the origins that it is bound to.
fn logins(call: &ToolCall) -> Vec<Login> {
    let mut logins = Vec::new();
    for credential in &call.grants.credentials {
        if !credential
            .header
            .as_str()
            .eq_ignore_ascii_case("authorization")
        {
            continue;
        }
        let pair = credential.value.expose().strip_prefix("Basic ");
        let pair = pair.and_then(|pair| BASE64.decode(pair.trim().as_bytes()).ok());
        let pair = pair.and_then(|pair| String::from_utf8(pair).ok());
        let Some((user, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else {
            continue;
        };
        for origin in credential.hosts.iter().flat_map(origins) {
            logins.push(Login {
                origin,
                user: user.to_owned(),
                password: password.to_owned(),
            });
        }
    }
    logins
}

/// The origins of a host that is written out: with TLS, or with the port that was written down.
fn origins(pattern: &agent_core::credential::HostPattern) -> Vec<String> {
    let pattern = pattern.to_string();
    if pattern.starts_with("*.") {
        return Vec::new();
    }
    match pattern.rsplit_once(':') {
        Some((host, "443")) => vec![format!("https://{host}")],
        Some((host, "80")) => vec![format!("http://{host}")],
        Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            vec![format!("https://{pattern}"), format!("http://{pattern}")]
        }
        Some(_) | None => vec![format!("https://{pattern}")],
    }
}

/// What a tab shows after a call: only what changed, where that is little and all went well.
async fn report(visit: &mut Visit<'_>, tab: &Tab, went_well: bool) -> Result<String, Stopped> {
    let look = Look {
        difference: went_well,
        ..Look::default()
    };
    let name = visit.name(tab);
    let view = visit.look(tab, &look).await?;
    Ok(format!("tab {name}\n{}", view.text))
}

/// Lines, where there are some.
fn joined(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}
