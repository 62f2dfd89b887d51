//! The whole tool tree, file by file: what the look at each start does not come to, for whoever asks what is wrong with an installation.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::fitness::{Unfit, User, missing, shown};
use crate::options::Options;

/// A tree of more than this is looked at in part. One of a dozen large packages has some 20,000.
const ENTRIES_MAX: u64 = 300_000;

/// How far the look came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Files, folders and links.
    pub entries: u64,
    /// Whether there are no more.
    pub is_all: bool,
}

/// Looks for what commands or strangers could change, or commands not read, anywhere in the tree, and gives the first that is found, in order
/// of names. Nothing is looked at where there is no tree.
pub fn look_through(options: &Options) -> Result<Looked, Unfit> {
    look_at(options, ENTRIES_MAX)
}

fn look_at(options: &Options, entries_max: u64) -> Result<Looked, Unfit> {
    let mut looked = Looked {
        entries: 0,
        is_all: true,
    };
    let Some(tree) = &options.tree else {
        return Ok(looked);
    };
    let tree = tree.canonicalize().map_err(|error| missing(tree, error))?;
    let user = User::of(options);
    let owner = std::fs::metadata(&tree).map_err(|error| missing(&tree, error))?;
    let trusted = [0, owner.uid(), rustix::process::geteuid().as_raw()];
    let mut ahead = entries_of(&tree)?;
    while let Some(path) = ahead.pop() {
        if looked.entries == entries_max {
            looked.is_all = false;
            break;
        }
        looked.entries += 1;
        let found = std::fs::symlink_metadata(&path).map_err(|error| missing(&path, error))?;
        // What a link leads to is judged where it is, or is not the tree's.
        if found.is_symlink() {
            continue;
        }
        user.judge(&path, &found, &tree)?;
        if !trusted.contains(&found.uid()) {
            return Err(Unfit::Foreign {
                path: shown(&path),
                uid: found.uid(),
                owner: owner.uid(),
                tree: shown(&tree),
            });
        }
        if found.is_dir() {
            ahead.extend(entries_of(&path)?);
        }
    }
    Ok(looked)
}

/// What is in a folder, the last name first.
fn entries_of(folder: &Path) -> Result<Vec<PathBuf>, Unfit> {
    let entries = std::fs::read_dir(folder).map_err(|error| missing(folder, error))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort_unstable_by(|one, other| other.cmp(one));
    Ok(paths)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;
    use crate::tool_tree::check;

    /// A tree of 8 entries with a file deep in a package, and the path of that file.
    fn tree() -> (tempfile::TempDir, PathBuf, Options) {
        let folder = tempfile::tempdir().unwrap();
        let package = folder
            .path()
            .join("lib/python3.11/site-packages/sample/deep");
        fs::create_dir_all(&package).unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        let file = package.join("code.py");
        fs::write(&file, "").unwrap();
        symlink("/nowhere", package.join("link")).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let options = Options {
            tree: Some(folder.path().to_owned()),
            ..Options::default()
        };
        (folder, file, options)
    }

    #[test]
    fn a_file_deep_in_a_package_that_anyone_can_change_is_found_and_named() {
        let (_folder, file, options) = tree();
        let all = Looked {
            entries: 8,
            is_all: true,
        };
        assert_eq!(look_through(&options).unwrap(), all);
        fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        check(&options).unwrap();
        let file = file.canonicalize().unwrap();
        let said = look_through(&options).unwrap_err().to_string();
        let words = format!("{} can be changed by the users", file.display());
        assert!(said.starts_with(&words), "{said}");
    }

    #[test]
    fn a_file_of_somebody_else_is_found_and_named() {
        if !rustix::process::geteuid().is_root() {
            // Others cannot give files away.
            return;
        }
        let (_folder, file, options) = tree();
        chown(&file, Some(47_113), None).unwrap();
        check(&options).unwrap();
        let said = look_through(&options).unwrap_err().to_string();
        assert!(said.contains("code.py belongs to uid 47113"), "{said}");
    }

    #[test]
    fn a_large_tree_is_looked_at_in_part_and_that_is_said() {
        let (_folder, _, options) = tree();
        let part = Looked {
            entries: 3,
            is_all: false,
        };
        assert_eq!(look_at(&options, 3).unwrap(), part);
        assert!(look_at(&options, 8).unwrap().is_all);
        let none = look_through(&Options::default()).unwrap();
        assert_eq!(none.entries, 0);
    }
}
