//! Configuration: flag, then environment, then `errand.toml`, then default; unknown keys are errors.
//!
//! This is the only place that reads files and environment for settings. Each library crate owns its own section.

mod check;
mod layers;
mod paths;
mod show;

use std::collections::BTreeMap;
use std::path::PathBuf;

use agent_core::secret::Secret;
use serde::{Deserialize, Serialize};

pub use check::refuse_unusable;
pub use layers::{Layers, Loaded, load};
pub use paths::Paths;
pub use show::show;

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address that the API listens on.
    pub listen: String,
    /// Address at which `errand worker` says how it is. Empty: it says so nowhere.
    pub health_listen: String,
    /// Folder of this process for database, workspaces, its name and its lock. Empty: `errand` in the user's data folder.
    pub data_dir: PathBuf,
    /// Folder of the blob store. Empty: `blobs` in the data folder. Workers on several machines share one.
    pub blobs_dir: PathBuf,
    /// The blob store, where it is not a folder.
    pub blobs: store_blobs::Options,
    /// File with the key that seals secrets. Empty: `seal.key` in the data folder. All processes of an installation share one.
    pub seal_key: PathBuf,
    /// `sqlite:FILE` or `postgres://…`. Empty: `errand.db` in the data folder. May hold a password, so it is shown as `***`.
    pub database_url: Secret,
    /// PostgreSQL, where that is the database.
    pub postgres: PostgresOptions,
    /// The queue.
    pub queue: QueueOptions,
    /// What is logged and how.
    pub log: LogOptions,
    /// The HTTP API.
    pub api: api::Options,
    /// The worker.
    pub worker: worker::Options,
    /// Models.
    pub model: models::Options,
    /// Tools, sandbox and workspaces.
    pub tools: tools::Options,
    /// The one way out.
    pub egress: egress::Options,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7370".to_owned(),
            health_listen: String::new(),
            data_dir: PathBuf::new(),
            blobs_dir: PathBuf::new(),
            blobs: store_blobs::Options::default(),
            seal_key: PathBuf::new(),
            database_url: Secret::new(""),
            postgres: PostgresOptions::default(),
            queue: QueueOptions::default(),
            log: LogOptions::default(),
            api: api::Options::default(),
            worker: worker::Options::default(),
            model: models::Options::default(),
            tools: tools::Options::default(),
            egress: egress::Options::default(),
        }
    }
}

/// How PostgreSQL is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresOptions {
    /// Whether processes tell each other of news by LISTEN and NOTIFY. Without, they find it at their next poll.
    pub notify: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { notify: true }
    }
}

/// How the queue is shared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueOptions {
    /// Jobs that a tenant, by its name, gets done for one of a tenant that is not named here.
    pub tenant_weights: BTreeMap<String, u32>,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogOptions {
    /// Which events: a filter such as `info` or `info,worker=debug`.
    pub filter: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            filter: "info,async_openai=off,sqlx=warn".to_owned(),
            format: LogFormat::Text,
        }
    }
}
