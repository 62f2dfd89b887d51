//! Tools as the worker sees them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blob::BlobRef;
use crate::browser::Acted;
use crate::credential::Credential;
use crate::enforcement::Enforcement;
use crate::help::HelpAsked;
use crate::id::{CallId, TaskId, TenantId};
use crate::image::ImageRef;
use crate::network::{Network, NetworkDecisions};
use crate::policy::{Outward, Source};
use crate::ports::blobs::BlobError;
use crate::ports::workspaces::Place;

/// What repeating a call would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// It changes nothing; repeat freely.
    Read,
    /// Repeating it from the same workspace, or with the same key, has the same effect as doing it once.
    Repeatable,
    /// Repeating it may do it twice.
    Once,
}

impl EffectClass {
    /// The class's name in the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Repeatable => "repeatable",
            Self::Once => "once",
        }
    }
}

/// What a call does with the files of its workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileUse {
    /// Nothing: it needs no workspace.
    None,
    /// It reads them.
    Reads,
    /// It may change them, so that a snapshot is due afterwards.
    Changes,
}

/// What a tool is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolSpec {
    /// Its name, as models call it.
    pub name: String,
    /// What it does and when to use it, for models.
    pub description: String,
    /// JSON Schema of its arguments: an object.
    pub parameters: Value,
    /// What repeating a call would do, unless its arguments say more: see [`ToolBox::effect`].
    pub effect: EffectClass,
    /// What a call does with the files of the workspace.
    pub files: FileUse,
    /// Whether a call may have an effect outside the sandbox, which nothing here can look at or undo, unless its arguments
    /// say more: see [`ToolBox::is_outside`]. The outcome of such a call, if it is `once` and was cut off, is for a person to settle.
    pub outside: bool,
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// Identity.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// Arguments that satisfy the tool's schema.
    pub arguments: Value,
    /// Where it works.
    pub place: Place,
    /// Stable over attempts.
    pub key: String,
    /// The fence under which this attempt runs.
    pub fence: i64,
    /// What its task may use beyond its own computer.
    pub grants: Grants,
}

/// What a task may use beyond its own computer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// What of the network it may reach; absent where nothing was said.
    pub network: Option<Network>,
    /// The only hosts that redirects may lead to within that, as `host:port`; absent where they are not held to any.
    pub redirects_within: Option<Vec<String>>,
    /// Whether what is read of the task's own servers must not reach the network, so that a browser gets one of both.
    pub apart: bool,
    /// The stored secrets that are added to its requests, as they are at the time of the call.
    pub credentials: Vec<Credential>,
}

/// Something that a call did beside answering the model.
#[derive(Debug, Clone, PartialEq)]
pub enum SideEffect {
    /// The user is to be told something.
    Note {
        /// What.
        text: String,
    },
    /// A file is handed to the submitter. Its content is already in the blob store.
    Publish {
        /// Name of the artifact.
        name: String,
        /// Content.
        blob: BlobRef,
        /// Media type.
        media_type: String,
    },
    /// A browser acted on a page. The content of its picture is already in the blob store.
    Acted(Acted),
    /// These background programs of the step run now.
    Runs {
        /// Their names.
        programs: Vec<String>,
    },
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOutcome {
    /// Whether the tool did what was asked; a command with a non-zero exit status did not.
    pub ok: bool,
    /// What the model is told, already cut to a bearable length.
    pub content: String,
    /// What the foreign code that it ran was held to; absent for tools that run none.
    pub enforced: Option<Box<Enforcement>>,
    /// What else it did.
    pub side_effects: Vec<SideEffect>,
    /// What it tried to reach over the network, and what was decided.
    pub network: Box<NetworkDecisions>,
    /// Images for a model that sees. Their content is already in the blob store, and the content in words says what they are.
    pub images: Vec<ImageRef>,
}

impl ToolOutcome {
    /// An outcome that only tells the model something.
    pub fn say(ok: bool, content: impl Into<String>) -> Self {
        Self {
            ok,
            content: content.into(),
            enforced: None,
            side_effects: Vec::new(),
            network: Box::default(),
            images: Vec::new(),
        }
    }

    /// How it was isolated, in a word or two; nothing for tools that run no foreign code.
    pub fn isolation(&self) -> Option<&str> {
        let enforced = self.enforced.as_ref();
        enforced.map(|enforced| enforced.isolation.as_str())
    }
}

/// The tool could not be run at all. What the model can mend is a [`ToolOutcome`] with `ok: false` instead.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// Isolation cannot be had, so nothing was run. The text names the cure.
    #[error("{0}")]
    Refused(String),
    /// The machine said no; the same call may work later.
    #[error("tool unavailable: {0}")]
    Unavailable(String),
    /// A blob could not be put or had.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// Everything of which a tool needs one is in use here, such as a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoneFree {
    /// How many there are.
    pub limit: u32,
}

/// The tools of this installation.
#[async_trait]
pub trait ToolBox: Send + Sync {
    /// What tools there are, in a stable order.
    fn specs(&self) -> &[ToolSpec];
    /// What repeating this very call would do. Pure: the same tool and arguments always give the same class.
    fn effect(&self, tool: &str, _arguments: &Value) -> EffectClass {
        let spec = self.specs().iter().find(|spec| spec.name == tool);
        // What is not known must be taken for the worst.
        spec.map_or(EffectClass::Once, |spec| spec.effect)
    }
    /// Whether this very call may have an effect outside the sandbox. Pure, like [`ToolBox::effect`].
    fn is_outside(&self, tool: &str, _arguments: &Value) -> bool {
        let spec = self.specs().iter().find(|spec| spec.name == tool);
        spec.is_some_and(|spec| spec.outside)
    }
    /// What this very call's answer is made of. Pure, like [`ToolBox::effect`].
    fn source(&self, _tool: &str, _arguments: &Value) -> Source {
        // What is not known must be taken for the worst.
        Source::Outside
    }
    /// What can leave through this very call. Pure, like [`ToolBox::effect`].
    fn outward(&self, tool: &str, arguments: &Value) -> Outward {
        if self.is_outside(tool, arguments) {
            Outward::Program
        } else {
            Outward::Nothing
        }
    }
    /// What a person has to do before this very call is made, if anything. Pure, like [`ToolBox::effect`].
    fn help(&self, _tool: &str, _arguments: &Value) -> Option<HelpAsked> {
        None
    }
    /// Keeps what the person needs who was asked to help before this call is made. The step waits for them, maybe for long.
    fn await_person(&self, _call: ToolCall) {}
    /// The task has ended, so nothing that is kept for it between calls is needed any more.
    fn task_ended(&self, _tenant: &TenantId, _task: &TaskId) {}
    /// What this call works on, for the public log and for the owner who has to look: never more of its arguments than may
    /// be shown. Empty where nothing may.
    fn summary(&self, _tool: &str, _arguments: &Value) -> String {
        String::new()
    }
    /// Keeps for the task of this place what the tool needs one of, so that a call finds it. Asked before the intent of a call is
    /// recorded: a step that has to wait for one holds nothing meanwhile. What is kept and not used is given up after a while.
    fn reserve(&self, _tool: &str, _place: &Place) -> Result<(), NoneFree> {
        Ok(())
    }
    /// Runs one call, in its restored workspace unless it uses no files. Dropping the future ends everything that the call started.
    async fn run(&self, call: &ToolCall) -> Result<ToolOutcome, ToolError>;
}
