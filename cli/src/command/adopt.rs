//! `errand adopt`: from now on this blob store and this sealing key are the database's.

use std::sync::Arc;

use anyhow::Result;

use crate::belonging::Parts;
use crate::config::{Config, Paths};
use crate::database::Database;
use crate::entropy::SystemEntropy;
use crate::wiring;

/// Binds the database to what the settings name.
pub async fn run(config: &Config, paths: &Paths) -> Result<()> {
    let database = Database::of(config, paths)?;
    let opened = database.open(false).await?;
    let stores = wiring::blobs(config, paths).await?;
    let parts = Parts {
        installations: opened.installations,
        marks: stores.marks,
        blobs: stores.blobs,
        sealer: wiring::sealer(paths, true)?,
        entropy: Arc::new(SystemEntropy::default()),
    };
    let adopted = parts.adopt().await?;
    let place = if config.blobs.url.is_empty() {
        paths.blobs().display().to_string()
    } else {
        config.blobs.url.clone()
    };
    println!("{}", database.describe());
    println!(
        "now {}, with the blob store {place} and the sealing key {}",
        adopted.id,
        paths.seal_key().display()
    );
    Ok(())
}
