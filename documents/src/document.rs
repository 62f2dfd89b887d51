//! What reading a document gives: its text, what was shown of it, and how to go on.

use std::fmt;

use crate::format::Format;

/// A part of a document as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What the file is.
    pub format: Format,
    /// What was shown of how much, for example `pages 1 to 4 of 37`.
    pub shown: String,
    /// What a reader should know: hidden sheets, text that could not be read, a name that does not fit.
    pub notes: Vec<String>,
    /// The text as Markdown, with references such as `## page 3`.
    pub text: String,
    /// The part to ask for next, as [`crate::Part::parse`] reads it; absent when this was the last.
    pub next: Option<String>,
}

impl fmt::Display for Document {
    /// The whole answer: what was shown, the notes, the text, how to go on.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}, {}", self.format, self.shown)?;
        for note in &self.notes {
            writeln!(to, "note: {note}")?;
        }
        writeln!(to, "\n{}", self.text.trim_end())?;
        if let Some(next) = &self.next {
            writeln!(to, "\n({}; go on with part `{next}`)", self.shown)?;
        }
        Ok(())
    }
}

/// Words for the units from `first` to `last` of `all`.
pub(crate) fn units(unit: &str, first: u64, last: u64, all: u64) -> String {
    match (all, first == last) {
        (0, _) => format!("no {unit}s"),
        (_, true) => format!("{unit} {first} of {all}"),
        (_, false) => format!("{unit}s {first} to {last} of {all}"),
    }
}
