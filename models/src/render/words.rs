//! What this layer itself says to models: offers of tools in words, forms of answers, corrections.

use std::fmt::Write;

use agent_core::image::ImageRef;
use agent_core::ports::model::HistoryCall;
use agent_core::ports::tool::ToolSpec;
use serde_json::{Value, json};

/// For endpoints that insist on the word.
pub(crate) const SAY_JSON: &str = "Answer in JSON.";

/// Asked once when an answer held nothing but a thought.
pub(crate) const ANSWER_NOW: &str =
    "Your last reply held no answer. Give the final answer now, and only that.";

/// Stands before images, which go in a message of their own.
pub(crate) const IMAGES: &str = "What the tools showed, in the order of their answers:";

/// Stands for an image that does not go with the question.
pub(crate) fn unsent(image: &ImageRef, sees_images: bool) -> String {
    let why = if sees_images {
        "is not sent again; read the file again to see it"
    } else {
        "cannot be shown to you, because this model does not see images; work on it with the shell"
    };
    format!("[An image ({}) {why}.]", image.describe())
}

/// The tools in words.
pub(crate) fn offer(tools: &[ToolSpec]) -> String {
    let mut text = String::from(
        "You can use tools. To use one, reply with one JSON object in a fenced block and nothing else:\n\
         ```json\n{\"tool\": \"NAME\", \"arguments\": {…}}\n```\n\
         Then stop and wait for the result. The arguments must satisfy the tool's schema. The tools:\n",
    );
    for tool in tools {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n{}: {}\nSchema of its arguments: {}\n",
            tool.name, tool.description, tool.parameters
        );
    }
    text
}

/// What the model said before, with its calls as it had to write them.
pub(crate) fn calls(text: &str, calls: &[HistoryCall]) -> String {
    let mut said = text.to_owned();
    for call in calls {
        if !said.is_empty() {
            said.push_str("\n\n");
        }
        let object = json!({ "tool": call.tool, "arguments": call.arguments });
        let _ = write!(said, "```json\n{object}\n```");
    }
    said
}

/// A tool's answer.
pub(crate) fn result(call_id: &str, tool: &str, text: &str) -> String {
    format!("Result of {tool} ({call_id}):\n{text}")
}

/// The form of the answer.
pub(crate) fn form(schema: &Value) -> String {
    format!(
        "Answer with one JSON value and nothing else. It must satisfy this JSON Schema:\n{schema}"
    )
}

/// An answer that did not satisfy its schema.
pub(crate) fn correction(violation: &str) -> String {
    format!(
        "That answer is not in the required form: {violation}. Write the whole answer again, as JSON that satisfies \
         the schema, and nothing else."
    )
}
