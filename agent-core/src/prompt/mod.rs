//! Prompts: what models are told, rendered by pure functions from texts in `prompts/`.
//!
//! Equal inputs give equal bytes, and what changes least comes first, so that providers can cache the beginning. The
//! first line of every opening names the job, for people who read logs and for recorded models in tests.

mod grants;
mod planner;
mod report;
mod step;

use crate::task::TaskSpec;

pub use planner::{Earlier, PlannerPrompt, planner_messages, repair_message};
pub use report::{ReportPrompt, report_messages, report_schema};
pub use step::{FileLine, StepPrompt, StepResult, step_messages};

/// Most files that a prompt lists by name.
const FILES_LISTED_MAX: usize = 200;

/// Puts values into the places `{{name}}` of a template, in one pass, so that a value that contains such a place stays
/// as it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{{") {
        let (before, from_place) = rest.split_at(start);
        filled.push_str(before);
        let Some(end) = from_place.find("}}") else {
            break;
        };
        let name = &from_place[2..end];
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => filled.push_str(value),
            None => filled.push_str(&from_place[..end + 2]),
        }
        rest = &from_place[end + 2..];
    }
    filled.push_str(rest);
    filled
}

/// The goal as every prompt states it: the submitter's words, the form of the result if there is one, and what was granted.
pub fn goal_text(spec: &TaskSpec) -> String {
    let (goal, grants) = (&spec.goal, grants::grants_text(spec));
    match &spec.result_schema {
        Some(schema) => format!(
            "{goal}\n\nBesides the answer in words, the result of the whole task must carry `data` that satisfies this JSON Schema; \
the steps must find what it asks for and say it in their results:\n\n{schema}{grants}"
        ),
        None => format!("{goal}{grants}"),
    }
}

fn list_or(lines: &[String], nothing: &str) -> String {
    if lines.is_empty() {
        nothing.to_owned()
    } else {
        lines.join("\n")
    }
}

fn file_lines(files: &[FileLine]) -> String {
    let mut lines: Vec<String> = files
        .iter()
        .take(FILES_LISTED_MAX)
        .map(|file| format!("- {} ({} bytes)", file.path, file.bytes))
        .collect();
    if files.len() > FILES_LISTED_MAX {
        lines.push(format!("- and {} more", files.len() - FILES_LISTED_MAX));
    }
    list_or(&lines, "none")
}

/// A step's result in a block whose borders a reader can find, and whoever wrote what is in it cannot make.
fn result_block(word: &str, key: &str, result: &str) -> String {
    format!("<<< result of step {key} {word}\n{result}\n>>> end of result {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_looks_like_a_place_is_left_alone() {
        let filled = fill("a {{x}} b {{y}} {{unknown}}", &[("x", "{{y}}"), ("y", "2")]);
        assert_eq!(filled, "a {{y}} b 2 {{unknown}}");
    }
}
