//! Manifests: the content of a workspace as a list of paths and hashes.
//!
//! A step starts from what the steps before it made, merged by path. Where two steps that do not know of each other
//! wrote different contents under one path, both are kept, the second under a name that says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::blob::BlobRef;

/// The folder of a workspace that holds what Errand itself puts there, such as output that was too long to be shown.
pub const OWN_FOLDER: &str = ".errand";

/// Whether Errand itself put a file there.
pub fn is_own(path: &str) -> bool {
    let below = path.strip_prefix(OWN_FOLDER);
    below.is_some_and(|below| below.starts_with('/'))
}

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

/// What one step changed, by path; `None` means that it removed the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The step's key, which names its losing files.
    pub key: String,
    /// Keys of all steps that came before it, directly or through others.
    pub ancestors: BTreeSet<String>,
    /// What it changed.
    pub changes: BTreeMap<String, Option<Entry>>,
}

/// What a step changed between two manifests.
pub fn changes(before: &Manifest, after: &Manifest) -> BTreeMap<String, Option<Entry>> {
    after
        .changed_since(before)
        .into_iter()
        .map(|path| (path.clone(), after.0.get(&path).cloned()))
        .collect()
}

/// Merges what steps made of `base`. A path gets the content that its last writer gave it, where a step comes after
/// all its ancestors. If several steps that do not know of each other wrote it, the first one's content keeps the
/// path, and every other content that differs is kept beside it. Where one step made a folder of a path and another a
/// file, the file is kept beside the folder.
pub fn merge(base: &Manifest, contributions: &[Contribution]) -> (Manifest, Vec<Conflict>) {
    let mut merged = base.clone();
    let mut aside = Vec::new();
    let mut writers = BTreeMap::new();
    let paths: BTreeSet<&String> = contributions
        .iter()
        .flat_map(|contribution| contribution.changes.keys())
        .collect();
    for path in paths {
        // Where one side removed what another changed, the content is worth more than its absence.
        let mut contents = last_writers(path, contributions)
            .filter_map(|writer| Some((writer, writer.changes.get(path)?.as_ref()?)));
        let Some((keeper, kept)) = contents.next() else {
            merged.0.remove(path);
            continue;
        };
        merged.0.insert(path.clone(), kept.clone());
        writers.insert(path.as_str(), keeper);
        for (writer, entry) in contents.filter(|(_, entry)| *entry != kept) {
            aside.push(Aside {
                path: path.clone(),
                writer: &writer.key,
                beside: BTreeSet::from([keeper.key.as_str()]),
                entry: entry.clone(),
            });
        }
    }
    aside.extend(files_in_place_of_folders(&mut merged, &writers));
    let conflicts = keep_beside(base, &mut merged, contributions, aside);
    (merged, conflicts)
}

/// A content that could not have its path.
struct Aside<'a> {
    path: String,
    /// Key of the step that wrote it.
    writer: &'a str,
    /// Keys of the steps whose contents are in its place.
    beside: BTreeSet<&'a str>,
    entry: Entry,
}

/// The steps that wrote a path and whose writing no other writer of it knew.
fn last_writers<'a>(
    path: &str,
    contributions: &'a [Contribution],
) -> impl Iterator<Item = &'a Contribution> {
    let wrote_it = |one: &&Contribution| one.changes.contains_key(path);
    let writers: Vec<&Contribution> = contributions.iter().filter(wrote_it).collect();
    let later = writers.clone();
    writers
        .into_iter()
        .filter(move |one| !later.iter().any(|other| other.ancestors.contains(&one.key)))
}

/// Takes out every file whose path is a folder for another file.
fn files_in_place_of_folders<'a>(
    merged: &mut Manifest,
    writers: &BTreeMap<&str, &'a Contribution>,
) -> Vec<Aside<'a>> {
    let paths: Vec<String> = merged.0.keys().cloned().collect();
    let mut aside = Vec::new();
    for path in &paths {
        let folder = format!("{path}/");
        // The paths are sorted, so those inside a folder stand together.
        let from = paths.partition_point(|one| *one < folder);
        let inside: Vec<&String> = paths[from..]
            .iter()
            .take_while(|one| one.starts_with(&folder))
            .collect();
        if inside.is_empty() {
            continue;
        }
        let key = |path: &str| writers.get(path).map(|writer| writer.key.as_str());
        let beside = inside.iter().filter_map(|one| key(one)).collect();
        let taken_out = merged.0.remove(path).map(|entry| Aside {
            path: path.clone(),
            writer: key(path).unwrap_or("base"),
            beside,
            entry,
        });
        aside.extend(taken_out);
    }
    aside
}

/// Puts contents beside the paths that they could not have.
fn keep_beside(
    base: &Manifest,
    merged: &mut Manifest,
    contributions: &[Contribution],
    aside: Vec<Aside<'_>>,
) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for one in aside {
        let names = (1_u32..).map(|number| match number {
            1 => format!("{}.from-{}", one.path, one.writer),
            _ => format!("{}.from-{}-{number}", one.path, one.writer),
        });
        for kept_as in names {
            match place_under(base, merged, contributions, (&one, &kept_as)) {
                Room::Taken => {}
                Room::Settled => break,
                Room::Free => {
                    merged.0.insert(kept_as.clone(), one.entry);
                    conflicts.push(Conflict {
                        path: one.path,
                        kept_as,
                    });
                    break;
                }
            }
        }
    }
    conflicts
}

/// What a name can do for a content that is to be kept beside its path.
enum Room {
    Free,
    /// Another file has the name.
    Taken,
    /// A later step saw the content under this name, and changed or removed it there.
    Settled,
}

fn place_under(
    base: &Manifest,
    merged: &Manifest,
    contributions: &[Contribution],
    (aside, name): (&Aside<'_>, &str),
) -> Room {
    let saw_it = |step: &&Contribution| {
        step.ancestors.contains(aside.writer)
            && aside.beside.iter().all(|key| step.ancestors.contains(*key))
    };
    let writers = contributions
        .iter()
        .filter(|one| one.changes.contains_key(name));
    let (later, others): (Vec<_>, Vec<_>) = writers.partition(saw_it);
    let saw_another =
        |step: &&Contribution| others.iter().any(|one| step.ancestors.contains(&one.key));
    if base.0.contains_key(name) {
        return Room::Taken;
    }
    if !later.iter().all(saw_another) {
        return Room::Settled;
    }
    let folder = format!("{name}/");
    let mut inside = merged.0.range(folder.clone()..);
    let is_taken = !others.is_empty()
        || merged.0.contains_key(name)
        || inside
            .next()
            .is_some_and(|(path, _)| path.starts_with(&folder));
    if is_taken { Room::Taken } else { Room::Free }
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

    fn step(
        key: &str,
        ancestors: &[&str],
        before: &[(&str, &str)],
        after: &[(&str, &str)],
    ) -> Contribution {
        let ancestors = ancestors.iter().map(|&key| key.to_owned()).collect();
        Contribution {
            key: key.to_owned(),
            ancestors,
            changes: changes(&manifest(before), &manifest(after)),
        }
    }

    #[test]
    fn changes_of_different_files_are_all_kept() {
        let base = &[("a", "1"), ("b", "1")];
        let sides = [
            step("x", &[], base, &[("a", "2"), ("b", "1")]),
            step("y", &[], base, &[("a", "1"), ("c", "3")]),
        ];
        assert_eq!(
            merge(&manifest(base), &sides),
            (manifest(&[("a", "2"), ("c", "3")]), vec![])
        );
    }

    #[test]
    fn two_contents_for_one_path_are_both_kept_and_named() {
        let sides = [
            step("x", &[], &[], &[("r.md", "1")]),
            step("y", &[], &[], &[("r.md", "2")]),
        ];
        let conflict = Conflict {
            path: "r.md".into(),
            kept_as: "r.md.from-y".into(),
        };
        assert_eq!(
            merge(&Manifest::default(), &sides),
            (
                manifest(&[("r.md", "1"), ("r.md.from-y", "2")]),
                vec![conflict]
            )
        );
    }

    #[test]
    fn a_later_step_replaces_what_an_earlier_one_wrote() {
        let first = step("a", &[], &[], &[("f", "1")]);
        let second = step("b", &["a"], &[("f", "1")], &[("f", "2")]);
        let bystander = step("c", &["a"], &[("f", "1")], &[("f", "1"), ("g", "1")]);
        let (merged, conflicts) = merge(&Manifest::default(), &[bystander, second, first]);
        assert_eq!(
            (merged, conflicts),
            (manifest(&[("f", "2"), ("g", "1")]), vec![])
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
