//! What the planner is told.

use crate::budget::Budget;
use crate::ports::model::Message;
use crate::ports::tool::ToolSpec;

use super::{FileLine, StepResult, file_lines, fill, list_or, result_block};

/// What a plan is made from.
#[derive(Debug, Clone)]
pub struct PlannerPrompt<'a> {
    /// The submitter's words.
    pub goal: &'a str,
    /// Attached files.
    pub files: &'a [FileLine],
    /// Tools that steps can use.
    pub tools: &'a [ToolSpec],
    /// Limits.
    pub budget: Budget,
    /// What an earlier plan achieved, when this is a new one after a failure.
    pub earlier: Option<Earlier>,
}

/// What became of an earlier plan.
#[derive(Debug, Clone)]
pub struct Earlier {
    /// Steps that succeeded.
    pub done: Vec<StepResult>,
    /// The others, with why they failed where they did.
    pub open: Vec<StepResult>,
}

/// The opening of a plan job.
pub fn planner_messages(prompt: &PlannerPrompt<'_>) -> Vec<Message> {
    let tools: Vec<String> = prompt
        .tools
        .iter()
        .map(|tool| format!("- `{}`: {}", tool.name, tool.description))
        .collect();
    let budget = prompt.budget;
    let limits = format!(
        "{} model calls, {} tool calls, {} tokens, {} minutes of work.",
        budget.model_calls,
        budget.tool_calls,
        budget.tokens,
        budget.wall_ms / 60_000
    );
    let earlier = prompt
        .earlier
        .as_ref()
        .map(earlier_part)
        .unwrap_or_default();
    let text = fill(
        include_str!("../../prompts/planner_user.md"),
        &[
            (
                "job",
                if prompt.earlier.is_some() {
                    "replan"
                } else {
                    "plan"
                },
            ),
            ("goal", prompt.goal),
            ("files", &file_lines(prompt.files)),
            ("tools", &list_or(&tools, "none")),
            ("limits", &limits),
            ("earlier", &earlier),
        ],
    );
    vec![
        Message::System {
            text: include_str!("../../prompts/planner_system.md").to_owned(),
        },
        Message::User { text },
    ]
}

fn earlier_part(earlier: &Earlier) -> String {
    let done: Vec<String> = earlier
        .done
        .iter()
        .map(|step| result_block(&step.mark, &step.key, &step.result))
        .collect();
    let open: Vec<String> = earlier
        .open
        .iter()
        .map(|step| result_block(&step.mark, &step.key, &step.result))
        .collect();
    fill(
        include_str!("../../prompts/planner_earlier.md"),
        &[
            ("done", &list_or(&done, "none")),
            ("open", &list_or(&open, "none")),
        ],
    )
}

/// What the planner is told about the faults of its plan.
pub fn repair_message(faults: &[String]) -> Message {
    let lines: Vec<String> = faults.iter().map(|fault| format!("- {fault}")).collect();
    let text = format!(
        "This plan cannot be used:\n{}\n\nAnswer with the whole plan again, mended, as one JSON object and nothing else.",
        lines.join("\n")
    );
    Message::User { text }
}
