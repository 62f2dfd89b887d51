//! `note`: tells the user something.

use agent_core::policy::Source;
use agent_core::ports::tool::{EffectClass, FileUse, SideEffect, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, Tool, object, spec};

const BYTES_MAX: usize = 4000;

pub(super) struct Note;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    text: String,
}

#[async_trait]
impl Tool for Note {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "text": {"type": "string", "minLength": 1, "description": "What the user is to know, in a sentence or two."}
            }),
            &["text"],
        );
        let description = "Tells the user something while you work: what you found, or decided, and why. The user does not \
            answer. This is not the result of your work.";
        // The note itself is kept with the call's result, so repeating the call says it once.
        ToolSpec {
            files: FileUse::None,
            ..spec("note", description, parameters, EffectClass::Repeatable)
        }
    }

    fn source(&self, _arguments: &Value) -> Source {
        Source::Own
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        super::text(arguments, "text")
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let text = arguments.text.trim();
        if text.is_empty() || text.len() > BYTES_MAX {
            return Ok(ToolOutcome::say(
                false,
                format!(
                    "a note has 1 to {BYTES_MAX} bytes; write longer texts to a file and publish that"
                ),
            ));
        }
        Ok(ToolOutcome {
            side_effects: vec![SideEffect::Note {
                text: text.to_owned(),
            }],
            ..ToolOutcome::say(true, "the user will see it")
        })
    }
}
