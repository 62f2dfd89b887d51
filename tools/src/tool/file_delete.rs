//! `file_delete`: removes a file or a directory.

use agent_core::policy::Source;
use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Complaint, Context, Tool, file_path, object, spec};
use crate::directory::{AccessError, Deleted};
use crate::workspace::Entered;

pub(super) struct FileDelete;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    #[serde(default)]
    recursive: bool,
}

#[async_trait]
impl Tool for FileDelete {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "path": {"type": "string", "description": "The file or directory, relative to /workspace."},
                "recursive": {"type": "boolean", "description": "Delete a directory with everything in it. Without it only an empty one is deleted."}
            }),
            &["path"],
        );
        let description = "Deletes a file or a directory of the workspace, and says what was deleted. There is no undo.";
        ToolSpec {
            files: FileUse::Changes,
            ..spec(
                "file_delete",
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
        super::text(arguments, "path")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        context
            .on_files(move |place| delete(place, &arguments))
            .await
    }
}

fn delete(place: &Entered, arguments: &Arguments) -> Result<String, Complaint> {
    let path = file_path(&arguments.path)?;
    match place.directory().delete(&path, arguments.recursive) {
        Ok(deleted) => Ok(told(&path, deleted)),
        Err(error @ AccessError::NotEmpty { .. }) => Err(Complaint::Model(format!(
            "{path:?}: {error}; set recursive to true to delete it with all of them"
        ))),
        Err(error) => Err(Complaint::about(&arguments.path, error)),
    }
}

fn told(path: &str, deleted: Deleted) -> String {
    let Deleted {
        kind,
        files,
        folders,
        bytes,
    } = deleted;
    match kind {
        "directory" => format!(
            "deleted the directory {path}: {files} files with {bytes} bytes, {folders} directories"
        ),
        "file" => format!("deleted {path}: {bytes} bytes"),
        other => format!("deleted {path}: a {other}"),
    }
}
