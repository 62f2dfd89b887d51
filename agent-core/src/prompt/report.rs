//! What the writer of the report is told.

use serde_json::{Value, json};

use crate::ports::model::Message;
use crate::report::Verdict;

use super::{FileLine, StepResult, file_lines, fill, list_or, result_block};

/// What a report is made from.
#[derive(Debug, Clone)]
pub struct ReportPrompt<'a> {
    /// The submitter's words.
    pub goal: &'a str,
    /// Every step's state, and its result or error.
    pub steps: &'a [(&'static str, StepResult)],
    /// What the checks found.
    pub verdicts: &'a [Verdict],
    /// Published artifacts.
    pub artifacts: &'a [FileLine],
    /// The form of `data`, if the submitter gave one.
    pub result_schema: Option<&'a Value>,
}

/// The opening of a report job.
pub fn report_messages(prompt: &ReportPrompt<'_>) -> Vec<Message> {
    let steps: Vec<String> = prompt
        .steps
        .iter()
        .map(|(state, step)| {
            let block = result_block(&step.mark, &step.key, &step.result);
            format!("Step {} {state}.\n{block}", step.key)
        })
        .collect();
    let checks: Vec<String> = prompt.verdicts.iter().map(verdict_line).collect();
    let data = if prompt.result_schema.is_some() {
        ", and `data` in the form that the schema asks for"
    } else {
        ""
    };
    let text = fill(
        include_str!("../../prompts/report_user.md"),
        &[
            ("goal", prompt.goal),
            ("steps", &list_or(&steps, "none")),
            ("checks", &list_or(&checks, "none")),
            ("artifacts", &file_lines(prompt.artifacts)),
            ("data", data),
        ],
    );
    vec![
        Message::System {
            text: include_str!("../../prompts/report_system.md").to_owned(),
        },
        Message::User { text },
    ]
}

fn verdict_line(verdict: &Verdict) -> String {
    let holds = match verdict.holds {
        Some(true) => "holds",
        Some(false) => "DOES NOT HOLD",
        None => "not checked by machine",
    };
    format!(
        "- step {}: {}: {holds} ({})",
        verdict.step, verdict.criterion, verdict.found
    )
}

/// The schema of a report, with the submitter's own schema for `data` if there is one.
pub fn report_schema(result_schema: Option<&Value>) -> Value {
    let mut schema = json!({
        "type": "object",
        "properties": {
            "answer": {"type": "string", "minLength": 1},
            "not_done": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["answer", "not_done"],
        "additionalProperties": false,
    });
    if let Some(data) = result_schema {
        schema["properties"]["data"] = data.clone();
        // References inside the submitter's schema are written from its own root.
        for definitions in ["$defs", "definitions"] {
            if let Some(found) = data.get(definitions) {
                schema[definitions] = found.clone();
            }
        }
        schema["required"] = json!(["answer", "not_done", "data"]);
    }
    schema
}
