//! `file_move`: gives a file or a directory another path.

use agent_core::policy::Source;
use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Complaint, Context, Tool, file_path, object, spec};
use crate::directory::AccessError;
use crate::workspace::Entered;

pub(super) struct FileMove;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    from: String,
    to: String,
    #[serde(default)]
    replace: bool,
}

#[async_trait]
impl Tool for FileMove {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "from": {"type": "string", "description": "The file or directory, relative to /workspace."},
                "to": {"type": "string", "description": "Its new path, with its name, such as \"old/notes.md\"."},
                "replace": {"type": "boolean", "description": "Replace a file that is at the new path. Without it nothing is overwritten."}
            }),
            &["from", "to"],
        );
        let description = "Moves or renames a file or a directory of the workspace, and makes the directories above its new path.";
        ToolSpec {
            files: FileUse::Changes,
            ..spec(
                "file_move",
                description,
                parameters,
                EffectClass::Repeatable,
            )
        }
    }

    fn source(&self, _arguments: &Value) -> Source {
        Source::Own
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        let (from, to) = (
            super::text(arguments, "from")?,
            super::text(arguments, "to")?,
        );
        Some(format!("{from} to {to}"))
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        context
            .on_files(move |place| rename(place, &arguments))
            .await
    }
}

fn rename(place: &Entered, arguments: &Arguments) -> Result<String, Complaint> {
    let (from, to) = (file_path(&arguments.from)?, file_path(&arguments.to)?);
    if from == to {
        return Err(Complaint::Model(format!(
            "both paths are {from:?}; nothing was moved"
        )));
    }
    match place.directory().rename(&from, &to, arguments.replace) {
        Ok(true) => Ok(format!("moved the directory {from} to {to}")),
        Ok(false) => Ok(format!("moved {from} to {to}")),
        Err(AccessError::Taken { found: "file" }) if !arguments.replace => Err(Complaint::Model(
            format!("{to:?} is there already; set replace to true to overwrite it"),
        )),
        Err(AccessError::Taken { found: "directory" }) => Err(Complaint::Model(format!(
            "{to:?} is a directory; write the whole new path, such as {:?}, or delete the directory first",
            format!("{to}/{}", from.rsplit('/').next().unwrap_or(&from))
        ))),
        Err(error) => Err(Complaint::about(&format!("{from} to {to}"), error)),
    }
}
