//! What a sandbox enforces on this machine, as `doctor` and the API show it.

use serde::{Deserialize, Serialize};

/// Something that this machine does not give, and how it could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lack {
    /// What is missing.
    pub what: String,
    /// What an operator can do about it.
    pub cure: String,
}

impl Lack {
    pub(super) fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cure: cure.into(),
        }
    }
}

/// The outcome of trying a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The isolation that outcomes carry, such as `bubblewrap` or `unsandboxed`; `none` if nothing may be run.
    pub level: String,
    /// Whether programs are run at all.
    pub usable: bool,
    /// What was seen to hold.
    pub enforced: Vec<String>,
    /// What does not hold.
    pub lacks: Vec<Lack>,
}

impl Probe {
    /// Nothing can be run.
    pub(super) fn refused(lacks: Vec<Lack>) -> Self {
        Self {
            level: "none".to_owned(),
            usable: false,
            enforced: Vec::new(),
            lacks,
        }
    }

    /// Why nothing is run, with the cures, in one text.
    pub fn refusal(&self) -> String {
        let lacks: Vec<String> = self
            .lacks
            .iter()
            .map(|lack| format!("{} (cure: {})", lack.what, lack.cure))
            .collect();
        format!("commands cannot be isolated here: {}", lacks.join("; "))
    }
}
