//! `file_list`: shows what is in the workspace, or finds files there by their names.
//!
//! By path only: a workspace that is restored elsewhere does not keep the times of its files, so they would say nothing.

use std::fmt::Write;
use std::ops::ControlFlow;

use agent_core::ports::tool::{EffectClass, ToolError, ToolOutcome, ToolSpec};
use agent_core::workspace::OWN_FOLDER;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::glob::Glob;
use super::{Complaint, Context, Tool, object, spec};
use crate::directory::{DEPTH_MAX, Found, Kind, Next, Walk, normalize};
use crate::workspace::Entered;

const DEPTH: usize = 3;
const ENTRIES_MAX: usize = 1000;
/// Entries that are looked at. Only a command that is just over can have made more than a workspace may hold.
const LOOKED_AT_MAX: usize = 200_000;

pub(super) struct FileList;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: Option<String>,
    pattern: Option<String>,
    depth: Option<usize>,
}

#[async_trait]
impl Tool for FileList {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "path": {"type": "string", "description": "The directory, relative to /workspace; all of it if absent."},
                "pattern": {"type": "string", "description": "Only paths that fit, such as \"*.csv\" or \"src/**/*.py\"."},
                "depth": {"type": "integer", "minimum": 1, "maximum": 64, "description": "How many levels of directories to look into; if absent 3, or all with a pattern."}
            }),
            &[],
        );
        let description = "Lists the files of the workspace, or of one of its directories, with their sizes in bytes. With a \
            pattern it finds files by their names.";
        spec("file_list", description, parameters, EffectClass::Read)
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "path")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let bytes_max = context.shared.options.shown_bytes_max.saturating_sub(200);
        context
            .on_files(move |place| list(place, &arguments, bytes_max))
            .await
    }
}

/// What is shown so far.
struct Listing {
    text: String,
    bytes_max: usize,
    shown: usize,
    fitting: usize,
    looked_at: usize,
}

fn list(place: &Entered, arguments: &Arguments, bytes_max: usize) -> Result<String, Complaint> {
    let written = arguments.path.as_deref().unwrap_or(".");
    let start = normalize(written).map_err(|error| Complaint::about(written, error))?;
    let pattern = arguments.pattern.as_deref().filter(|text| !text.is_empty());
    let glob = pattern.map(Glob::new).transpose()?;
    let depth = arguments
        .depth
        .unwrap_or(if glob.is_some() { DEPTH_MAX } else { DEPTH });
    let mut listing = Listing {
        text: String::new(),
        bytes_max,
        shown: 0,
        fitting: 0,
        looked_at: 0,
    };
    let ended = place.directory().walk(&start, &mut |walk| {
        let found = &walk.found;
        // Nobody asks for it without knowing its name.
        if start.is_empty() && found.path.as_deref() == Some(OWN_FOLDER) {
            return Ok(Next::Pass);
        }
        listing.looked_at += 1;
        if listing.looked_at > LOOKED_AT_MAX {
            return Err(ControlFlow::Break(()));
        }
        let is_opened = found.depth + 1 < depth.max(1);
        let fits = glob.as_ref().is_none_or(|glob| {
            let path = found.path.as_deref();
            path.is_some_and(|path| glob.fits(path, &start))
        });
        if fits {
            listing.add(&line(walk, found, is_opened));
        }
        Ok(if is_opened { Next::Enter } else { Next::Pass })
    });
    let is_cut = ended
        .map_err(|error| Complaint::about(written, error))?
        .is_some();
    Ok(listing.told(is_cut, glob.is_some()))
}

fn line(walk: &Walk<'_>, found: &Found, is_opened: bool) -> String {
    let name = match &found.path {
        Some(path) => path.clone(),
        None => format!("{:?} (a name that is not kept)", walk.name),
    };
    match found.kind {
        Kind::File => format!("{name}\t{}", found.bytes),
        Kind::Folder if is_opened => format!("{name}/"),
        Kind::Folder => format!("{name}/\t(not opened)"),
        Kind::Other(what) => format!("{name}\t({what}; not kept)"),
    }
}

impl Listing {
    /// Once one line had no room, none after it is shown, so that what is shown has no gaps.
    fn add(&mut self, line: &str) {
        self.fitting += 1;
        let has_room = self.text.len() + line.len() < self.bytes_max && self.shown < ENTRIES_MAX;
        if has_room && self.shown + 1 == self.fitting {
            self.shown += 1;
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn told(mut self, is_cut: bool, by_pattern: bool) -> String {
        if self.fitting == 0 {
            let nothing = if by_pattern {
                format!("no path fits ({} looked at)", self.looked_at)
            } else {
                "nothing is there".to_owned()
            };
            return nothing;
        }
        let rest = self.fitting - self.shown;
        if rest > 0 || is_cut {
            let more = if is_cut { "more than " } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(
                self.text,
                "[{more}{rest} entries more; list a directory of it, a smaller depth, or a pattern]"
            );
        }
        self.text
    }
}
