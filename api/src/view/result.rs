//! The result of a task as callers see it.

use agent_core::task::TaskResult;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What became of one acceptance criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CriterionView {
    /// Key of the step that it belongs to.
    pub step: String,
    /// The criterion in words.
    pub criterion: String,
    /// Whether it holds; null when no machine can tell.
    pub holds: Option<bool>,
    /// What was found.
    pub found: String,
}

/// What a finished task gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResultView {
    /// The answer in words, Markdown.
    pub answer: String,
    /// The answer as data, when a result schema was given.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
    /// Every acceptance criterion with what became of it.
    pub criteria: Vec<CriterionView>,
    /// What was asked for and is not done, one sentence each.
    pub not_done: Vec<String>,
}

impl ResultView {
    pub(crate) fn of(result: TaskResult) -> Self {
        let criteria = result.criteria.into_iter().map(|verdict| CriterionView {
            step: verdict.step,
            criterion: verdict.criterion,
            holds: verdict.holds,
            found: verdict.found,
        });
        Self {
            answer: result.answer,
            data: result.data,
            criteria: criteria.collect(),
            not_done: result.not_done,
        }
    }
}
