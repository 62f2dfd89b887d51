//! What a commit reads: the row it is guarded by, and the counters after it.

use agent_core::budget::{Budget, Spend};
use agent_core::ports::store::Committed;

use crate::parts::BudgetColumns;

/// What a guard is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardRecord {
    /// The task's version.
    pub version: i64,
    /// The fence that the job is held under, if it is held.
    pub fence: Option<i64>,
}

/// A task's counters after a commit.
#[derive(Debug)]
pub struct CommittedRecord {
    pub seq: i64,
    pub version: i64,
    pub at_ms: i64,
    pub running_since_ms: Option<i64>,
    pub budget_model_calls: i64,
    pub budget_tool_calls: i64,
    pub budget_tokens: i64,
    pub budget_wall_ms: i64,
    pub spent_model_calls: i64,
    pub spent_tool_calls: i64,
    pub spent_tokens: i64,
    pub spent_wall_ms: i64,
}

/// A task's counters after a commit that shared its statement.
#[derive(Debug)]
pub struct ChargedRecord {
    /// The task.
    pub key: String,
    pub seq: i64,
    pub version: i64,
    pub at_ms: i64,
    pub running_since_ms: Option<i64>,
    pub budget_model_calls: i64,
    pub budget_tool_calls: i64,
    pub budget_tokens: i64,
    pub budget_wall_ms: i64,
    pub spent_model_calls: i64,
    pub spent_tool_calls: i64,
    pub spent_tokens: i64,
    pub spent_wall_ms: i64,
}

impl From<ChargedRecord> for Committed {
    fn from(row: ChargedRecord) -> Self {
        Self::from(CommittedRecord {
            seq: row.seq,
            version: row.version,
            at_ms: row.at_ms,
            running_since_ms: row.running_since_ms,
            budget_model_calls: row.budget_model_calls,
            budget_tool_calls: row.budget_tool_calls,
            budget_tokens: row.budget_tokens,
            budget_wall_ms: row.budget_wall_ms,
            spent_model_calls: row.spent_model_calls,
            spent_tool_calls: row.spent_tool_calls,
            spent_tokens: row.spent_tokens,
            spent_wall_ms: row.spent_wall_ms,
        })
    }
}

impl From<CommittedRecord> for Committed {
    fn from(row: CommittedRecord) -> Self {
        Self {
            seq: row.seq,
            version: row.version,
            spent: Spend {
                model_calls: row.spent_model_calls,
                tool_calls: row.spent_tool_calls,
                tokens: row.spent_tokens,
                wall_ms: row.spent_wall_ms,
            },
            budget: Budget::from(BudgetColumns {
                model_calls: row.budget_model_calls,
                tool_calls: row.budget_tool_calls,
                tokens: row.budget_tokens,
                wall_ms: row.budget_wall_ms,
            }),
            running_since_ms: row.running_since_ms,
            at_ms: row.at_ms,
            handed_over: false,
        }
    }
}
