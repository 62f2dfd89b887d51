//! How the file is opened.

use std::path::PathBuf;

use serde::Deserialize;

/// How the file is opened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The database file. Its folder must exist.
    pub path: PathBuf,
    /// Whether a file that does not exist is made.
    pub create: bool,
    /// Whether migrations that the file lacks are applied; otherwise such a file is refused.
    pub migrate: bool,
    /// Connections that only read.
    pub readers: u32,
    /// How long a statement waits for another process that has the file locked, in milliseconds.
    pub busy_timeout_ms: u64,
    /// How long a verb may take in all, in milliseconds.
    pub deadline_ms: u64,
    /// Most commits in one transaction.
    pub batch_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: PathBuf::from("errand.db"),
            create: true,
            migrate: true,
            readers: 4,
            busy_timeout_ms: 5_000,
            deadline_ms: 30_000,
            batch_max: 512,
        }
    }
}

impl Options {
    /// The defaults for a file.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }
}
