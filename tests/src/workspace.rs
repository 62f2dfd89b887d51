//! The workspace's own files as the tests of its rules see them: sources by path, members by name.
//!
//! Only what a build reads is looked at: build output and hidden folders are left out. Nothing is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One text file.
#[derive(Debug)]
pub struct Source {
    /// Its path from the root, with slashes.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Whether its path begins with one of these.
    pub fn is_under(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }

    /// Whether it is only ever built for a test, a bench, or by cargo before the crate itself.
    pub fn is_beside_the_product(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| ["tests", "benches", "examples", "build.rs"].contains(&part))
            || self.path.ends_with("/tests.rs")
    }

    /// Its lines outside the module of unit tests at its end, with their numbers from 1. Comments are left out.
    pub fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let product = self.text.split("#[cfg(test)]\nmod ").next();
        let lines = product.unwrap_or_default().lines().enumerate();
        lines
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.unwrap().to_owned()
}

/// All files with this extension, by path.
pub fn sources(extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), extension, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "there are .{extension} files");
    found
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|own| own == extension) {
            let from_root = path.strip_prefix(root()).unwrap();
            found.push(Source {
                path: from_root.to_string_lossy().into_owned(),
                text: std::fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

/// Each member with the members that it depends on, for the product, for tests or for building.
pub fn members() -> BTreeMap<String, Vec<String>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
    let output = cargo.current_dir(root()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let own: Vec<&str> = packages.iter().map(|one| text(&one["name"])).collect();
    let edges = packages.iter().map(|one| {
        let needed = one["dependencies"].as_array().unwrap().iter();
        let needed = needed
            .map(|one| text(&one["name"]))
            .filter(|name| own.contains(name));
        (
            text(&one["name"]).to_owned(),
            needed.map(str::to_owned).collect(),
        )
    });
    edges.collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
