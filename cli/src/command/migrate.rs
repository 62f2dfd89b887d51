//! `errand migrate`: say what is due, then do it.

use std::path::Path;

use anyhow::{Result, bail};

use crate::config::Paths;
use crate::database::Database;

/// Says which migrations are due and applies them, unless only the saying was wanted.
pub async fn run(database: &Database, paths: &Paths, dry_run: bool) -> Result<()> {
    if dry_run {
        refuse_what_could_not_be_made(database, paths)?;
    } else {
        paths.create()?;
    }
    let due = database.pending().await?;
    println!("{}", database.describe());
    if due.is_empty() {
        println!("nothing to do: the schema is up to date");
        return Ok(());
    }
    for name in &due {
        println!(
            "{} {name}",
            if dry_run { "would apply" } else { "applying" }
        );
    }
    if !dry_run {
        database.open(true).await?;
        println!("done");
    }
    Ok(())
}

/// A trial makes no folder, so it has to look whether one could be made. Only the data folder ever is.
fn refuse_what_could_not_be_made(database: &Database, paths: &Paths) -> Result<()> {
    let mut folders = paths.folder().ancestors();
    let there = folders.find(|folder| folder.symlink_metadata().is_ok());
    if let Some(there) = there.filter(|folder| !folder.is_dir()) {
        bail!(
            "could not make the data folder: {} is no folder",
            there.display()
        );
    }
    let folder = database.file().and_then(Path::parent);
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
    match folder {
        Some(folder) if !paths.folder().starts_with(folder) => {
            bail!(
                "the folder {} does not exist; make it first",
                folder.display()
            )
        }
        Some(_) | None => Ok(()),
    }
}
