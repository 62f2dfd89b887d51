//! A task's browser as a person sees it now.

use agent_core::delivery::rfc3339;
use agent_core::ports::live::{LiveAsked, LiveBrowser, LiveDialog, LiveTab};
use agent_core::task::Task;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A task's browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveBrowserView {
    /// Whether it runs in the process that answers. Where workers are processes of their own, ask the worker that has it.
    pub running: bool,
    /// Its tabs, in the order in which they came.
    pub tabs: Vec<LiveTabView>,
    /// What a person is asked to do; null where nobody is waited for.
    pub help: Option<LiveHelpView>,
}

/// A tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveTabView {
    /// Its name.
    #[schema(example = "t1")]
    pub tab: String,
    /// The address that it shows.
    pub url: String,
    /// The title of its page: a stranger's words.
    pub title: String,
    /// Whether the agent works in it, or did last.
    pub current: bool,
    /// The dialog that is open.
    pub dialog: Option<LiveDialogView>,
}

/// A dialog of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveDialogView {
    /// `alert`, `confirm`, `prompt` or `beforeunload`.
    pub kind: String,
    /// What it says: a stranger's words.
    pub message: String,
    /// What a prompt proposes.
    pub proposed: String,
}

/// What a person is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveHelpView {
    /// The call that waits for them, to be decided with `done` or `not_done`.
    pub call: String,
    /// `captcha`, `login`, `code`, `payment` or `other`.
    pub why: String,
    /// What they are to do, in the model's words.
    pub note: String,
    /// When the task goes on without them, as RFC 3339; null when it waits for ever.
    pub decide_by: Option<String>,
}

impl LiveBrowserView {
    /// Of a task whose browser does not run here.
    pub(crate) fn none() -> Self {
        Self {
            running: false,
            tabs: Vec::new(),
            help: None,
        }
    }

    pub(crate) fn of(task: &Task, browser: LiveBrowser) -> Self {
        Self {
            running: true,
            tabs: browser.tabs.into_iter().map(LiveTabView::from).collect(),
            help: browser.asked.map(|asked| help(task, asked)),
        }
    }
}

fn help(task: &Task, asked: LiveAsked) -> LiveHelpView {
    let step = task.steps.iter().find(|step| step.id == asked.step);
    let waiting = step.and_then(|step| step.waiting.as_ref());
    LiveHelpView {
        call: asked.call.to_string(),
        why: asked.help.why.label().to_owned(),
        note: asked.help.note,
        decide_by: waiting.and_then(|waiting| waiting.until_ms).map(rfc3339),
    }
}

impl From<LiveTab> for LiveTabView {
    fn from(tab: LiveTab) -> Self {
        Self {
            tab: tab.name,
            url: tab.url,
            title: tab.title,
            current: tab.is_current,
            dialog: tab.dialog.map(LiveDialogView::from),
        }
    }
}

impl From<LiveDialog> for LiveDialogView {
    fn from(dialog: LiveDialog) -> Self {
        Self {
            kind: dialog.kind,
            message: dialog.message,
            proposed: dialog.proposed,
        }
    }
}
