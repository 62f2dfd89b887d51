//! Where things lie in the data folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Config;

/// The data folder's parts.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The folder itself.
    pub data_dir: PathBuf,
    blobs: PathBuf,
    seal_key: PathBuf,
}

impl Paths {
    /// The configured folder, or `errand` in the user's data folder.
    pub fn of(config: &Config, environment: &[(String, String)]) -> Result<Self> {
        let data_dir = if config.data_dir.as_os_str().is_empty() {
            usual(environment)?
        } else {
            std::path::absolute(&config.data_dir)?
        };
        let or = |set: &Path, name: &str| {
            if set.as_os_str().is_empty() {
                Ok(data_dir.join(name))
            } else {
                std::path::absolute(set)
            }
        };
        let blobs = or(&config.blobs_dir, "blobs")?;
        let seal_key = or(&config.seal_key, "seal.key")?;
        Ok(Self {
            data_dir,
            blobs,
            seal_key,
        })
    }

    /// Everything in one folder, for trials.
    pub fn within(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_path_buf(),
            blobs: data_dir.join("blobs"),
            seal_key: data_dir.join("seal.key"),
        }
    }

    /// Makes the folder, for its owner alone.
    pub fn create(&self) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data_dir);
        made.with_context(|| format!("could not make the data folder {}", self.data_dir.display()))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.data_dir.join(name)
    }

    /// The SQLite file, when no database is named.
    pub fn database(&self) -> PathBuf {
        self.at("errand.db")
    }

    /// The blob store.
    pub fn blobs(&self) -> PathBuf {
        self.blobs.clone()
    }

    /// Folders in which steps work.
    pub fn workspaces(&self) -> PathBuf {
        self.at("workspaces")
    }

    /// The key that seals secrets.
    pub fn seal_key(&self) -> PathBuf {
        self.seal_key.clone()
    }

    /// The first API key, for the person who started the server.
    pub fn first_key(&self) -> PathBuf {
        self.at("first-key")
    }

    /// The worker's stable name.
    pub fn worker_name(&self) -> PathBuf {
        self.at("worker-name")
    }

    /// The lock that lets only one worker use the folder.
    pub fn lock(&self) -> PathBuf {
        self.at("worker.lock")
    }

    /// The folder, for messages.
    pub fn folder(&self) -> &Path {
        &self.data_dir
    }
}

fn usual(environment: &[(String, String)]) -> Result<PathBuf> {
    let value = |name: &str| {
        let pair = environment
            .iter()
            .find(|(known, value)| known == name && !value.is_empty());
        pair.map(|(_, value)| PathBuf::from(value))
    };
    let base =
        value("XDG_DATA_HOME").or_else(|| value("HOME").map(|home| home.join(".local/share")));
    match base {
        Some(base) => Ok(base.join("errand")),
        None => bail!("no data folder is known; set ERRAND_DATA_DIR"),
    }
}
