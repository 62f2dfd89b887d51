//! What a person is asked to do in a task's browser, because no program can or should.

use serde::{Deserialize, Serialize};

/// What a person is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HelpFor {
    /// To show that a person is there.
    Captcha,
    /// To log in.
    Login,
    /// To enter a code that was sent to them.
    Code,
    /// To pay.
    Payment,
    /// Something else.
    Other,
}

impl HelpFor {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Captcha,
        Self::Login,
        Self::Code,
        Self::Payment,
        Self::Other,
    ];

    /// Its name in the tool's arguments and in the log.
    pub fn label(self) -> &'static str {
        match self {
            Self::Captcha => "captcha",
            Self::Login => "login",
            Self::Code => "code",
            Self::Payment => "payment",
            Self::Other => "other",
        }
    }
}

/// What a model asks a person for. These are the model's words, which a page may have put into its mouth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpAsked {
    /// What for.
    pub why: HelpFor,
    /// What is to be done, in a few sentences.
    pub note: String,
}
