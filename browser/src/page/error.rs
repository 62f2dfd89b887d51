//! Why a page could not be looked at.

use crate::CallError;

use super::known::DeadReference;

/// Why there is no answer about a page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The browser gave none.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The tab shows no frame now.
    #[error("the tab shows no page")]
    NoPage,
    /// The reference names nothing any more. A model can mend that: the nearest are named.
    #[error(transparent)]
    Dead(Box<DeadReference>),
    /// The scripts' answer means nothing to us.
    #[error("the page's scripts gave an answer that cannot be read: {0}")]
    Unreadable(String),
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}
