//! Limits and use as callers see them.

use agent_core::budget::{Budget, Spend};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The limits of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// Model calls.
    pub model_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Tokens, input and output together.
    pub tokens: u64,
    /// Running time in milliseconds.
    pub wall_ms: u64,
}

impl From<Budget> for BudgetView {
    fn from(budget: Budget) -> Self {
        Self {
            model_calls: budget.model_calls,
            tool_calls: budget.tool_calls,
            tokens: budget.tokens,
            wall_ms: budget.wall_ms,
        }
    }
}

/// What a task has used, the current running time included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpentView {
    /// Model calls.
    pub model_calls: i64,
    /// Tool calls.
    pub tool_calls: i64,
    /// Tokens, input and output together.
    pub tokens: i64,
    /// Running time in milliseconds.
    pub wall_ms: i64,
}

impl From<Spend> for SpentView {
    fn from(spent: Spend) -> Self {
        Self {
            model_calls: spent.model_calls,
            tool_calls: spent.tool_calls,
            tokens: spent.tokens,
            wall_ms: spent.wall_ms,
        }
    }
}
