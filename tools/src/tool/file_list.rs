//! `file_list`: shows what is in the workspace.

use std::fmt::Write;
use std::ops::ControlFlow;

use agent_core::ports::tool::{EffectClass, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Complaint, Context, Tool, object, spec};
use crate::directory::{Kind, Next, normalize};
use crate::workspace::Entered;

const DEPTH: usize = 3;
const ENTRIES_MAX: usize = 1000;

pub(super) struct FileList;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: Option<String>,
    depth: Option<usize>,
}

#[async_trait]
impl Tool for FileList {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "path": {"type": "string", "description": "The directory, relative to /workspace; all of it if absent."},
                "depth": {"type": "integer", "minimum": 1, "maximum": 64, "description": "How many levels of directories to show; 3 if absent."}
            }),
            &[],
        );
        let description = "Lists the files of the workspace, or of one of its directories, with their sizes in bytes.";
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
        context.on_files(move |place| list(place, &arguments)).await
    }
}

fn list(place: &Entered, arguments: &Arguments) -> Result<String, Complaint> {
    let written = arguments.path.as_deref().unwrap_or(".");
    let start = normalize(written).map_err(|error| Complaint::about(written, error))?;
    let depth = arguments.depth.unwrap_or(DEPTH).max(1);
    let (mut text, mut entries) = (String::new(), 0_usize);
    let ended = place.directory().walk(&start, &mut |walk| {
        let found = &walk.found;
        entries += 1;
        if entries > ENTRIES_MAX {
            return Err(ControlFlow::Break(()));
        }
        let name = match &found.path {
            Some(path) => path.clone(),
            None => format!("{:?} (a name that is not kept)", walk.name),
        };
        let deeper = found.depth + 1 < depth;
        // Writing to a string cannot fail.
        let _ = match found.kind {
            Kind::File => writeln!(text, "{name}\t{}", found.bytes),
            Kind::Folder if deeper => writeln!(text, "{name}/"),
            Kind::Folder => writeln!(text, "{name}/\t(not opened)"),
            Kind::Other(what) => writeln!(text, "{name}\t({what}; not kept)"),
        };
        Ok(if deeper { Next::Enter } else { Next::Pass })
    });
    let more = ended.map_err(|error| Complaint::about(written, error))?;
    if more.is_some() {
        let _ = writeln!(
            text,
            "[more than {ENTRIES_MAX} entries; list a directory of it, or a smaller depth]"
        );
    }
    Ok(if text.is_empty() {
        "nothing is there".to_owned()
    } else {
        text
    })
}
