//! The store in an SQLite file, which lies in a temporary folder of its own. Another handle opens the same file.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};
use store_sqlite::{Options, SqliteStore};
use tempfile::TempDir;

use crate::harness::{Backend, Handle, Harness, Records, read_records};

struct Sqlite(TempDir);

/// A harness over a new file.
pub async fn start() -> Harness {
    Harness::over(Box::new(Sqlite(TempDir::new().unwrap()))).await
}

impl Sqlite {
    async fn store(&self) -> Arc<SqliteStore> {
        let file = self.0.path().join("errand.db");
        SqliteStore::open(Options::at(file)).await.unwrap()
    }

    /// A connection beside those of the stores.
    async fn connect(&self) -> SqliteConnection {
        let file = self.0.path().join("errand.db");
        let options = SqliteConnectOptions::new().filename(file);
        options.connect().await.unwrap()
    }
}

#[async_trait]
impl Backend for Sqlite {
    async fn open(&self) -> Arc<dyn Handle> {
        self.store().await
    }

    async fn shift_clock(&self, ms: i64) {
        let store = self.store().await;
        store.shift_clock(ms).await.unwrap();
        store.close().await;
    }

    async fn records(&self) -> Records {
        let mut connection = self.connect().await;
        let records = read_records!(connection);
        connection.close().await.unwrap();
        records
    }

    async fn spoil(&self, statement: &'static str) -> bool {
        let mut connection = self.connect().await;
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
        true
    }

    async fn remove(self: Box<Self>) {
        self.0.close().unwrap();
    }
}
