//! The tools of this installation: what they are, and running one.
//!
//! A call that uses files runs in the workspace that its place names, which has to be restored first. Dropping the call's future ends what
//! it started, and so does removing the place.

use std::io;
use std::sync::Arc;

use agent_core::help::HelpAsked;
use agent_core::id::{TaskId, TenantId};
use agent_core::policy::{Outward, Source};
use agent_core::ports::blobs::Blobs;
use agent_core::ports::tool::{
    EffectClass, FileUse, NoneFree, SideEffect, ToolBox, ToolCall, ToolError, ToolOutcome, ToolSpec,
};
use agent_core::ports::workspaces::{Place, WorkspaceError};
use async_trait::async_trait;
use egress::Guard;
use serde_json::Value;

use crate::browser::{self, Launcher, Neighbours};
use crate::browsing::Browsers;
use crate::network::Gate;
use crate::options::Options;
use crate::sandbox::Sandbox;
use crate::sessions::{Servers, Sessions};
use crate::tool::{self, Context, Tool};
use crate::workspace::LocalWorkspaces;

/// All tools but `finish`, which ends a step and is the worker's own.
pub struct Toolbox {
    tools: Vec<Box<dyn Tool>>,
    specs: Vec<ToolSpec>,
    workspaces: Arc<LocalWorkspaces>,
    context: Shared,
}

/// What tools share.
pub(crate) struct Shared {
    pub options: Options,
    pub blobs: Arc<dyn Blobs>,
    pub sandbox: Arc<dyn Sandbox>,
    pub sessions: Arc<Sessions>,
    pub gate: Arc<Gate>,
    /// Absent where there is no browser.
    pub browsers: Option<Browsers>,
}

impl Toolbox {
    /// The tools, in a stable order.
    pub fn new(
        options: Options,
        workspaces: Arc<LocalWorkspaces>,
        blobs: Arc<dyn Blobs>,
        sandbox: Arc<dyn Sandbox>,
        gate: Arc<Gate>,
        guard: &Guard,
    ) -> Self {
        let tools = tool::all(&options, guard);
        let browsers = browser::is_offered(&options).then(|| {
            let annexes = workspaces.annexes();
            let launcher = Launcher::new(&options, Arc::clone(&sandbox), annexes);
            Browsers::new(launcher, &options.browser)
        });
        Self {
            specs: tools.iter().map(|tool| tool.spec()).collect(),
            tools,
            workspaces,
            context: Shared {
                options,
                blobs,
                sandbox,
                sessions: Arc::default(),
                gate,
                browsers,
            },
        }
    }

    /// The servers that background programs of a place run. Those with a way out only for whoever has one too, as
    /// through them it could be reached.
    pub fn neighbours(&self, place: &Place, with_outward: bool) -> Arc<dyn Neighbours> {
        self.context.servers(place, with_outward)
    }

    /// What the tools share.
    pub(crate) fn context(&self) -> &Shared {
        &self.context
    }

    fn tool(&self, name: &str) -> Option<(&ToolSpec, &dyn Tool)> {
        let mut found = self.specs.iter().zip(&self.tools);
        let found = found.find(|(spec, _)| spec.name == name);
        found.map(|(spec, tool)| (spec, tool.as_ref()))
    }
}

impl Shared {
    /// See [`Toolbox::neighbours`].
    pub fn servers(&self, place: &Place, with_outward: bool) -> Arc<Servers> {
        let sessions = Arc::clone(&self.sessions);
        Arc::new(Servers::new(sessions, place, with_outward))
    }
}

#[async_trait]
impl ToolBox for Toolbox {
    fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    fn effect(&self, tool: &str, arguments: &Value) -> EffectClass {
        // What is not known must be taken for the worst.
        self.tool(tool).map_or(EffectClass::Once, |(spec, tool)| {
            tool.effect(arguments).unwrap_or(spec.effect)
        })
    }

    fn is_outside(&self, tool: &str, arguments: &Value) -> bool {
        self.tool(tool)
            .is_some_and(|(spec, tool)| tool.is_outside(arguments).unwrap_or(spec.outside))
    }

    fn source(&self, tool: &str, arguments: &Value) -> Source {
        self.tool(tool)
            .map_or(Source::Own, |(_, tool)| tool.source(arguments))
    }

    fn outward(&self, tool: &str, arguments: &Value) -> Outward {
        let found = self.tool(tool);
        found.map_or(Outward::Nothing, |(spec, tool)| {
            tool::outward_of(spec, tool, arguments)
        })
    }

    fn summary(&self, tool: &str, arguments: &Value) -> String {
        let summary = self
            .tool(tool)
            .and_then(|(_, tool)| tool.summary(arguments));
        summary.unwrap_or_default()
    }

    fn help(&self, tool: &str, arguments: &Value) -> Option<HelpAsked> {
        self.tool(tool).and_then(|(_, tool)| tool.help(arguments))
    }

    fn await_person(&self, call: ToolCall) {
        self.keep_for_person(call);
    }

    fn task_ended(&self, tenant: &TenantId, task: &TaskId) {
        if let Some(browsers) = &self.context.browsers {
            browsers.task_ended(tenant, task);
        }
    }

    fn reserve(&self, tool: &str, place: &Place) -> Result<(), NoneFree> {
        match &self.context.browsers {
            Some(browsers) if tool::uses_browser(tool) => browsers.reserve(place),
            Some(_) | None => Ok(()),
        }
    }

    async fn run(&self, call: &ToolCall) -> Result<ToolOutcome, ToolError> {
        let Some((spec, tool)) = self.tool(&call.tool) else {
            let names: Vec<&str> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
            let text = format!(
                "there is no tool {:?}; the tools are: {}",
                call.tool,
                names.join(", ")
            );
            return Ok(ToolOutcome::say(false, text));
        };
        if spec.files == FileUse::None {
            let context = Context {
                call,
                place: None,
                shared: &self.context,
            };
            return tool.run(context).await;
        }
        let place = self
            .workspaces
            .enter(&call.place)
            .await
            .map_err(|error| workspace_unavailable(&error))?;
        let context = Context {
            call,
            place: Some(place.clone()),
            shared: &self.context,
        };
        let outcome = tokio::select! {
            outcome = tool.run(context) => outcome,
            () = place.stopped() => Err(ToolError::Unavailable("the workspace was removed".to_owned())),
        };
        // Programs in the background go on with theirs, whatever tool was called.
        let mut outcome = outcome?;
        let sessions = &self.context.sessions;
        sessions.add_decisions(&call.place, &mut outcome.network);
        if let Some(programs) = sessions.running_names(&call.place) {
            outcome.side_effects.push(SideEffect::Runs { programs });
        }
        Ok(outcome)
    }
}

fn workspace_unavailable(error: &WorkspaceError) -> ToolError {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    ToolError::Unavailable(cause.unwrap_or_else(|| error.to_string()))
}

pub(crate) fn machine_said_no(error: &io::Error) -> ToolError {
    ToolError::Unavailable(error.to_string())
}
