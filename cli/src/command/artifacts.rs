//! `errand artifacts`: list and fetch what a task handed over.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::client::{Client, printable_line};

/// Lists a task's artifacts.
pub async fn list(client: &Client, task: &str, as_json: bool) -> Result<()> {
    let page = client.get(&format!("/v1/tasks/{task}/artifacts")).await?;
    if as_json {
        println!("{page}");
        return Ok(());
    }
    for artifact in rows(&page) {
        let text = |name: &str| {
            artifact
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let bytes = artifact
            .get("bytes")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let line = format!("{bytes:>10}  {}  {}", text("media_type"), text("name"));
        println!("{}", printable_line(&line));
    }
    Ok(())
}

fn rows(page: &Value) -> impl Iterator<Item = &Value> {
    page.get("data")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Where artifacts are written.
pub struct Place<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Whether files that are there may be replaced, and hidden ones written.
    pub force: bool,
}

impl Place<'_> {
    /// Names were chosen by a model: nothing of the caller's is replaced, and nothing is hidden, unless that is wanted.
    fn check(&self, path: &Path, name: &str) -> Result<()> {
        if self.force {
            return Ok(());
        }
        if path.exists() {
            bail!(
                "{} is there already; choose another folder with -o, or --force",
                path.display()
            );
        }
        if name.split('/').any(|part| part.starts_with('.')) {
            bail!("{name} would be a hidden file; use --force to write it");
        }
        Ok(())
    }
}

/// Fetches one artifact, or all, into a folder.
pub async fn get(client: &Client, task: &str, name: Option<&str>, place: &Place<'_>) -> Result<()> {
    let page = client.get(&format!("/v1/tasks/{task}/artifacts")).await?;
    let text = |row: &Value, field: &str| {
        row.get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let wanted: Vec<&Value> = rows(&page)
        .filter(|row| name.is_none_or(|name| text(row, "name") == name))
        .collect();
    if wanted.is_empty() {
        let known: Vec<String> = rows(&page).map(|row| text(row, "name")).collect();
        match name {
            Some(name) => bail!(
                "the task has no artifact {name:?}; it has: {}",
                known.join(", ")
            ),
            None => bail!("the task has no artifacts"),
        }
    }
    for row in wanted {
        let name = text(row, "name");
        // Names come from a model; they were checked when they were published, and are checked again before they
        // become paths here.
        agent_core::workspace::check_path(&name).map_err(|why| {
            anyhow::anyhow!("the artifact name {name:?} is not a safe path: {why}")
        })?;
        let bytes = client.get_bytes(&text(row, "url")).await?;
        let path = place.folder.join(&name);
        place.check(&path, &name)?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("could not make {}", parent.display()))?;
        }
        std::fs::write(&path, bytes)
            .with_context(|| format!("could not write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
