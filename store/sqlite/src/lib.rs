//! Errand's store in one SQLite file: for one server process on one machine.
//!
//! One connection writes, under `BEGIN IMMEDIATE`, and others read beside it. WAL with `synchronous=FULL`: what a verb
//! has answered survives a power cut. The verbs that are equal in both databases are in `../verbs`.

mod alone;
mod dialect;
mod error;
mod open;
mod options;
#[cfg(test)]
mod tests;
#[path = "../../verbs/mod.rs"]
mod verbs;

use std::sync::Arc;

use agent_core::ports::store::StoreError;

pub use error::OpenError;
pub use options::Options;

type Database = sqlx::Sqlite;
type Connection = sqlx::SqliteConnection;
type Pool = sqlx::SqlitePool;
type Transaction = sqlx::Transaction<'static, sqlx::Sqlite>;
type Store = SqliteStore;

/// The store in one SQLite file.
pub struct SqliteStore {
    core: Arc<verbs::Core>,
}

impl SqliteStore {
    /// Finishes what was begun and closes the file. Verbs called afterwards fail.
    pub async fn close(&self) {
        self.core.close().await;
    }

    /// Moves the database's time by so many milliseconds. For tests: it edits a row of the database, so that leases and
    /// delays can be watched without waiting.
    pub async fn shift_clock(&self, ms: i64) -> Result<(), StoreError> {
        self.core.shift_clock(ms).await
    }
}
