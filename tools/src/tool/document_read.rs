//! `document_read`: documents of the workspace as text, read inside the sandbox.

use agent_core::ports::tool::{EffectClass, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Tool, cut, file_path, object, spec};
use crate::documents;
use crate::inside::document::Ask;

pub(super) struct DocumentRead;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    #[serde(default)]
    part: String,
    #[serde(default)]
    formulas: bool,
    #[serde(default)]
    full: bool,
}

#[async_trait]
impl Tool for DocumentRead {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "path": {"type": "string", "description": "The file, relative to /workspace."},
                "part": {
                    "type": "string",
                    "description": "Which part: \"pages 3-7\", \"slides 2-4\", \"rows 100-200\", \"Costs!A1:F200\" (cells of a sheet), \
                        \"$.orders[3]\" (a value of JSON), \"member: docs/a.pdf\" or \"member: docs/a.pdf # pages 2-3\" (of an archive). \
                        The start if absent; the answer says how to go on."
                },
                "formulas": {"type": "boolean", "description": "Whether cells show their formula beside the value; false if absent."},
                "full": {"type": "boolean", "description": "Of an HTML page, everything instead of the main text; false if absent."}
            }),
            &["path"],
        );
        let description = "Shows a document as text with page and cell references: PDF, DOCX, ODT, PPTX, XLSX, XLS, ODS, CSV, HTML, JSON, \
            and what is in a ZIP or tar archive. Scanned pages have no text.";
        spec("document_read", description, parameters, EffectClass::Read)
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "path")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let path = match file_path(&arguments.path) {
            Ok(path) => path,
            Err(complaint) => return complaint.told(),
        };
        let shown = context.shared.options.shown_bytes_max;
        let ask = Ask {
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            path: Some(path),
            part: arguments.part,
            full: arguments.full,
            formulas: arguments.formulas,
            page: None,
            bytes_max: u64::try_from(shown.saturating_sub(600)).unwrap_or(u64::MAX),
        };
        let sandbox = context.shared.sandbox.as_ref();
        let read = documents::read(sandbox, context.place()?, &ask, None).await?;
        // A reader that was deceived could print more than it was asked for.
        let bounded = cut::middle(&read.content, shown);
        Ok(ToolOutcome {
            content: bounded,
            ..read
        })
    }
}
