//! What all files hold after a patch, worked out before any of them is written.

use std::collections::BTreeMap;

use super::apply::apply;
use super::{Action, Change};

/// A file as it is or shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// Files by path; `None` where there is none.
pub(crate) type Files = BTreeMap<String, Option<File>>;

/// The files after all changes, in the order in which they were written down, and a line about each change. `before` has
/// every path that the changes name. A change that cannot be made makes all of them fail, with words for the model.
pub(crate) fn plan(changes: &[Change], before: &Files) -> Result<(Files, Vec<String>), String> {
    let mut files = before.clone();
    let mut told = Vec::new();
    for change in changes {
        let line = make(change, &mut files).map_err(|what| format!("{}: {what}", change.path))?;
        told.push(line);
    }
    Ok((files, told))
}

fn make(change: &Change, files: &mut Files) -> Result<String, String> {
    let path = &change.path;
    let there = files.get(path).cloned().flatten();
    match &change.action {
        Action::Add { text, executable } => {
            if there.is_some() {
                return Err(
                    "it is there already; change it with a hunk, or replace it with file_write"
                        .to_owned(),
                );
            }
            let file = File {
                bytes: text.clone().into_bytes(),
                executable: *executable,
            };
            files.insert(path.clone(), Some(file));
            Ok(format!("added {path}: {} lines", text.lines().count()))
        }
        Action::Delete => {
            require(there)?;
            files.insert(path.clone(), None);
            Ok(format!("deleted {path}"))
        }
        Action::Update {
            hunks,
            to,
            executable,
        } => {
            let mut file = require(there)?;
            let is_moved = to.as_ref().is_some_and(|to| to != path);
            if hunks.is_empty() && !is_moved && executable.is_none() {
                return Err("there is no hunk for it".to_owned());
            }
            if !hunks.is_empty() {
                let text = std::str::from_utf8(&file.bytes)
                    .map_err(|_| "it is not text; use the shell to change it")?;
                file.bytes = apply(text, hunks)?.into_bytes();
            }
            file.executable = executable.unwrap_or(file.executable);
            let target = to.as_ref().filter(|_| is_moved).unwrap_or(path);
            if is_moved && files.get(target).is_some_and(Option::is_some) {
                return Err(format!(
                    "it cannot be moved to {target}, which is there already"
                ));
            }
            files.insert(path.clone(), None);
            files.insert(target.clone(), Some(file));
            let counts = hunks.iter().map(super::hunk::Hunk::counts);
            let (added, removed) = counts.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            let what = if is_moved {
                format!("moved {path} to {target}")
            } else {
                format!("changed {path}")
            };
            Ok(format!("{what}: +{added} -{removed} lines"))
        }
    }
}

fn require(there: Option<File>) -> Result<File, String> {
    there.ok_or_else(|| "there is no such file".to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::patch::parse;

    fn file(text: &str) -> File {
        File {
            bytes: text.as_bytes().to_vec(),
            executable: false,
        }
    }

    fn files(files: &[(&str, Option<&str>)]) -> Files {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.map(file)));
        files.collect()
    }

    fn planned(
        patch: &str,
        before: &[(&str, Option<&str>)],
    ) -> Result<(Files, Vec<String>), String> {
        plan(&parse(patch).unwrap(), &files(before))
    }

    #[test]
    fn the_files_after_a_patch_are_known_before_any_is_written() {
        let patch = "*** Begin Patch\n*** Update File: a\n-1\n+2\n*** Update File: b\n*** Move to: d/b\n-x\n+y\n*** Delete File: c\n\
            *** Add File: a2\n+new\n*** Update File: a\n-2\n+3\n*** End Patch";
        let before = [
            ("a", Some("1\n")),
            ("a2", None),
            ("b", Some("x\n")),
            ("c", Some("c")),
            ("d/b", None),
        ];
        let after = files(&[
            ("a", Some("3\n")),
            ("a2", Some("new\n")),
            ("b", None),
            ("c", None),
            ("d/b", Some("y\n")),
        ]);
        let told = [
            "changed a: +1 -1 lines",
            "moved b to d/b: +1 -1 lines",
            "deleted c",
            "added a2: 1 lines",
            "changed a: +1 -1 lines",
        ];
        assert_eq!(
            planned(patch, &before),
            Ok((after, told.map(str::to_owned).to_vec()))
        );
    }

    #[test]
    fn one_change_that_cannot_be_made_makes_all_fail_and_is_named() {
        for (patch, says) in [
            ("*** Add File: a\n+x", "a: it is there already"),
            ("*** Delete File: none", "none: there is no such file"),
            (
                "*** Update File: none\n-x\n+y",
                "none: there is no such file",
            ),
            ("*** Update File: a", "a: there is no hunk for it"),
            (
                "*** Update File: a\n*** Move to: b",
                "a: it cannot be moved to b, which is there already",
            ),
            (
                "*** Update File: a\n-1\n+2\n*** Update File: b\n-1\n+2",
                "b: the hunk does not fit",
            ),
        ] {
            let said = planned(
                patch,
                &[("a", Some("1\n")), ("b", Some("x\n")), ("none", None)],
            )
            .unwrap_err();
            assert!(said.starts_with(says), "{patch:?}: {said}");
        }
    }

    #[test]
    fn a_file_that_is_no_text_can_be_moved_and_not_changed() {
        let bytes = File {
            bytes: vec![0xff, 0xfe],
            executable: true,
        };
        let before = Files::from([
            ("a".to_owned(), Some(bytes.clone())),
            ("b".to_owned(), None),
        ]);
        let plan = |patch: &str| plan(&parse(patch).unwrap(), &before);
        let moved = Files::from([("a".to_owned(), None), ("b".to_owned(), Some(bytes))]);
        assert_eq!(plan("*** Update File: a\n*** Move to: b").unwrap().0, moved);
        assert!(
            plan("*** Update File: a\n-x\n+y")
                .unwrap_err()
                .contains("not text")
        );
    }
}
