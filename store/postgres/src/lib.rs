//! Errand's store in PostgreSQL: for several workers, on several machines.
//!
//! Tasks are locked before jobs and both by id, claims and reaps skip what is locked, and no transaction stays open
//! over anything but its own statements. The verbs that are equal in both databases are in `../verbs`.

mod alone;
mod audience;
mod connect;
mod dialect;
mod error;
mod options;
mod pooler;
mod relay;
mod schema;
#[path = "../../verbs/mod.rs"]
mod verbs;

use std::sync::Arc;

use agent_core::ports::store::StoreError;
use sqlx::postgres::PgConnectOptions;

pub use error::{OpenError, PoolMode};
pub use options::Options;

type Database = sqlx::Postgres;
type Connection = sqlx::PgConnection;
type Pool = sqlx::PgPool;
type Transaction = sqlx::Transaction<'static, sqlx::Postgres>;
type Store = PostgresStore;

/// The store in a PostgreSQL database.
pub struct PostgresStore {
    core: Arc<verbs::Core>,
    /// How to connect for what does not go through the pool.
    connect: PgConnectOptions,
}

impl PostgresStore {
    /// Finishes what was begun and closes the connections. Verbs called afterwards fail.
    pub async fn close(&self) {
        self.core.close().await;
    }

    /// Moves the database's time by so many milliseconds. For tests: it edits a row of the database, so that leases and
    /// delays can be watched without waiting.
    pub async fn shift_clock(&self, ms: i64) -> Result<(), StoreError> {
        self.core.shift_clock(ms).await
    }
}
