//! Budgets: what a task may use, and what it has used.
//!
//! A call is charged when it is intended and before it is made; tokens are charged when the answer arrives.
//! So a task can exceed its budget by no more than the calls that were in flight. A budget that runs out makes
//! the task wait, it never fails it.

use serde::{Deserialize, Serialize};

/// The limits of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Model calls.
    pub model_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Tokens, input and output together.
    pub tokens: u64,
    /// Time in state `running`, in milliseconds. Time spent queued or waiting is free.
    pub wall_ms: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            model_calls: 200,
            tool_calls: 400,
            tokens: 2_000_000,
            wall_ms: 2 * 60 * 60 * 1000,
        }
    }
}

/// What a task has used. Deltas may be negative: a call that was charged and then not made is refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spend {
    /// Model calls intended.
    pub model_calls: i64,
    /// Tool calls intended.
    pub tool_calls: i64,
    /// Tokens used, input and output together.
    pub tokens: i64,
    /// Time in state `running`, up to the last change of state, in milliseconds.
    pub wall_ms: i64,
}

impl Spend {
    /// One model call.
    pub const MODEL_CALL: Self = Self {
        model_calls: 1,
        tool_calls: 0,
        tokens: 0,
        wall_ms: 0,
    };

    /// This many tool calls.
    pub fn tool_calls(count: usize) -> Self {
        Self {
            tool_calls: i64::try_from(count).unwrap_or(i64::MAX),
            ..Self::default()
        }
    }

    /// This many tokens.
    pub fn tokens(count: u64) -> Self {
        Self {
            tokens: i64::try_from(count).unwrap_or(i64::MAX),
            ..Self::default()
        }
    }

    /// The sum of two spends.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            model_calls: self.model_calls.saturating_add(other.model_calls),
            tool_calls: self.tool_calls.saturating_add(other.tool_calls),
            tokens: self.tokens.saturating_add(other.tokens),
            wall_ms: self.wall_ms.saturating_add(other.wall_ms),
        }
    }

    /// The same spend with the opposite sign, to give back what was charged and not used.
    #[must_use]
    pub fn refund(self) -> Self {
        Self {
            model_calls: -self.model_calls,
            tool_calls: -self.tool_calls,
            tokens: -self.tokens,
            wall_ms: -self.wall_ms,
        }
    }
}

/// One of the four limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// [`Budget::model_calls`].
    ModelCalls,
    /// [`Budget::tool_calls`].
    ToolCalls,
    /// [`Budget::tokens`].
    Tokens,
    /// [`Budget::wall_ms`].
    WallMs,
}

impl Limit {
    /// The limit's name as the API spells it.
    pub fn label(self) -> &'static str {
        match self {
            Self::ModelCalls => "model_calls",
            Self::ToolCalls => "tool_calls",
            Self::Tokens => "tokens",
            Self::WallMs => "wall_ms",
        }
    }
}

fn over(used: i64, limit: u64) -> bool {
    u64::try_from(used).is_ok_and(|used| used > limit)
}

fn reached(used: i64, limit: u64) -> bool {
    u64::try_from(used).is_ok_and(|used| used >= limit)
}

impl Budget {
    /// The limit that forbids the next call, if one does. `spent` already contains the charge for that call, so
    /// call counters may equal their limit; tokens and time are known only afterwards, so reaching them is the end.
    pub fn exhausted(&self, spent: &Spend) -> Option<Limit> {
        if over(spent.model_calls, self.model_calls) {
            return Some(Limit::ModelCalls);
        }
        if over(spent.tool_calls, self.tool_calls) {
            return Some(Limit::ToolCalls);
        }
        if reached(spent.tokens, self.tokens) {
            return Some(Limit::Tokens);
        }
        reached(spent.wall_ms, self.wall_ms).then_some(Limit::WallMs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget {
        model_calls: 2,
        tool_calls: 1,
        tokens: 100,
        wall_ms: 1000,
    };

    #[test]
    fn the_last_call_within_the_limit_may_be_made_and_the_next_may_not() {
        let two = Spend {
            model_calls: 2,
            ..Spend::default()
        };
        assert_eq!(BUDGET.exhausted(&two), None);
        assert_eq!(
            BUDGET.exhausted(&two.plus(Spend::MODEL_CALL)),
            Some(Limit::ModelCalls)
        );
        assert_eq!(
            BUDGET.exhausted(&Spend::tool_calls(2)),
            Some(Limit::ToolCalls)
        );
    }

    #[test]
    fn tokens_and_time_end_when_they_are_reached() {
        assert_eq!(
            BUDGET.exhausted(&Spend {
                tokens: 99,
                ..Spend::default()
            }),
            None
        );
        assert_eq!(
            BUDGET.exhausted(&Spend {
                tokens: 100,
                ..Spend::default()
            }),
            Some(Limit::Tokens)
        );
        assert_eq!(
            BUDGET.exhausted(&Spend {
                wall_ms: 1000,
                ..Spend::default()
            }),
            Some(Limit::WallMs)
        );
    }
}
