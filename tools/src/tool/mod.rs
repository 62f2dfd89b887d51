//! The tools, one file each.
//!
//! What a model can mend is an outcome that is not ok and says what to do; an error means that the machine refused.

mod archive_unpack;
mod browser;
mod cut;
mod document_read;
mod file_delete;
mod file_download;
mod file_edit;
mod file_list;
mod file_move;
mod file_patch;
mod file_read;
mod file_search;
mod file_write;
mod get;
mod glob;
mod growth;
mod http_request;
mod image;
mod kind;
mod note;
mod plain;
mod publish;
mod session;
mod session_told;
mod shell;
mod web_fetch;
mod web_search;

use agent_core::help::HelpAsked;
use agent_core::network::{NetworkDecision, NetworkMode};
use agent_core::policy::{Outward, Source};
use agent_core::ports::tool::{EffectClass, FileUse, ToolCall, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use egress::proxy::Connection;
use egress::{Guard, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::directory::{AccessError, normalize};
use crate::options::{Options, SandboxKind, SearchOptions};
use crate::toolbox::{Shared, machine_said_no};
use crate::workspace::Entered;

/// Files larger than this are not read into memory for a model.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

pub(crate) use browser::wanted as browser_wanted;
pub(crate) use cut::middle as cut_middle;
pub(crate) use shell::not_started;

/// One tool.
#[async_trait]
pub(crate) trait Tool: Send + Sync {
    fn spec(&self) -> ToolSpec;
    /// What repeating this very call would do, where its arguments say more than the spec.
    fn effect(&self, _arguments: &Value) -> Option<EffectClass> {
        None
    }
    /// Whether this very call may have an effect outside the sandbox, where its arguments say more than the spec.
    fn is_outside(&self, _arguments: &Value) -> Option<bool> {
        None
    }
    /// What this very call's answer is made of.
    fn source(&self, _arguments: &Value) -> Source {
        Source::Files
    }
    /// What can leave through this very call, where that is not whatever a program sends if it has an effect outside.
    fn outward(&self, _arguments: &Value) -> Option<Outward> {
        None
    }
    /// What a person has to do before this very call is made.
    fn help(&self, _arguments: &Value) -> Option<HelpAsked> {
        None
    }
    /// What this call works on: only what may be shown to everyone who may see the task.
    fn summary(&self, _arguments: &Value) -> Option<String> {
        None
    }
    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError>;
}

/// One call and what it works with.
pub(crate) struct Context<'a> {
    pub call: &'a ToolCall,
    /// The workspace, for tools that use its files.
    pub place: Option<Entered>,
    pub shared: &'a Shared,
}

/// What can leave through a call. Where a tool does not say, one with an effect outside can send anything.
pub(crate) fn outward_of(spec: &ToolSpec, tool: &dyn Tool, arguments: &Value) -> Outward {
    tool.outward(arguments).unwrap_or_else(|| {
        if tool.is_outside(arguments).unwrap_or(spec.outside) {
            Outward::Program
        } else {
            Outward::Nothing
        }
    })
}

/// All tools, in the order in which models are shown them.
pub(crate) fn all(options: &Options, guard: &Guard) -> Vec<Box<dyn Tool>> {
    let mut tools: Vec<Box<dyn Tool>> = vec![
        Box::new(shell::Shell::new(options)),
        Box::new(file_read::FileRead),
        Box::new(file_write::FileWrite),
        Box::new(file_edit::FileEdit),
        Box::new(file_patch::FilePatch),
        Box::new(file_move::FileMove),
        Box::new(file_delete::FileDelete),
        Box::new(file_list::FileList),
        Box::new(file_search::FileSearch),
        Box::new(document_read::DocumentRead),
        Box::new(archive_unpack::ArchiveUnpack),
        Box::new(note::Note),
        Box::new(publish::Publish),
    ];
    // Their terminal and their ports are handed out of a sandbox; there is no other way to them.
    if options.sandbox != SandboxKind::None {
        tools.push(Box::new(session::Start::new(options)));
        tools.push(Box::new(session::Read));
        tools.push(Box::new(session::WriteTo));
        tools.push(Box::new(session::Stop));
    }
    if crate::browser::is_offered(options) {
        tools.extend(browser::all(options));
    }
    if options.network.mode != NetworkMode::None {
        let fetch = web_fetch::WebFetch::new(&options.web, guard.clone());
        tools.push(Box::new(fetch));
        let download = file_download::FileDownload::new(&options.web, guard.clone());
        tools.push(Box::new(download));
        if let Some(guard) = search_guard(&options.search, guard) {
            tools.push(Box::new(web_search::WebSearch::new(&options.search, guard)));
        }
    }
    let http = &options.http_request;
    if http.enabled {
        tools.push(Box::new(http_request::HttpRequest::new(
            http,
            guard.clone(),
        )));
    }
    tools
}

/// Whether this tool needs a browser.
pub(crate) fn uses_browser(tool: &str) -> bool {
    tool.starts_with(browser::NAMES)
}

/// Width and height of an image in pixels.
pub(crate) fn image_size(bytes: &[u8]) -> Option<(u32, u32)> {
    image::read(bytes).map(|image| (image.width, image.height))
}

/// The way to the search service, where one is named: its operator wrote the address down, which is consent to reach it.
fn search_guard(options: &SearchOptions, guard: &Guard) -> Option<Guard> {
    let url = options.sample_url()?;
    guard.with_operator_targets(&[url]).ok()
}

/// A tool's schema: an object with these properties and no others.
fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn spec(name: &str, description: &str, parameters: Value, effect: EffectClass) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters,
        effect,
        files: FileUse::Reads,
        outside: false,
    }
}

/// An argument that is a text, as it is.
fn text(arguments: &Value, name: &str) -> Option<String> {
    let text = arguments.get(name).and_then(Value::as_str);
    text.map(str::to_owned)
}

/// Where a URL points to, without what may be secret: the user, the query and the fragment.
fn shown_address(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}"));
    Some(format!(
        "{}://{host}{}{}",
        url.scheme(),
        port.unwrap_or_default(),
        url.path()
    ))
}

/// What leaves with a GET of the address in the argument `url`, and nothing else.
fn fetched(arguments: &Value) -> Outward {
    let address = text(arguments, "url").unwrap_or_default();
    match Url::parse(&address) {
        Ok(url) => {
            let (host, port) = destination(&url);
            Outward::Fetch {
                address,
                host,
                port,
            }
        }
        // Then nothing is asked for.
        Err(_) => Outward::Nothing,
    }
}

/// Host and port of a URL, as records name them.
fn destination(url: &Url) -> (String, u16) {
    let host = url.host_str().unwrap_or_default().to_owned();
    (host, url.port_or_known_default().unwrap_or_default())
}

fn decision(host: String, port: u16, refused: Option<String>) -> NetworkDecision {
    NetworkDecision {
        host,
        port,
        refused,
        times: 1,
        bytes_up: 0,
        bytes_down: 0,
    }
}

impl Context<'_> {
    /// A connection within what all calls of the tenant may use together; or the refusal, which is recorded.
    fn connection(&self, url: &Url) -> Result<Connection, ToolOutcome> {
        let allowance = self.shared.gate.allowance(&self.call.place.tenant);
        allowance.enter().map_err(|exhausted| {
            let refused = exhausted.to_string();
            let mut outcome = ToolOutcome::say(false, format!("{refused}. Nothing was sent."));
            let (host, port) = destination(url);
            outcome.network.add(decision(host, port, Some(refused)));
            outcome
        })
    }

    /// The call's arguments, or what is wrong with them.
    fn arguments<T: DeserializeOwned>(&self) -> Result<T, ToolOutcome> {
        T::deserialize(&self.call.arguments)
            .map_err(|error| ToolOutcome::say(false, format!("the arguments do not fit: {error}")))
    }

    /// The workspace.
    pub(crate) fn place(&self) -> Result<Entered, ToolError> {
        let missing = || ToolError::Unavailable("the call has no workspace".to_owned());
        self.place.clone().ok_or_else(missing)
    }

    /// Works on the workspace's files where it may block. What the model can mend is an outcome already.
    async fn with_files<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Entered) -> Result<T, Complaint> + Send + 'static,
    ) -> Result<Result<T, ToolOutcome>, ToolError> {
        let place = self.place()?;
        let done = tokio::task::spawn_blocking(move || work(&place)).await;
        match done.map_err(|error| ToolError::Unavailable(error.to_string()))? {
            Ok(done) => Ok(Ok(done)),
            Err(Complaint::Model(text)) => Ok(Err(self.say(false, &text))),
            Err(Complaint::Machine(error)) => Err(machine_said_no(&error)),
        }
    }

    /// The same, where the model is told a text.
    async fn on_files(
        self,
        work: impl FnOnce(&Entered) -> Result<String, Complaint> + Send + 'static,
    ) -> Result<ToolOutcome, ToolError> {
        let done = self.with_files(work).await?;
        Ok(done.map_or_else(|outcome| outcome, |text| self.say(true, &text)))
    }

    /// Tells the model something, cut to what it is shown.
    fn say(&self, ok: bool, text: &str) -> ToolOutcome {
        ToolOutcome::say(ok, cut::middle(text, self.shared.options.shown_bytes_max))
    }
}

/// Why a tool did not do what was asked.
enum Complaint {
    /// The model can mend it.
    Model(String),
    /// It cannot.
    Machine(std::io::Error),
}

impl Complaint {
    fn told(self) -> Result<ToolOutcome, ToolError> {
        match self {
            Self::Model(text) => Ok(ToolOutcome::say(false, text)),
            Self::Machine(error) => Err(machine_said_no(&error)),
        }
    }

    fn about(path: &str, error: AccessError) -> Self {
        match error {
            AccessError::Io(error) => Self::Machine(error),
            AccessError::Path(_)
            | AccessError::Missing
            | AccessError::Kind { .. }
            | AccessError::Link
            | AccessError::Denied
            | AccessError::Taken { .. }
            | AccessError::NotEmpty { .. }
            | AccessError::TooLarge { .. } => Self::Model(format!("{path:?}: {error}")),
        }
    }
}

/// A file's path in the workspace.
fn file_path(path: &str) -> Result<String, Complaint> {
    let path_in = normalize(path).map_err(|error| Complaint::about(path, error))?;
    if path_in.is_empty() {
        return Err(Complaint::Model(format!(
            "{path:?} is the workspace itself, not a file"
        )));
    }
    Ok(path_in)
}

#[cfg(test)]
mod tests;
