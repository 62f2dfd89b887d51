//! What the worker of one step is told.

use crate::plan::StepSpec;
use crate::ports::model::Message;

use super::{file_lines, fill, list_or, result_block};

/// A file as prompts list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLine {
    /// Path in the workspace.
    pub path: String,
    /// Size.
    pub bytes: u64,
}

/// A finished step as prompts quote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepResult {
    /// The word of its marks.
    pub mark: String,
    /// Name inside the plan.
    pub key: String,
    /// What it reports.
    pub result: String,
}

/// What a step is made from.
#[derive(Debug, Clone)]
pub struct StepPrompt<'a> {
    /// The submitter's words.
    pub goal: &'a str,
    /// The plan's overview.
    pub overview: &'a str,
    /// Key and title of every step of the plan in force.
    pub steps: &'a [(String, String)],
    /// This step.
    pub spec: &'a StepSpec,
    /// Results of the steps that it depends on.
    pub results: &'a [StepResult],
    /// Files that it begins with.
    pub files: &'a [FileLine],
    /// What to know about these files, such as two versions of one.
    pub remarks: &'a [String],
}

/// The opening of a step job. It holds nothing that changes while the step runs.
pub fn step_messages(prompt: &StepPrompt<'_>) -> Vec<Message> {
    let steps: Vec<String> = prompt
        .steps
        .iter()
        .map(|(key, title)| {
            let here = if *key == prompt.spec.key {
                " (your step)"
            } else {
                ""
            };
            format!("- {key}: {title}{here}")
        })
        .collect();
    let results: Vec<String> = prompt
        .results
        .iter()
        .map(|step| result_block(&step.mark, &step.key, &step.result))
        .collect();
    let acceptance: Vec<String> = prompt
        .spec
        .acceptance
        .iter()
        .map(|criterion| format!("- {}", criterion.describe()))
        .collect();
    let mut files = file_lines(prompt.files);
    for remark in prompt.remarks {
        files.push_str("\n\n");
        files.push_str(remark);
    }
    let text = fill(
        include_str!("../../prompts/step_user.md"),
        &[
            ("key", &prompt.spec.key),
            ("goal", prompt.goal),
            ("overview", prompt.overview),
            ("steps", &list_or(&steps, "none")),
            ("results", &list_or(&results, "none")),
            ("files", &files),
            ("title", &prompt.spec.title),
            ("instructions", &prompt.spec.instructions),
            (
                "acceptance",
                &list_or(&acceptance, "- the instructions were followed"),
            ),
        ],
    );
    vec![
        Message::System {
            text: include_str!("../../prompts/step_system.md").to_owned(),
        },
        Message::User { text },
    ]
}
