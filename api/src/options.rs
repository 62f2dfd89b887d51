//! Limits and times of the API, with their defaults.
//!
//! Only plain data: who reads files or the environment fills it in.

use agent_core::budget::Budget;
use serde::{Deserialize, Serialize};

use crate::wire::BudgetRequest;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Configuration of the API. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Whether the web console is served under `/console/`.
    pub console: bool,
    /// How long a client may take to send a request's head; also how long an idle connection is kept.
    pub header_timeout_ms: u64,
    /// Longest pause between two pieces of a request's body.
    pub body_idle_timeout_ms: u64,
    /// How long a whole body may take.
    pub body_timeout_ms: u64,
    /// How long a client may leave an answer unread before it is dropped.
    pub write_stall_timeout_ms: u64,
    /// Open connections in all.
    pub connections_max: usize,
    /// Open connections from one address.
    pub connections_per_address_max: usize,
    /// Requests at work in all; waiting and streaming ones are counted apart.
    pub requests_max: usize,
    /// Requests at work for one tenant.
    pub requests_per_tenant_max: usize,
    /// Waiting and streaming requests in all.
    pub watchers_max: usize,
    /// Waiting and streaming requests for one tenant.
    pub watchers_per_tenant_max: usize,
    /// Bytes of request bodies held in memory at once.
    pub upload_bytes_in_flight_max: u64,
    /// Longest JSON body.
    pub json_body_bytes_max: u64,
    /// Files of one JSON submit in all, after decoding.
    pub json_files_bytes_max: u64,
    /// Longest multipart body.
    pub multipart_body_bytes_max: u64,
    /// Longest goal.
    pub goal_bytes_max: u64,
    /// Longest result schema, as JSON text.
    pub result_schema_bytes_max: u64,
    /// Files of one submit.
    pub files_max: usize,
    /// Metadata entries of one task.
    pub metadata_entries_max: usize,
    /// Limits of a task that does not name its own; a field that is absent takes the built-in default.
    pub default_budget: BudgetRequest,
    /// The most that a task may ask for; a field that is absent takes the built-in ceiling.
    pub budget_max: BudgetRequest,
    /// Rules that new tasks begin under. Not a setting: test builds stand for the next release with it.
    #[serde(skip)]
    pub engine: u32,
    /// Rows of a page when the caller does not say.
    pub page_rows: u32,
    /// Most rows of a page.
    pub page_rows_max: u32,
    /// Longest `?wait=`.
    pub wait_max_s: u64,
    /// How often a waiting or streaming request looks by itself when no hint comes.
    pub poll_ms: u64,
    /// Time between two signs of life on a quiet stream.
    pub sse_ping_ms: u64,
    /// How long the answer about a key is kept. A revoked key lives this long at most; 1000 is the ceiling.
    pub key_cache_ms: u64,
    /// How long a worker may be silent before it is said to be gone; the lease of the workers is a good choice.
    pub worker_silent_ms: u64,
    /// How long requests at work may go on after a shutdown was asked for.
    pub drain_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            console: true,
            header_timeout_ms: 10_000,
            body_idle_timeout_ms: 15_000,
            body_timeout_ms: 300_000,
            write_stall_timeout_ms: 30_000,
            connections_max: 2048,
            connections_per_address_max: 512,
            requests_max: 512,
            requests_per_tenant_max: 256,
            watchers_max: 1024,
            watchers_per_tenant_max: 256,
            upload_bytes_in_flight_max: 256 * MIB,
            json_body_bytes_max: 12 * MIB,
            json_files_bytes_max: 8 * MIB,
            multipart_body_bytes_max: 64 * MIB,
            goal_bytes_max: 256 * KIB,
            result_schema_bytes_max: 64 * KIB,
            files_max: 256,
            metadata_entries_max: 32,
            default_budget: BudgetRequest::default(),
            budget_max: BudgetRequest::default(),
            engine: agent_core::ENGINE_VERSION,
            page_rows: 50,
            page_rows_max: 200,
            wait_max_s: 60,
            poll_ms: 500,
            sse_ping_ms: 15_000,
            key_cache_ms: 500,
            worker_silent_ms: 15_000,
            drain_ms: 10_000,
        }
    }
}

/// Ceilings where the configuration names none.
const CEILINGS: Budget = Budget {
    model_calls: 100_000,
    tool_calls: 200_000,
    tokens: 1_000_000_000,
    wall_ms: 30 * 24 * 60 * 60 * 1000,
};

impl Options {
    /// Limits of a task that names none.
    pub fn default_budget(&self) -> Budget {
        self.default_budget.over(Budget::default())
    }

    /// The most that a task may ask for.
    pub fn budget_ceiling(&self) -> Budget {
        self.budget_max.over(CEILINGS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_limit_replaces_only_itself() {
        let options: Result<Options, _> =
            serde_json::from_str(r#"{"default_budget": {"tokens": 5}, "goal_bytes_max": 10}"#);
        let found = options.map(|o| (o.default_budget(), o.goal_bytes_max, o.files_max));
        let wanted = Budget {
            tokens: 5,
            ..Budget::default()
        };
        assert_eq!(found.ok(), Some((wanted, 10, 256)));
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let found = serde_json::from_str::<Options>(r#"{"goal_max": 10}"#);
        assert!(found.is_err_and(|e| e.to_string().contains("goal_max")));
    }
}
