//! `publish`: hands a file to the submitter.

use agent_core::policy::Source;
use agent_core::ports::tool::{EffectClass, SideEffect, ToolError, ToolOutcome, ToolSpec};
use agent_core::workspace::check_path;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Complaint, Context, Tool, file_path, object, spec};
use crate::toolbox::machine_said_no;

pub(super) struct Publish;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    name: Option<String>,
}

#[async_trait]
impl Tool for Publish {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "path": {"type": "string", "description": "The file, relative to /workspace."},
                "name": {"type": "string", "description": "The name under which the user gets it, such as \"report.md\"; the path if absent."}
            }),
            &["path"],
        );
        let description = "Hands a finished file of the workspace to the user as a result. Files that are not published stay \
            behind. Publishing the same name again replaces the file. For a directory, publish its files one by one, or \
            an archive of it.";
        spec("publish", description, parameters, EffectClass::Repeatable)
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
        let place = context.place()?;
        let bytes_max = context.shared.options.file_bytes_max;
        let read = tokio::task::spawn_blocking(move || {
            let path = file_path(&arguments.path)?;
            let name = arguments.name.unwrap_or_else(|| path.clone());
            check_path(&name).map_err(|error| {
                Complaint::Model(format!("the name {name:?} cannot be used: {error}"))
            })?;
            let file = place
                .directory()
                .read(&path, bytes_max)
                .map_err(|error| Complaint::about(&arguments.path, error))?;
            Ok((name, file.bytes))
        });
        let (name, bytes) = match read
            .await
            .map_err(|error| ToolError::Unavailable(error.to_string()))?
        {
            Ok(read) => read,
            Err(Complaint::Model(text)) => return Ok(ToolOutcome::say(false, text)),
            Err(Complaint::Machine(error)) => return Err(machine_said_no(&error)),
        };
        let blob = context
            .shared
            .blobs
            .put(&context.call.place.tenant, bytes)
            .await?;
        let text = format!("published {name}: {} bytes", blob.bytes);
        let media_type = media_type(&name);
        Ok(ToolOutcome {
            side_effects: vec![SideEffect::Publish {
                name,
                blob,
                media_type,
            }],
            ..ToolOutcome::say(true, text)
        })
    }
}

fn media_type(name: &str) -> String {
    mime_guess::from_path(name).first_raw().map_or_else(
        || "application/octet-stream".to_owned(),
        |kind| match kind {
            text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
            other => other.to_owned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn the_media_type_follows_the_name() {
        for (name, wanted) in [
            ("report.md", "text/markdown; charset=utf-8"),
            ("a/chart.svg", "image/svg+xml"),
            ("cv.pdf", "application/pdf"),
            ("data", "application/octet-stream"),
        ] {
            assert_eq!(media_type(name), wanted, "{name}");
        }
    }
}
