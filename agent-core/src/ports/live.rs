//! A task's browser as a person sees it now, and what they do in it.
//!
//! It lives in the process that runs it, so only that process can show it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::help::HelpAsked;
use crate::id::{CallId, StepId, TaskId, TenantId};

/// Whose browser it is, and how the task stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Whose {
    /// The tenant.
    pub tenant: TenantId,
    /// The task.
    pub task: TaskId,
    /// Its steps that wait for a decision of its owner.
    pub waiting: Vec<StepId>,
}

/// Why nothing can be shown or done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// No browser of the task runs in this process, and none waits for a person.
    #[error("no browser of this task runs here")]
    None,
    /// The task does not wait for a person here, so nobody but its agent may do anything.
    #[error("this task does not wait for a person at its browser; it can be watched only")]
    NotAsked,
    /// There is no such tab.
    #[error("there is no tab {0:?}")]
    Tab(String),
    /// What was asked for makes no sense there; the text says why.
    #[error("{0}")]
    Refused(String),
    /// The browser did not do it.
    #[error("{0}")]
    Failed(String),
}

/// A dialog of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveDialog {
    /// `alert`, `confirm`, `prompt` or `beforeunload`.
    pub kind: String,
    /// What it says: a stranger's words.
    pub message: String,
    /// What a prompt proposes.
    pub proposed: String,
}

/// A tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveTab {
    /// Its name, such as `t1`.
    pub name: String,
    /// The address that it shows.
    pub url: String,
    /// The title of its page: a stranger's words.
    pub title: String,
    /// Whether the agent works in it, or did last.
    pub is_current: bool,
    /// The dialog that is open.
    pub dialog: Option<LiveDialog>,
}

/// What a person was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveAsked {
    /// The call that waits for them.
    pub call: CallId,
    /// Its step.
    pub step: StepId,
    /// What they were asked.
    pub help: HelpAsked,
}

/// A browser as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveBrowser {
    /// Its tabs, in the order in which they came.
    pub tabs: Vec<LiveTab>,
    /// What a person was asked to do last; nothing where nobody is waited for.
    pub asked: Option<LiveAsked>,
}

/// What is seen of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFrame {
    /// Larger for every later one of the same tab.
    pub number: u64,
    /// A JPEG of the page, as large as its window.
    pub jpeg: Arc<[u8]>,
}

/// A button of the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseButton {
    /// The ordinary one.
    Left,
    /// The one in the middle.
    Middle,
    /// The one for menus.
    Right,
}

/// What a person does to a page. Places are in pixels of the window, from its upper left corner.
#[derive(Debug, Clone, PartialEq)]
pub enum PersonAct {
    /// Presses and lets go.
    Click {
        /// Where, from the left and from the top.
        at: (f64, f64),
        /// With what.
        button: MouseButton,
        /// How often.
        count: u8,
    },
    /// Moves the mouse.
    Move {
        /// To where.
        to: (f64, f64),
    },
    /// Turns the wheel.
    Scroll {
        /// Where.
        at: (f64, f64),
        /// How far to the right and down.
        by: (f64, f64),
    },
    /// Enters a text where the cursor is. It is written down nowhere.
    Type(String),
    /// Presses a key or a chord, such as `Control+a`.
    Key(String),
    /// Answers the dialog.
    Dialog {
        /// Whether it is accepted.
        accept: bool,
        /// What a prompt is given.
        text: Option<String>,
    },
    /// Goes through the history.
    Go(History),
}

/// Where in the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// The page before.
    Back,
    /// The page after.
    Forward,
    /// The same page again.
    Reload,
}

/// The browsers that run in this process.
#[async_trait]
pub trait LiveView: Send + Sync {
    /// A task's browser. One that was closed while the task waits for a person is started again.
    async fn browser(&self, whose: &Whose) -> Result<LiveBrowser, NotShown>;
    /// A picture of a tab that is newer than the one of this number; nothing if none comes in time. The current tab where none is named.
    async fn frame(
        &self,
        whose: &Whose,
        tab: Option<&str>,
        after: u64,
        within: Duration,
    ) -> Result<Option<LiveFrame>, NotShown>;
    /// Does to a tab what a person does, where they were asked to help.
    async fn act(&self, whose: &Whose, tab: Option<&str>, act: PersonAct) -> Result<(), NotShown>;
}

/// Where no browser runs.
#[async_trait]
impl LiveView for () {
    async fn browser(&self, _whose: &Whose) -> Result<LiveBrowser, NotShown> {
        Err(NotShown::None)
    }

    async fn frame(
        &self,
        _whose: &Whose,
        _tab: Option<&str>,
        _after: u64,
        _within: Duration,
    ) -> Result<Option<LiveFrame>, NotShown> {
        Err(NotShown::None)
    }

    async fn act(
        &self,
        _whose: &Whose,
        _tab: Option<&str>,
        _act: PersonAct,
    ) -> Result<(), NotShown> {
        Err(NotShown::None)
    }
}
