//! Manifests: the content of a workspace as a list of paths and hashes.
//!
//! A step starts from the merge of the manifests of the steps that it depends on. Merging is by path: a file that only
//! one side changed is taken from that side; where two sides changed it differently both are kept, the second under a
//! name that says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::blob::BlobRef;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its content.
    #[serde(flatten)]
    pub blob: BlobRef,
    /// Whether it may be executed.
    #[serde(default)]
    pub executable: bool,
}

/// The files of a workspace by path. Its JSON text is stored as a blob, whose hash names the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifest(pub BTreeMap<String, Entry>);

/// A path that two steps changed differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The path.
    pub path: String,
    /// Where the other content was put.
    pub kept_as: String,
}

impl Manifest {
    /// The manifest's text, the same for equal manifests.
    pub fn to_json(&self) -> String {
        // A map of strings to plain structs always serialises.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// How many paths differ from `earlier`.
    pub fn changed_since(&self, earlier: &Self) -> Vec<String> {
        let mut paths: Vec<String> = self
            .0
            .iter()
            .filter(|(path, entry)| earlier.0.get(*path) != Some(entry))
            .map(|(path, _)| path.clone())
            .collect();
        paths.extend(
            earlier
                .0
                .keys()
                .filter(|path| !self.0.contains_key(*path))
                .cloned(),
        );
        paths.sort();
        paths
    }
}

/// Merges what several steps made of the same `base`. Each side has a label, which names its losing files.
pub fn merge(base: &Manifest, sides: &[(String, Manifest)]) -> (Manifest, Vec<Conflict>) {
    let mut merged = base.clone();
    let mut conflicts = Vec::new();
    let mut changed_by_other: BTreeMap<String, Option<Entry>> = BTreeMap::new();
    for (label, side) in sides {
        for path in side.changed_since(base) {
            let ours = side.0.get(&path).cloned();
            match changed_by_other.get(&path) {
                None => {
                    set(&mut merged, &path, ours.clone());
                    changed_by_other.insert(path, ours);
                }
                Some(theirs) if *theirs == ours => {}
                // One side deleted what another changed: the content is worth more than its absence.
                Some(None) => {
                    set(&mut merged, &path, ours.clone());
                    changed_by_other.insert(path, ours);
                }
                Some(Some(_)) => {
                    if let Some(entry) = ours {
                        let kept_as = format!("{path}.from-{label}");
                        merged.0.insert(kept_as.clone(), entry);
                        conflicts.push(Conflict { path, kept_as });
                    }
                }
            }
        }
    }
    (merged, conflicts)
}

fn set(manifest: &mut Manifest, path: &str, entry: Option<Entry>) {
    match entry {
        Some(entry) => manifest.0.insert(path.to_owned(), entry),
        None => manifest.0.remove(path),
    };
}

/// Whether a relative path may name a file of a workspace: no empty, `.` or `..` part, no control character, not absolute.
///
/// # Errors
/// What is wrong with it, in words.
pub fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() || path.len() > 1024 {
        return Err("a path has 1 to 1024 bytes");
    }
    if path.starts_with('/') {
        return Err("a path is relative to the workspace");
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Err("a path has no control characters and no backslash");
    }
    if path
        .split('/')
        .any(|part| part.is_empty() || part == "." || part == ".." || part.len() > 255)
    {
        return Err("a path has no empty, '.' or '..' part, and no part above 255 bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::BlobHash;

    fn manifest(files: &[(&str, &str)]) -> Manifest {
        Manifest(
            files
                .iter()
                .map(|(path, text)| {
                    let blob = BlobRef {
                        hash: BlobHash::of(text.as_bytes()),
                        bytes: text.len() as u64,
                    };
                    (
                        (*path).to_owned(),
                        Entry {
                            blob,
                            executable: false,
                        },
                    )
                })
                .collect(),
        )
    }

    fn side(label: &str, files: &[(&str, &str)]) -> (String, Manifest) {
        (label.to_owned(), manifest(files))
    }

    #[test]
    fn changes_of_different_files_are_all_kept() {
        let base = manifest(&[("a", "1"), ("b", "1")]);
        let (merged, conflicts) = merge(
            &base,
            &[
                side("x", &[("a", "2"), ("b", "1")]),
                side("y", &[("a", "1"), ("c", "3")]),
            ],
        );
        assert_eq!(merged, manifest(&[("a", "2"), ("c", "3")]));
        assert_eq!(conflicts, vec![]);
    }

    #[test]
    fn two_contents_for_one_path_are_both_kept_and_named() {
        let (merged, conflicts) = merge(
            &Manifest::default(),
            &[side("x", &[("r.md", "1")]), side("y", &[("r.md", "2")])],
        );
        assert_eq!(merged, manifest(&[("r.md", "1"), ("r.md.from-y", "2")]));
        assert_eq!(
            conflicts,
            vec![Conflict {
                path: "r.md".into(),
                kept_as: "r.md.from-y".into()
            }]
        );
    }

    #[test]
    fn path_tricks_are_refused() {
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a\0b",
            "a\\b",
            "a/",
        ] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
        assert_eq!(check_path("cv/ann lee.pdf"), Ok(()));
    }
}
