//! The store in PostgreSQL: a database of its own for each case, in the throwaway cluster. Another handle has
//! connections of its own.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Connection, Executor};
use store_postgres::{Options, PostgresStore};

use crate::harness::{Backend, Handle, Harness, Records, read_records};
use crate::postgres::{Cluster, Database};

struct Postgres {
    database: Database,
    /// A handle that cases do not see, to move the clock by.
    clock: Arc<PostgresStore>,
    notify: bool,
}

/// A harness over a new database.
pub async fn start() -> Harness {
    over(true).await
}

/// The same, with or without LISTEN and NOTIFY between its handles.
pub async fn over(notify: bool) -> Harness {
    let database = Cluster::shared().await.database().await;
    let clock = connect(&database, notify).await;
    let backend = Postgres {
        database,
        clock,
        notify,
    };
    Harness::over(Box::new(backend)).await
}

async fn connect(database: &Database, notify: bool) -> Arc<PostgresStore> {
    let options = Options {
        notify,
        ..Options::at(database.url())
    };
    PostgresStore::connect(options).await.unwrap()
}

#[async_trait]
impl Backend for Postgres {
    async fn open(&self) -> Arc<dyn Handle> {
        connect(&self.database, self.notify).await
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

    async fn spoil(&self, statement: &'static str) -> bool {
        let mut connection = self.database.connect().await;
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
        true
    }

    async fn remove(self: Box<Self>) {
        self.clock.close().await;
        self.database.remove().await;
    }
}
