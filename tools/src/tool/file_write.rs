//! `file_write`: makes a file hold a text.

use agent_core::policy::Source;
use agent_core::ports::tool::{EffectClass, FileUse, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::growth::admit;
use super::{Complaint, Context, Tool, file_path, object, spec};
use crate::sandbox::disk::DiskLimits;

pub(super) struct FileWrite;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    content: String,
}

#[async_trait]
impl Tool for FileWrite {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "path": {"type": "string", "description": "The file, relative to /workspace, such as \"site/index.html\"."},
                "content": {"type": "string", "description": "The whole text of the file."}
            }),
            &["path", "content"],
        );
        let description = "Writes a whole text file into the workspace: makes it, with the directories above it, or replaces \
            what it held. To change a part of a file use file_edit.";
        ToolSpec {
            files: FileUse::Changes,
            ..spec(
                "file_write",
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
        let limits = DiskLimits::of(&context.shared.options);
        context
            .on_files(move |place| {
                let path = file_path(&arguments.path)?;
                admit(place, &limits, [(&*path, Some(arguments.content.len()))])?;
                place
                    .directory()
                    .write(&path, arguments.content.as_bytes(), None)
                    .map_err(|error| Complaint::about(&arguments.path, error))?;
                let bytes = arguments.content.len();
                let lines = arguments.content.lines().count();
                Ok(format!("wrote {path}: {bytes} bytes, {lines} lines"))
            })
            .await
    }
}
