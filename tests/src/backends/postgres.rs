//! The store in PostgreSQL: a database of its own for each case, in the throwaway cluster. Another handle has
//! connections of its own.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Connection;
use store_postgres::{Options, PostgresStore};

use crate::harness::{Backend, Handle, Harness, Records, read_records};
use crate::postgres::{Cluster, Database};

struct Postgres {
    database: Database,
    /// A handle that cases do not see, to move the clock by.
    clock: Arc<PostgresStore>,
}

/// A harness over a new database.
pub async fn start() -> Harness {
    let database = Cluster::shared().await.database().await;
    let clock = connect(&database).await;
    Harness::over(Box::new(Postgres { database, clock })).await
}

async fn connect(database: &Database) -> Arc<PostgresStore> {
    let options = Options::at(database.url());
    PostgresStore::connect(options).await.unwrap()
}

#[async_trait]
impl Backend for Postgres {
    async fn open(&self) -> Arc<dyn Handle> {
        connect(&self.database).await
    }

    async fn shift_clock(&self, ms: i64) {
        self.clock.shift_clock(ms).await.unwrap();
    }

    async fn records(&self) -> Records {
        let mut connection = self.database.connect().await;
        let records = read_records!(connection);
        connection.close().await.unwrap();
        records
    }

    async fn remove(self: Box<Self>) {
        self.clock.close().await;
        self.database.remove().await;
    }
}
