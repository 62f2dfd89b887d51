//! Reading one document inside the sandbox, where a parser that was deceived can do no more than a command.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use documents::{Limits, Part, Request};
use serde::{Deserialize, Serialize};
use url::Url;

/// The name by which this is asked for, in place of a program.
pub(crate) const PROGRAM: &str = "errand:document";

/// What to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ask {
    /// The file, below the current folder; the standard input where it is absent.
    pub path: Option<String>,
    /// What the document is called, which tells its kind where its bytes do not.
    pub name: String,
    /// The part, in words.
    pub part: String,
    /// Whether the whole of an HTML page is wanted instead of its main text.
    pub full: bool,
    /// Whether formulas are shown.
    pub formulas: bool,
    /// The address of a page, by which its links become absolute.
    pub page: Option<String>,
    /// Bytes of text in the answer.
    pub bytes_max: u64,
}

/// Does what the argument says: the text, or what is wrong with the document.
pub(super) fn answer(ask: &str) -> io::Result<Result<String, String>> {
    read(&serde_json::from_str(ask).map_err(io::Error::other)?)
}

fn read(ask: &Ask) -> io::Result<Result<String, String>> {
    let limits = Limits {
        output_bytes: ask.bytes_max,
        ..Limits::default()
    };
    let Some(path) = &ask.path else {
        let mut bytes = Vec::new();
        io::stdin()
            .take(limits.input_bytes)
            .read_to_end(&mut bytes)?;
        return Ok(text(&mut Cursor::new(bytes), ask, &limits));
    };
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Ok(Err(format!("{path} is not a file")));
    }
    Ok(text(&mut File::open(Path::new(path))?, ask, &limits))
}

fn text(file: &mut (impl Read + io::Seek), ask: &Ask, limits: &Limits) -> Result<String, String> {
    let request = Request {
        part: Part::parse(&ask.part).map_err(|error| error.to_string())?,
        formulas: ask.formulas,
        full: ask.full,
        page: ask.page.as_deref().and_then(|page| Url::parse(page).ok()),
    };
    documents::read(file, &ask.name, &request, limits)
        .map(|document| document.to_string())
        .map_err(|error| error.to_string())
}
