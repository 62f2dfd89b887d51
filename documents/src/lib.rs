//! Documents as text: bytes of a file in, Markdown with references out.
//!
//! Pure: no network, no process, no clock; the one thing that writes is [`archive::extract_into`]. Parsers are the
//! favourite target of a hostile file, so this crate is made to run inside the sandbox. It is still bounded by
//! itself: every size, count and depth has a limit in [`Limits`], and what is wrong with a file is an [`Error`].

pub mod archive;
mod cells;
mod clean;
mod compound;
mod delimited;
mod document;
mod docx;
mod encoding;
mod error;
mod format;
pub mod html;
mod json;
mod limits;
mod lines;
mod meter;
mod ods;
mod odt;
mod package;
mod pdf;
mod pptx;
mod read;
mod request;
mod sheets;
mod table;
mod xls;
mod xlsx;
mod xml;

pub use cells::{Cell, CellRange};
pub use document::Document;
pub use error::Error;
pub use format::Format;
pub use limits::Limits;
pub use read::read;
pub use request::{Part, Request, Span};
