//! What a browser did to a page, as the log tells it: so that a run can be looked at again, picture by picture.

use serde::{Deserialize, Serialize};

use crate::id::CallId;
use crate::image::ImageRef;

/// A rectangle of the picture, in its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// From the left edge; negative where it begins outside.
    pub x: i32,
    /// From the upper edge; negative where it begins outside.
    pub y: i32,
    /// How wide it is.
    pub width: u32,
    /// How high it is.
    pub height: u32,
}

/// One action of a browser, after the page came to rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// What was done, in a few words: never what was typed.
    pub action: String,
    /// The address of the page afterwards.
    pub url: String,
    /// The title of the page afterwards.
    pub title: String,
    /// What was acted on, as it lay before; absent where it was the whole page.
    pub target: Option<Area>,
    /// The page afterwards; absent where no picture could be had. One that looks the same is the same blob.
    pub image: Option<ImageRef>,
}

/// See [`crate::event::EventKind::BrowserActed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserActed {
    /// The call.
    pub call: CallId,
    /// The tool's name.
    pub tool: String,
    /// What was done, in a few words: never what was typed.
    pub action: String,
    /// The address of the page afterwards.
    pub url: String,
    /// The title of the page afterwards.
    pub title: String,
    /// What was acted on, as it lay before; null where it was the whole page.
    pub target: Option<Area>,
    /// The page afterwards; null where no picture could be had.
    pub image: Option<ImageRef>,
}

impl BrowserActed {
    /// An action of a call.
    pub fn of(call: CallId, tool: String, acted: Acted) -> Self {
        Self {
            call,
            tool,
            action: acted.action,
            url: acted.url,
            title: acted.title,
            target: acted.target,
            image: acted.image,
        }
    }
}
