//! Laws of merging workspaces: nothing that a last writer wrote is lost, and the order of the steps decides names alone.

use std::collections::{BTreeMap, BTreeSet};

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::workspace::{Contribution, Entry, Manifest, changes, merge};
use proptest::prelude::*;

/// Few paths and contents, so that steps collide. Some paths are folders of others, and some look like names that a
/// merge gives.
const PATHS: [&str; 7] = [
    "a",
    "a/b",
    "a/b/c",
    "d",
    "d.from-s1",
    "d.from-s2",
    "a.from-s0",
];

fn entry(content: u8) -> Entry {
    let bytes = [content];
    Entry {
        blob: BlobRef {
            hash: BlobHash::of(&bytes),
            bytes: 1,
        },
        executable: false,
    }
}

/// Whether a path is a file and a folder at once.
fn clashes(manifest: &Manifest) -> bool {
    let has_inside = |path: &String| {
        let folder = format!("{path}/");
        manifest.0.keys().any(|other| other.starts_with(&folder))
    };
    manifest.0.keys().any(has_inside)
}

/// What a step does to a path.
type Deed = (prop::sample::Index, Option<u8>);

/// Writes as a file system would: a file takes the place of a folder, and the other way round.
fn apply(manifest: &mut Manifest, paths: &[&str], deeds: &[Deed]) {
    for (which, content) in deeds {
        let path = *which.get(paths);
        let Some(content) = content else {
            manifest.0.remove(path);
            continue;
        };
        let folder = format!("{path}/");
        manifest.0.retain(|other, _| {
            !other.starts_with(&folder) && !path.starts_with(&format!("{other}/"))
        });
        manifest.0.insert(path.to_owned(), entry(*content));
    }
}

/// Steps that ran as they do in a task: each began from the merge of those before it.
#[derive(Debug, Clone)]
struct History {
    base: Manifest,
    steps: Vec<Contribution>,
    /// Whether a step changed a file that a merge had put beside its path.
    is_tidied: bool,
}

fn history(paths: &'static [&'static str]) -> impl Strategy<Value = History> {
    let deed = (
        any::<prop::sample::Index>(),
        proptest::option::weighted(0.8, 0_u8..12),
    );
    let deeds = proptest::collection::vec(deed, 0..4);
    let step = (deeds.clone(), proptest::collection::vec(any::<bool>(), 6));
    (deeds, proptest::collection::vec(step, 0..6)).prop_map(|(base_deeds, steps)| {
        let mut base = Manifest::default();
        apply(&mut base, paths, &base_deeds);
        let mut history = History {
            base,
            steps: Vec::new(),
            is_tidied: false,
        };
        for (number, (deeds, needs)) in steps.iter().enumerate() {
            let (contribution, tidies) = run(&history, (number, paths), deeds, needs);
            history.is_tidied |= tidies;
            history.steps.push(contribution);
        }
        history
    })
}

fn run(
    history: &History,
    (number, paths): (usize, &[&str]),
    deeds: &[Deed],
    needs: &[bool],
) -> (Contribution, bool) {
    let mut ancestors = BTreeSet::new();
    for (earlier, _) in history
        .steps
        .iter()
        .zip(needs)
        .filter(|(_, needed)| **needed)
    {
        ancestors.insert(earlier.key.clone());
        ancestors.extend(earlier.ancestors.iter().cloned());
    }
    let before_it: Vec<Contribution> = history
        .steps
        .iter()
        .filter(|step| ancestors.contains(&step.key))
        .cloned()
        .collect();
    let (before, conflicts) = merge(&history.base, &before_it);
    let mut after = before.clone();
    apply(&mut after, paths, deeds);
    let changes = changes(&before, &after);
    let tidies = conflicts
        .iter()
        .any(|conflict| changes.contains_key(&conflict.kept_as));
    let key = format!("s{number}");
    (
        Contribution {
            key,
            ancestors,
            changes,
        },
        tidies,
    )
}

/// The contents that the last writers gave each path that was written.
fn last_contents(steps: &[Contribution]) -> BTreeMap<String, BTreeSet<String>> {
    let mut last: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for step in steps {
        for (path, change) in &step.changes {
            let later = |other: &Contribution| {
                other.ancestors.contains(&step.key) && other.changes.contains_key(path)
            };
            if !steps.iter().any(later) {
                let contents = last.entry(path.clone()).or_default();
                contents.extend(change.as_ref().map(|entry| entry.blob.hash.to_string()));
            }
        }
    }
    last
}

fn contents(manifest: &Manifest) -> BTreeSet<String> {
    manifest
        .0
        .values()
        .map(|entry| entry.blob.hash.to_string())
        .collect()
}

/// The names that the merge gave, and the paths they stand for.
fn is_renamed(conflicts: &[agent_core::workspace::Conflict], path: &str) -> bool {
    conflicts
        .iter()
        .any(|conflict| conflict.path == path || conflict.kept_as == path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_step_alone_gives_exactly_what_it_left(history in history(&PATHS), deeds in proptest::collection::vec(
        (any::<prop::sample::Index>(), proptest::option::weighted(0.8, 0_u8..12)), 0..6)
    ) {
        let mut after = history.base.clone();
        apply(&mut after, &PATHS, &deeds);
        let only = Contribution {
            key: "only".to_owned(),
            ancestors: BTreeSet::new(),
            changes: changes(&history.base, &after),
        };
        prop_assert_eq!(merge(&history.base, &[only]), (after, Vec::new()));
    }

    #[test]
    fn steps_that_follow_each_other_give_what_the_last_one_left(all in proptest::collection::vec(
        proptest::collection::vec((any::<prop::sample::Index>(), proptest::option::weighted(0.8, 0_u8..12)), 0..4), 1..5)
    ) {
        let mut files = Manifest::default();
        let mut steps: Vec<Contribution> = Vec::new();
        for (number, deeds) in all.iter().enumerate() {
            let before = files.clone();
            apply(&mut files, &PATHS, deeds);
            steps.push(Contribution {
                key: format!("s{number}"),
                ancestors: steps.iter().map(|step| step.key.clone()).collect(),
                changes: changes(&before, &files),
            });
        }
        prop_assert_eq!(merge(&Manifest::default(), &steps), (files, Vec::new()));
    }

    #[test]
    fn no_content_of_a_last_writer_is_lost(history in history(&PATHS)) {
        prop_assume!(!history.is_tidied);
        let (merged, _) = merge(&history.base, &history.steps);
        let kept = contents(&merged);
        for (path, written) in last_contents(&history.steps) {
            for content in written {
                prop_assert!(kept.contains(&content), "{} of {} is lost: {:?}", content, path, merged);
            }
        }
        for (path, entry) in &history.base.0 {
            let untouched = history.steps.iter().all(|step| !step.changes.contains_key(path));
            prop_assert!(!untouched || merged.0.get(path) == Some(entry), "{} was touched by nobody", path);
        }
    }

    #[test]
    fn what_is_merged_can_be_laid_out_in_folders(history in history(&PATHS)) {
        let (merged, conflicts) = merge(&history.base, &history.steps);
        prop_assert!(!clashes(&merged), "{:?}", merged);
        for conflict in &conflicts {
            prop_assert!(merged.0.contains_key(&conflict.kept_as), "{:?}", conflict);
        }
    }

    #[test]
    fn the_order_of_the_steps_decides_names_alone(history in history(&PATHS[..4]), seed in any::<u64>()) {
        let names_given = |step: &Contribution| step.changes.keys().any(|path| path.contains(".from-"));
        prop_assume!(!history.steps.iter().any(names_given));
        let mut shuffled = history.steps.clone();
        shuffled.sort_by_key(|step| BlobHash::of(format!("{seed}{}", step.key).as_bytes()));
        let (one, conflicts) = merge(&history.base, &history.steps);
        let (other, other_conflicts) = merge(&history.base, &shuffled);
        prop_assert_eq!(contents(&one), contents(&other));
        prop_assert_eq!(conflicts.is_empty(), other_conflicts.is_empty());
        let paths: BTreeSet<&String> = one.0.keys().chain(other.0.keys()).collect();
        for path in paths {
            if !is_renamed(&conflicts, path) && !is_renamed(&other_conflicts, path) {
                prop_assert_eq!(one.0.get(path), other.0.get(path), "{}", path);
            }
        }
    }

    #[test]
    fn a_path_that_only_agreeing_steps_wrote_is_no_conflict(history in history(&PATHS)) {
        let (_, conflicts) = merge(&history.base, &history.steps);
        for (path, written) in last_contents(&history.steps) {
            let contested = written.len() > 1;
            let named = conflicts.iter().any(|conflict| conflict.path == path);
            let inside = PATHS.iter().any(|other| other.starts_with(&format!("{path}/")));
            prop_assert!(contested || inside || !named, "{}: {:?}", path, conflicts);
        }
    }
}

fn alone(key: &str, path: &str, content: u8) -> Contribution {
    Contribution {
        key: key.to_owned(),
        ancestors: BTreeSet::new(),
        changes: BTreeMap::from([(path.to_owned(), Some(entry(content)))]),
    }
}

fn files(all: &[(&str, u8)]) -> Manifest {
    let entries = all
        .iter()
        .map(|(path, content)| ((*path).to_owned(), entry(*content)));
    Manifest(entries.collect())
}

#[test]
fn a_file_and_a_folder_of_one_name_are_both_kept() {
    let sides = [alone("x", "out", 1), alone("y", "out/table.csv", 2)];
    let (merged, conflicts) = merge(&Manifest::default(), &sides);
    assert_eq!(merged, files(&[("out.from-x", 1), ("out/table.csv", 2)]));
    assert_eq!(conflicts.len(), 1);
}

#[test]
fn a_file_that_has_the_name_for_a_second_content_is_not_overwritten() {
    let base = files(&[("r.md.from-y", 9)]);
    let sides = [alone("x", "r.md", 1), alone("y", "r.md", 2)];
    let (merged, _) = merge(&base, &sides);
    assert_eq!(
        merged,
        files(&[("r.md", 1), ("r.md.from-y", 9), ("r.md.from-y-2", 2)])
    );
}
