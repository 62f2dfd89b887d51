//! `errand migrate`: say what is due, then do it.

use anyhow::Result;

use crate::database::Database;

/// Says which migrations are due and applies them, unless only the saying was wanted.
pub async fn run(database: &Database, dry_run: bool) -> Result<()> {
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
