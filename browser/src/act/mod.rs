//! Acts on a page as a person would: by mouse and keys, at the place where a thing is seen.
//!
//! Before a click the thing is brought into view, must stand still, and must be what the mouse would hit. What an action led to is for
//! [`Tab::settle`] to wait for. An action that a dialog of the page ended has been done: nothing here is ever done twice.

mod aim;
mod choose;
mod drag;
pub mod keys;
mod mouse;
mod person;
mod scroll;
mod type_text;

use serde::{Deserialize, Serialize};

pub use self::mouse::{Button, Click};
pub use self::scroll::Direction;
pub use self::type_text::Typing;
use crate::driver::{CallError, Frames, Node, NodeHandle, Object};
use crate::tab::Tab;

/// What was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Acted {
    /// Where, in the tab's view; absent where no place matters.
    pub place: Option<Place>,
    /// Whether a dialog opened while it was being done. It has to be answered before anything else.
    pub dialog: bool,
}

/// A point in a tab's view, and the box that it is the middle of. In CSS pixels from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// The left edge of the box.
    pub left: f64,
    /// The upper edge of the box.
    pub top: f64,
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

impl Place {
    /// A point with no box around it.
    pub fn point(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            left: x,
            top: y,
            width: 0.0,
            height: 0.0,
        }
    }

    fn moved(self, x: f64, y: f64) -> Self {
        Self {
            x: self.x + x,
            y: self.y + y,
            left: self.left + x,
            top: self.top + y,
            ..self
        }
    }
}

impl Tab {
    /// Lets go of a handle that was made for an action, and not of one that the caller has.
    async fn let_go(&self, node: &NodeHandle, made: &Object) {
        if matches!(node.node, Node::Backend(_)) {
            self.release(made).await;
        }
    }
}

/// Why an action was not done. Nothing was changed then, except where [`ActError::Call`] says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// It takes no room or is hidden by its style.
    #[error("it is not visible")]
    Invisible,
    /// It moves all the time.
    #[error("it does not stand still")]
    Moving,
    /// Something else would get the click.
    #[error("it is covered by {0}")]
    Covered(String),
    /// It is switched off.
    #[error("it is disabled")]
    Disabled,
    /// It takes no text.
    #[error("it takes no text: {0}")]
    NotEditable(String),
    /// It takes no such text, for example a date in another form.
    #[error("it does not take this value; it wants {0}")]
    WrongForm(String),
    /// It is no list to choose from.
    #[error("it is no list to choose from")]
    NotSelect,
    /// The list has no such entry.
    #[error("it has no entry {wanted:?}; it has {offered}")]
    NoOption {
        /// What was asked for.
        wanted: String,
        /// The first of what there is.
        offered: String,
    },
    /// It cannot be checked or unchecked.
    #[error("it cannot be checked: {0}")]
    NotCheckable(&'static str),
    /// It was clicked, and its page did not let it change.
    #[error("it was clicked and has not changed")]
    Unchanged,
    /// It is no field for files.
    #[error("it is no field for files, or for one file only")]
    NotFiles,
    /// No key has this name.
    #[error("there is no key {0:?}; write for example Enter, ArrowDown, Control+a")]
    NoKey(String),
    /// The place lies outside of what is seen.
    #[error("the place lies outside of the view")]
    Outside,
    /// The browser did not do it. After [`CallError::Late`] it may still happen.
    #[error(transparent)]
    Call(#[from] CallError),
}
