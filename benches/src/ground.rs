//! The two databases that are measured: an SQLite file in a folder of its own, and a database of a throwaway PostgreSQL.
//!
//! Both lie on the disk of the temporary folder and keep their default durability. Everything is removed at the end,
//! also after a kill: the PostgreSQL has a supervisor that ends it with this process.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use errand_tests::harness::Handle;
use errand_tests::postgres::{Cluster, Database};
use errand_tests::sqlite_log::{Contents, contents};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgConnection, SqliteConnection};
use store_postgres::PostgresStore;
use store_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::process;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// Its name in the table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// An empty database, with a folder for all else.
pub struct Ground {
    /// Which database.
    pub kind: Kind,
    folder: TempDir,
    database: Option<Database>,
}

/// A connection to look at a database from outside.
pub enum Look {
    /// To the file.
    Sqlite(SqliteConnection),
    /// To the server.
    Postgres(PgConnection),
}

/// What PostgreSQL has counted in all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Rows written: inserted, updated, deleted.
    pub rows: f64,
    /// Transactions, those that only read included.
    pub transactions: f64,
    /// Times that the log was forced to disk.
    pub wal_syncs: f64,
    /// Bytes of the log.
    pub wal_bytes: f64,
}

impl Counted {
    /// What was counted since, by so many.
    pub fn since(self, before: Self, by: f64) -> Self {
        Self {
            rows: (self.rows - before.rows) / by,
            transactions: (self.transactions - before.transactions) / by,
            wal_syncs: (self.wal_syncs - before.wal_syncs) / by,
            wal_bytes: (self.wal_bytes - before.wal_bytes) / by,
        }
    }
}

impl Ground {
    /// A new one.
    pub async fn new(kind: Kind) -> Result<Self> {
        let database = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(Cluster::shared().await.database().await),
        };
        Ok(Self {
            kind,
            folder: tempfile::tempdir()?,
            database,
        })
    }

    /// The folder of everything but PostgreSQL's data.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("errand.db")
    }

    /// The database as the server's configuration names it.
    pub fn url(&self) -> String {
        match &self.database {
            None => format!("sqlite:{}", self.file().display()),
            Some(database) => database.url(),
        }
    }

    /// A store over it, migrated, in this process.
    pub async fn store(&self) -> Result<Arc<dyn Handle>> {
        Ok(match &self.database {
            None => SqliteStore::open(store_sqlite::Options::at(self.file())).await?,
            Some(database) => {
                let options = store_postgres::Options::at(database.url());
                PostgresStore::connect(options).await?
            }
        })
    }

    /// A connection with the durability that the store has.
    pub async fn look(&self) -> Result<Look> {
        Ok(match &self.database {
            None => {
                let options = SqliteConnectOptions::new()
                    .filename(self.file())
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full);
                Look::Sqlite(options.connect().await?)
            }
            Some(database) => Look::Postgres(database.connect().await),
        })
    }

    /// What the SQLite log holds; nothing on PostgreSQL.
    pub fn sqlite_log(&self) -> Option<Contents> {
        (self.kind == Kind::Sqlite)
            .then(|| contents(&self.file()))
            .flatten()
    }

    /// Removes the database.
    pub async fn remove(self) {
        if let Some(database) = self.database {
            database.remove().await;
        }
    }
}

impl Look {
    /// Tasks that ended, and those of them that succeeded.
    pub async fn ended(&mut self) -> Result<(i64, i64)> {
        const SQL: &str = "SELECT count(*), count(CASE WHEN state = 'succeeded' THEN 1 END) FROM task \
             WHERE state IN ('succeeded', 'partial', 'failed', 'cancelled')";
        Ok(match self {
            Self::Sqlite(connection) => sqlx::query_as(SQL).fetch_one(connection).await?,
            Self::Postgres(connection) => sqlx::query_as(SQL).fetch_one(connection).await?,
        })
    }

    /// Tasks that wait for something.
    pub async fn waiting(&mut self) -> Result<i64> {
        const SQL: &str = "SELECT count(*) FROM task WHERE state = 'waiting'";
        Ok(match self {
            Self::Sqlite(connection) => sqlx::query_scalar(SQL).fetch_one(connection).await?,
            Self::Postgres(connection) => sqlx::query_scalar(SQL).fetch_one(connection).await?,
        })
    }

    /// What PostgreSQL counted so far; whoever was connected must have left, because statistics lag. Nothing on SQLite.
    pub async fn counted(&mut self) -> Result<Option<Counted>> {
        const SQL: &str = "SELECT \
             (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::float8 FROM pg_stat_user_tables), \
             (SELECT xact_commit::float8 FROM pg_stat_database WHERE datname = current_database()), \
             (SELECT wal_sync::float8 FROM pg_stat_wal), \
             pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8";
        let Self::Postgres(connection) = self else {
            return Ok(None);
        };
        sqlx::query("SELECT pg_stat_clear_snapshot()")
            .execute(&mut *connection)
            .await?;
        let (rows, transactions, wal_syncs, wal_bytes): (Option<f64>, f64, f64, f64) =
            sqlx::query_as(SQL).fetch_one(connection).await?;
        Ok(Some(Counted {
            rows: rows.unwrap_or(0.0),
            transactions,
            wal_syncs,
            wal_bytes,
        }))
    }

    /// Waits until nobody else is connected to this database.
    pub async fn alone(&mut self) -> Result<()> {
        const SQL: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let Self::Postgres(connection) = self else {
            return Ok(());
        };
        loop {
            let others: i64 = sqlx::query_scalar(SQL).fetch_one(&mut *connection).await?;
            if others == 0 {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Milliseconds of processor that the database's server has used; nothing on SQLite, which has none.
    pub async fn server_cpu_ms(&mut self) -> Result<Option<f64>> {
        let Self::Postgres(connection) = self else {
            return Ok(None);
        };
        let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(connection)
            .await?;
        let parent = process::stat(own.unsigned_abs())
            .context("the database's process cannot be seen")?
            .parent;
        Ok(Some(process::family_cpu_ms(parent)))
    }

    /// Statements that make things quick to look at again after much was written.
    pub async fn settle(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => {
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                    .execute(connection)
                    .await?;
            }
            Self::Postgres(connection) => {
                sqlx::query("VACUUM ANALYZE task")
                    .execute(&mut *connection)
                    .await?;
                sqlx::query("CHECKPOINT").execute(connection).await?;
            }
        }
        Ok(())
    }

    /// Closes the connection.
    pub async fn close(self) -> Result<()> {
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }
}
