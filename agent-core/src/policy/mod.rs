//! Policy: whose words a task has read, and which calls need its owner's consent because of it. Judged outside the model,
//! before each call.
//!
//! Whoever writes a page can talk to the model that reads it, and no prompt prevents that. So the rule does not ask what the model
//! was told, only what a call would join: text from outside, private data, and a way to send. A call that joins all three
//! waits for a person, unless the submitter granted it beforehand (the "rule of two").

mod addresses;
mod judge;
mod reach;
mod trail;

use serde::{Deserialize, Serialize};

use crate::credential::HostPattern;
use crate::help::HelpAsked;
use crate::id::CallId;

pub use addresses::Addresses;
pub use judge::{Question, Verdict, judge};
pub use reach::{Consented, redirects_within};
pub use trail::{FOLLOWED_MAX, Read, Trail};

/// Whose words an answer to a model can hold. A later label can mislead more than an earlier one, so what is made of several
/// has the latest of theirs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Errand's own.
    Trusted,
    /// The submitter's, and what was made of them.
    User,
    /// Anybody's. Also what nobody labelled.
    #[default]
    Outside,
}

impl Label {
    /// The label's name in the API and the log.
    pub fn label(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::User => "user",
            Self::Outside => "outside",
        }
    }
}

/// What a call's answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Errand's own words and nothing else.
    Own,
    /// The step's files and what programs without a network made of them.
    Files,
    /// Servers outside, or programs that can reach them.
    Outside,
}

impl Source {
    /// The label of an answer, in a step that has read so far what `step` says.
    pub fn label(self, step: Label) -> Label {
        match self {
            Self::Own => Label::Trusted,
            Self::Files => step,
            Self::Outside => Label::Outside,
        }
    }
}

/// What can leave through a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outward {
    /// Nothing that another could read.
    Nothing,
    /// An address that is asked for, and nothing but it.
    Fetch {
        /// The address, as URLs are normalised.
        address: String,
        /// Its host, as in a URL.
        host: String,
        /// Its port.
        port: u16,
    },
    /// An address that a browser is sent to. It goes on by itself, within the network of its task, to wherever the page leads.
    Open {
        /// The address.
        address: String,
        /// Its host, as in a URL.
        host: String,
        /// Its port.
        port: u16,
    },
    /// Nothing: what a browser shows already is shown again. It may repeat what was typed into it.
    Page,
    /// What the model wrote, to one host.
    Send {
        /// The host, as in a URL.
        host: String,
        /// The port.
        port: u16,
    },
    /// Whatever a program sends, to every host that it may reach. It can read from there too.
    Program,
    /// The same, where nothing holds the program to any hosts.
    Uncaged,
}

impl Outward {
    /// The one host and port that it goes to, if it is one.
    pub fn place(&self) -> Option<(&str, u16)> {
        match self {
            Self::Fetch { host, port, .. }
            | Self::Open { host, port, .. }
            | Self::Send { host, port } => Some((host, *port)),
            Self::Nothing | Self::Page | Self::Program | Self::Uncaged => None,
        }
    }
}

/// What is done about a call that would join all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approvals {
    /// The task's owner is asked.
    #[default]
    Ask,
    /// It is not made, and the model is told.
    Deny,
    /// It is made: the submitter granted it beforehand.
    Grant,
}

impl Approvals {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ask, Self::Deny, Self::Grant];

    /// Its name in the API and in settings.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Deny => "deny",
            Self::Grant => "grant",
        }
    }

    /// The one with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.label() == label)
    }
}

/// Whose words the attached files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilesFrom {
    /// Of people whom the submitter need not trust, such as applicants.
    #[default]
    Outside,
    /// The submitter's own: they vouch for what is in them.
    User,
}

impl FilesFrom {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Outside, Self::User];

    /// Its name in the API.
    pub fn label(self) -> &'static str {
        match self {
            Self::Outside => "outside",
            Self::User => "user",
        }
    }

    /// The one with this name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.label() == label)
    }
}

/// What a submit says about consent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskPolicy {
    /// Whose words the attached files are.
    pub files: FilesFrom,
    /// What is done about a call that would join all three; absent where the operator's setting counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
    /// Hosts that may be sent to without asking.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub send_to: Vec<HostPattern>,
}

impl TaskPolicy {
    /// Whether nothing was said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a call came to be made, as its intent records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// It does not join all three.
    #[default]
    NotNeeded,
    /// The submitter granted it beforehand.
    Granted,
    /// The owner approved it.
    Approved,
}

/// See [`crate::event::EventKind::CallHeld`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallHeld {
    /// The call.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// One line for people: the tool and what it works on.
    pub summary: String,
    /// Why it was not made.
    pub reason: String,
    /// Whether the step waits for its owner's decision; else the model was told at once.
    pub asked: bool,
    /// When the step goes on without an answer, in milliseconds since the epoch; absent when it waits for ever.
    pub decide_by_ms: Option<i64>,
    /// What would be sent, whole, for the owner who has to decide. Empty where nobody is asked.
    pub content: String,
    /// What a person is asked to do before it is made; absent where only their consent is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<HelpAsked>,
}
