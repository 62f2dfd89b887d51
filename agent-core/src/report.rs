//! The report: what is checked by machine at the end, and how the checks decide the final state.
//!
//! A model may say that less was done than the checks show; it may never say that more was.

use serde::{Deserialize, Serialize};

use crate::plan::Criterion;
use crate::step::StepState;
use crate::task::{Task, TaskState};

/// What became of one acceptance criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The step that it belongs to.
    pub step: String,
    /// The criterion in words.
    pub criterion: String,
    /// Whether it holds; absent when no machine can tell.
    pub holds: Option<bool>,
    /// What was found.
    pub found: String,
}

/// What the checks need to know of the finished workspace.
pub trait Evidence {
    /// The text of a file, if it is there and short enough to read.
    fn file(&self, path: &str) -> Option<String>;
    /// The size of a file, if it is there.
    fn file_bytes(&self, path: &str) -> Option<u64>;
    /// Whether an artifact of this name was published.
    fn has_artifact(&self, name: &str) -> bool;
}

/// Checks one criterion.
pub fn check(step: &str, criterion: &Criterion, evidence: &dyn Evidence) -> Verdict {
    let (holds, found) = match criterion {
        Criterion::FileExists { path } => match evidence.file_bytes(path) {
            Some(0) => (Some(false), "the file is empty".to_owned()),
            Some(bytes) => (Some(true), format!("{bytes} bytes")),
            None => (Some(false), "no such file".to_owned()),
        },
        Criterion::FileContains { path, text } => match evidence.file(path) {
            Some(content) if content.contains(text.as_str()) => (Some(true), "found".to_owned()),
            Some(_) => (Some(false), "the text is not in the file".to_owned()),
            None => (Some(false), "no such file, or it is not text".to_owned()),
        },
        Criterion::FileIsJson { path } => match evidence.file(path) {
            Some(content) => match serde_json::from_str::<serde_json::Value>(&content) {
                Ok(_) => (Some(true), "valid JSON".to_owned()),
                Err(error) => (Some(false), format!("not JSON: {error}")),
            },
            None => (Some(false), "no such file, or it is not text".to_owned()),
        },
        Criterion::ArtifactPublished { name } if evidence.has_artifact(name) => {
            (Some(true), "published".to_owned())
        }
        Criterion::ArtifactPublished { .. } => (Some(false), "not published".to_owned()),
        Criterion::Judged { .. } => (None, "not checked by machine".to_owned()),
    };
    Verdict {
        step: step.to_owned(),
        criterion: criterion.describe(),
        holds,
        found,
    }
}

/// The final state that steps, checks and the model's own list of what is missing allow.
pub fn final_state(task: &Task, verdicts: &[Verdict], not_done: &[String]) -> TaskState {
    let current = task
        .steps
        .iter()
        .filter(|step| step.plan_version == task.plan_version);
    let all_succeeded = current
        .clone()
        .all(|step| step.state == StepState::Succeeded)
        && current.count() > 0;
    let refuted = verdicts.iter().any(|verdict| verdict.holds == Some(false));
    if all_succeeded && !refuted && not_done.is_empty() {
        return TaskState::Succeeded;
    }
    if task.has_success() {
        TaskState::Partial
    } else {
        TaskState::Failed
    }
}
