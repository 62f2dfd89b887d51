//! Which database, and how to open it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_core::ports::credentials::Credentials;
use agent_core::ports::housekeeping::Housekeeping;
use agent_core::ports::installation::Installations;
use agent_core::ports::store::{Store, StoreError};
use agent_core::ports::wake::Wake;
use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use store_postgres::PostgresStore;
use store_sqlite::SqliteStore;
use worker::{Lifeline, OpenLifeline, SharedStore};

use crate::config::{Config, Paths};

/// The database that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres {
        /// Its address.
        url: String,
        /// Whether processes tell each other of news by LISTEN and NOTIFY.
        notify: bool,
    },
}

/// An open database.
#[derive(Clone)]
pub struct Opened {
    /// Log and queue.
    pub store: Arc<dyn Store>,
    /// Stored secrets.
    pub credentials: Arc<dyn Credentials>,
    /// Tending it.
    pub housekeeping: Arc<dyn Housekeeping>,
    /// What belongs to it.
    pub installations: Arc<dyn Installations>,
    /// Hints.
    pub wake: Arc<dyn Wake>,
    /// The heartbeat's way to the same database.
    pub lifeline: Arc<dyn OpenLifeline>,
}

/// The heartbeat's own connection to PostgreSQL: it waits for no commit and for no other thread.
struct OwnConnection {
    url: String,
}

#[async_trait]
impl OpenLifeline for OwnConnection {
    async fn open(&self) -> Result<Box<dyn Lifeline>, StoreError> {
        let options = store_postgres::Options {
            connections_max: 1,
            // The worker's other connections went to the same place, and found none.
            refuse_poolers: false,
            notify: false,
            ..store_postgres::Options::at(self.url.as_str())
        };
        let store = PostgresStore::connect(options).await;
        let store = store.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(Box::new(SharedStore(store)))
    }
}

impl Database {
    /// The database that the configuration names.
    pub fn of(config: &Config, paths: &Paths) -> Result<Self> {
        let url = config.database_url.expose();
        if url.is_empty() {
            return Ok(Self::Sqlite(paths.database()));
        }
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(PathBuf::from(
                path.strip_prefix("//").unwrap_or(path),
            )));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres {
                url: url.to_owned(),
                notify: config.postgres.notify,
            });
        }
        bail!("the database URL must begin with sqlite: or postgres://");
    }

    /// Names the database without its password.
    pub fn describe(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("SQLite file {}", path.display()),
            Self::Postgres { url, .. } => match egress::Url::parse(url) {
                Ok(url) => format!(
                    "PostgreSQL at {}{}{}",
                    url.host_str().unwrap_or("local socket"),
                    url.port()
                        .map(|port| format!(":{port}"))
                        .unwrap_or_default(),
                    url.path()
                ),
                Err(_) => "PostgreSQL".to_owned(),
            },
        }
    }

    /// Opens the database. `migrate` applies what is missing; otherwise a database that is behind is refused.
    pub async fn open(&self, migrate: bool) -> Result<Opened> {
        match self {
            Self::Sqlite(path) => {
                let options = store_sqlite::Options {
                    migrate,
                    create: migrate,
                    ..store_sqlite::Options::at(path)
                };
                let store = SqliteStore::open(options).await?;
                Ok(Opened {
                    store: store.clone(),
                    credentials: store.clone(),
                    housekeeping: store.clone(),
                    installations: store.clone(),
                    // The file has one writer, whose connections turn by turn serve whoever asks, from any thread.
                    lifeline: Arc::new(SharedStore(store.clone())),
                    wake: store,
                })
            }
            Self::Postgres { url, notify } => {
                let store = connect(url, *notify).await?;
                if migrate {
                    store.migrate().await?;
                } else {
                    refuse_if_behind(&store.pending_migrations().await?)?;
                }
                Ok(opened(store, url))
            }
        }
    }

    /// Opens the database and applies what is missing, which is told before it is done.
    pub async fn open_migrated(&self, tell: impl FnOnce(&str)) -> Result<Opened> {
        match self {
            Self::Sqlite(_) => {
                self.tell_of(&self.pending().await?, tell);
                self.open(true).await
            }
            Self::Postgres { url, notify } => {
                let store = connect(url, *notify).await?;
                let due = store.pending_migrations().await?;
                self.tell_of(&due, tell);
                if !due.is_empty() {
                    store.migrate().await?;
                }
                Ok(opened(store, url))
            }
        }
    }

    fn tell_of(&self, due: &[String], tell: impl FnOnce(&str)) {
        let what = match due.len() {
            0 => return,
            1 => "1 migration".to_owned(),
            count => format!("{count} migrations"),
        };
        let (place, names) = (self.describe(), due.join(", "));
        tell(&format!("applying {what} to {place}: {names}"));
    }

    /// Whether Errand has never been here: no file, or a database without its tables. Changes nothing.
    pub async fn is_new(&self) -> Result<bool> {
        let all = match self {
            Self::Sqlite(path) if !path.exists() => return Ok(true),
            Self::Sqlite(_) => migrations::names(&migrations::SQLITE),
            Self::Postgres { .. } => migrations::names(&migrations::POSTGRES),
        };
        Ok(self.pending().await? == all)
    }

    /// Names of the migrations that are due. Changes nothing.
    pub async fn pending(&self) -> Result<Vec<String>> {
        match self {
            Self::Sqlite(path) if !path.exists() => Ok(migrations::names(&migrations::SQLITE)),
            Self::Sqlite(path) => Ok(SqliteStore::pending_migrations(path).await?),
            Self::Postgres { url, .. } => {
                let options = store_postgres::Options::at(url.as_str());
                Ok(PostgresStore::connect(options)
                    .await?
                    .pending_migrations()
                    .await?)
            }
        }
    }

    /// The file, for SQLite.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres { .. } => None,
        }
    }
}

async fn connect(url: &str, notify: bool) -> Result<Arc<PostgresStore>> {
    let options = store_postgres::Options {
        notify,
        ..store_postgres::Options::at(url)
    };
    Ok(PostgresStore::connect(options).await?)
}

fn opened(store: Arc<PostgresStore>, url: &str) -> Opened {
    Opened {
        store: store.clone(),
        credentials: store.clone(),
        housekeeping: store.clone(),
        installations: store.clone(),
        lifeline: Arc::new(OwnConnection {
            url: url.to_owned(),
        }),
        wake: store,
    }
}

fn refuse_if_behind(missing: &[String]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    Err(anyhow::anyhow!("missing: {}", missing.join(", ")))
        .context("the database lacks migrations; run `errand migrate`")
}
