//! How the database is reached, and how long anything may take.

use agent_core::secret::Secret;
use serde::Deserialize;

/// How the database is reached, and how long anything may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// `postgres://user:password@host:port/database`. A secret, because a password may be in it.
    pub url: Secret,
    /// Most connections of this process, the listener's and the notifier's apart.
    pub connections_max: u32,
    /// How long a verb waits for a free connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long a statement may run, in milliseconds.
    pub statement_timeout_ms: u64,
    /// How long a statement may wait for a lock, in milliseconds.
    pub lock_timeout_ms: u64,
    /// How long a transaction may wait for its next statement, in milliseconds.
    pub idle_in_transaction_timeout_ms: u64,
    /// How long a verb may take in all, in milliseconds.
    pub deadline_ms: u64,
    /// Most commits in one transaction.
    pub batch_max: usize,
    /// Whether a transaction pooler in front is looked for. Once for each place and process is enough.
    pub refuse_poolers: bool,
    /// Whether hints go to other processes by LISTEN and NOTIFY. Without, they poll, which is a little slower.
    pub notify: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            url: Secret::new(""),
            connections_max: 8,
            acquire_timeout_ms: 10_000,
            statement_timeout_ms: 10_000,
            lock_timeout_ms: 5_000,
            idle_in_transaction_timeout_ms: 10_000,
            deadline_ms: 30_000,
            batch_max: 512,
            refuse_poolers: true,
            notify: true,
        }
    }
}

impl Options {
    /// The defaults for a database.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: Secret::new(url),
            ..Self::default()
        }
    }
}
