//! What is seen of a page: short lines with references that stay with their nodes, texts that are found, readable text as Markdown.
//!
//! The walking is done by scripts in our isolated world of each frame ([`script`]); here their answers are decoded, put together
//! over frames, marked, cut to a budget and written. Nothing here drives: it is given [`crate::Frames`]. A page is
//! hostile, so whatever it says is one line in quotes, and nothing it says can be taken for a line or a reference of ours.

mod ask;
mod compose;
mod difference;
mod error;
mod find;
mod known;
mod numbering;
mod read;
mod reference;
mod render;
mod said;
mod script;
mod seen;
mod shadows;
mod snapshot;
mod text;

pub use error::Error;
pub use find::{Find, Found};
pub use known::{Candidate, DeadReference};
pub use read::{Read, Reading};
pub use reference::{NotAReference, Reference};
pub use script::{HIDE_FOCUSED, INSTALL, PERSON_VALUES};
pub use seen::{Look, Part, Seen};
pub use snapshot::View;
