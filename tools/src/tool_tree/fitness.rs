//! Whether a folder can be the tool tree, judged from outside: where it lies, who may read and change it, which Python it leads to.
//!
//! It is looked at as far as its programs and packages by name, not file by file, which is left to [`super::look_through`]. That commands
//! reach it is tried by the sandbox.

use std::fs::Metadata;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::packages::site_packages;
use crate::options::{Options, SandboxKind};

/// Why a folder cannot be the tool tree. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It is no path under which something can be bound.
    #[error("write the absolute path of a folder, or leave it out")]
    Path,
    /// It is not there, or not ours to see.
    #[error(
        "{path} cannot be opened ({error}); script/tools-tree makes a tree, and without the setting commands have what is below /usr"
    )]
    Missing {
        /// What was looked for.
        path: String,
        /// What the machine said.
        error: io::Error,
    },
    /// It would hide or show what is not its own.
    #[error("it is, holds or lies in {0}; use a folder of its own, such as /opt/tools")]
    Place(String),
    /// Commands could change it.
    #[error(
        "{path} can be changed by the users that commands run as; chmod -R go-w {tree}, and give it to a user outside their pool"
    )]
    Changeable {
        /// What can be changed.
        path: String,
        /// The tree.
        tree: String,
    },
    /// Somebody else could change it.
    #[error(
        "{path} belongs to uid {uid}, who can change it and is neither root nor the owner of the tree; chown -R {owner} {tree}"
    )]
    Foreign {
        /// What can be changed.
        path: String,
        /// By whom.
        uid: u32,
        /// The tree's owner.
        owner: u32,
        /// The tree.
        tree: String,
    },
    /// Commands could not use it.
    #[error("{path} cannot be read by the users that commands run as; chmod -R go+rX {tree}")]
    Unreadable {
        /// What cannot be read.
        path: String,
        /// The tree.
        tree: String,
    },
    /// Without a sandbox, which binds it, nothing leads there.
    #[error(
        "{0} is closed to the users that commands run as, and without a sandbox they have to pass it; use a folder that everyone can reach, such as /opt/tools"
    )]
    Closed(String),
    /// Its Python is one that a sandbox does not see.
    #[error(
        "{path} leads to {target}, which commands cannot see; make the environment with a Python below /usr (/usr/bin/python3 -m venv --clear {tree})"
    )]
    Python {
        /// What leads there.
        path: String,
        /// Where to.
        target: String,
        /// The tree.
        tree: String,
    },
}

/// What a sandbox has of its own under these names, or must never show.
const OTHERS: [&str; 13] = [
    "/usr",
    "/etc",
    "/proc",
    "/dev",
    "/sys",
    "/run",
    "/tmp",
    "/var",
    "/home",
    "/root",
    "/bin",
    "/lib",
    "/workspace",
];
/// Of these, those in which nothing can be bound.
const CLOSED: [&str; 4] = ["/proc", "/dev", "/sys", "/workspace"];

/// Refuses a tree that commands could change or could not use. There may be none.
pub fn check(options: &Options) -> Result<(), Unfit> {
    let Some(tree) = &options.tree else {
        return Ok(());
    };
    judge_path(tree, options.folder.as_deref())?;
    let whole = tree.canonicalize().map_err(|error| missing(tree, error))?;
    judge_path(&whole, options.folder.as_deref())?;
    let user = User::of(options);
    for path in parts(&whole)? {
        let found = std::fs::symlink_metadata(&path).map_err(|error| missing(&path, error))?;
        // What a link leads to is judged where it is, or is not the tree's.
        if !found.is_symlink() {
            user.judge(&path, &found, &whole)?;
        }
    }
    match options.sandbox {
        SandboxKind::Bubblewrap => judge_python(&whole, options),
        SandboxKind::None => user.judge_way(&whole),
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}

pub(super) fn missing(path: &Path, error: io::Error) -> Unfit {
    let path = shown(path);
    Unfit::Missing { path, error }
}

fn judge_path(tree: &Path, workspaces: Option<&Path>) -> Result<(), Unfit> {
    let is_plain = tree.is_absolute() && !tree.components().any(|part| part.as_os_str() == "..");
    // The sandbox is told it as a text, and PATH has colons between its folders.
    if !is_plain || tree.to_str().is_none_or(|text| text.contains(':')) {
        return Err(Unfit::Path);
    }
    let held = OTHERS.iter().map(Path::new).chain(workspaces);
    let held = held.filter(|other| other.starts_with(tree));
    let around = CLOSED.iter().map(Path::new).chain(workspaces);
    let around = around.filter(|other| tree.starts_with(other));
    match held.chain(around).next() {
        Some(other) => Err(Unfit::Place(shown(other))),
        None => Ok(()),
    }
}

/// The tree, its programs and its packages.
fn parts(tree: &Path) -> Result<Vec<PathBuf>, Unfit> {
    let programs = tree.join("bin");
    let mut parts = vec![tree.to_owned()];
    let mut folders = vec![programs];
    folders.extend(site_packages(tree));
    for folder in folders {
        let entries = std::fs::read_dir(&folder).map_err(|error| missing(&folder, error))?;
        parts.push(folder);
        parts.extend(entries.flatten().map(|entry| entry.path()));
    }
    Ok(parts)
}

/// As whom commands run.
pub(super) enum User {
    /// As ourselves. What binds us binds them, and the tree is bound so that it cannot be written to.
    Ourselves,
    /// As one of these.
    OneOf(Range<u32>),
}

impl User {
    pub fn of(options: &Options) -> Self {
        if rustix::process::geteuid().is_root() {
            Self::OneOf(options.uid_first..options.uid_first.saturating_add(options.uid_count))
        } else {
            Self::Ourselves
        }
    }

    fn judge_way(&self, tree: &Path) -> Result<(), Unfit> {
        let is_closed = |folder: &&Path| {
            let found = std::fs::metadata(folder);
            !found.is_ok_and(|found| found.mode() & 0o001 != 0)
        };
        match (self, tree.ancestors().skip(1).find(is_closed)) {
            (Self::OneOf(_), Some(folder)) => Err(Unfit::Closed(shown(folder))),
            (Self::OneOf(_), None) | (Self::Ourselves, _) => Ok(()),
        }
    }

    pub fn judge(&self, path: &Path, found: &Metadata, tree: &Path) -> Result<(), Unfit> {
        let mode = found.mode();
        let is_run = found.is_dir() || mode & 0o111 != 0;
        let (is_readable, is_changeable) = match self {
            Self::Ourselves => {
                let wanted = if is_run {
                    Access::READ_OK | Access::EXEC_OK
                } else {
                    Access::READ_OK
                };
                (rustix::fs::access(path, wanted).is_ok(), false)
            }
            Self::OneOf(uids) => {
                let wanted = if is_run { 0o5 } else { 0o4 };
                let is_theirs =
                    uids.contains(&found.uid()) || uids.contains(&found.gid()) && mode & 0o020 != 0;
                (mode & wanted == wanted, is_theirs)
            }
        };
        let (path, tree) = (shown(path), shown(tree));
        if is_changeable || mode & 0o002 != 0 {
            return Err(Unfit::Changeable { path, tree });
        }
        if !is_readable {
            return Err(Unfit::Unreadable { path, tree });
        }
        Ok(())
    }
}

/// Both the program and, where the environment names it, the folder of the Python that it was made with have to be seen inside.
fn judge_python(tree: &Path, options: &Options) -> Result<(), Unfit> {
    let programs = ["bin/python3", "bin/python"].map(|name| tree.join(name));
    let programs = programs.into_iter().filter(|path| path.is_symlink());
    let settings = tree.join("pyvenv.cfg");
    let text = std::fs::read_to_string(&settings).unwrap_or_default();
    let home = text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "home").then(|| PathBuf::from(value.trim()))
    });
    let led = programs.map(|path| (path.clone(), path));
    for (path, target) in led.chain(home.map(|home| (settings, home))) {
        let target = target.canonicalize().unwrap_or_else(|_| {
            // Where it ends is not known, so it is told where it begins.
            std::fs::read_link(&target).unwrap_or(target)
        });
        let system = ["/usr", "/bin", "/lib", "/lib64"].map(Path::new);
        let further = options.read_only_binds.iter().map(PathBuf::as_path);
        let mut seen = system.into_iter().chain(further).chain([tree]);
        if !(target.exists() && seen.any(|seen| target.starts_with(seen))) {
            return Err(Unfit::Python {
                path: shown(&path),
                target: shown(&target),
                tree: shown(tree),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A folder with one program and one package.
    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let packages = folder.path().join("lib/python3.11/site-packages/sample");
        fs::create_dir_all(&packages).unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/greet"), "#!/usr/bin/bash\n").unwrap();
        set(folder.path(), 0o755);
        set(&folder.path().join("bin/greet"), 0o755);
        folder
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn said(tree: &Path) -> String {
        let options = Options {
            tree: Some(tree.to_owned()),
            folder: Some("/srv/errand/workspaces".into()),
            ..Options::default()
        };
        let checked = check(&options);
        checked.map_or_else(|unfit| unfit.to_string(), |()| String::new())
    }

    #[test]
    fn a_tree_that_everyone_can_read_and_no_command_can_change_is_let_through() {
        assert_eq!(said(tree().path()), "");
        check(&Options::default()).unwrap();
    }

    #[test]
    fn a_path_that_is_none_or_belongs_to_others_is_refused() {
        for path in ["tools", "", "/opt/../opt/tools", "/opt/a:b"] {
            assert!(
                said(Path::new(path)).starts_with("write the absolute path"),
                "{path}"
            );
        }
        for (path, other) in [
            ("/", "/usr"),
            ("/usr", "/usr"),
            ("/home", "/home"),
            ("/proc/self", "/proc"),
            ("/workspace/tools", "/workspace"),
            ("/srv", "/srv/errand/workspaces"),
            ("/srv/errand/workspaces/a", "/srv/errand/workspaces"),
        ] {
            let words = format!("it is, holds or lies in {other};");
            assert!(
                said(Path::new(path)).starts_with(&words),
                "{path}: {}",
                said(Path::new(path))
            );
        }
    }

    #[test]
    fn a_tree_that_is_not_there_or_has_no_programs_is_refused() {
        let made = tree();
        assert!(said(&made.path().join("absent")).contains("absent cannot be opened"));
        fs::remove_dir_all(made.path().join("bin")).unwrap();
        assert!(said(made.path()).contains("/bin cannot be opened"));
    }

    #[test]
    fn what_commands_could_change_is_refused_with_the_command_that_cures_it() {
        for part in [
            "",
            "bin",
            "bin/greet",
            "lib/python3.11/site-packages/sample",
        ] {
            let made = tree();
            set(&made.path().join(part), 0o777);
            let said = said(made.path());
            assert!(
                said.contains("chmod -R go-w") && said.contains("can be changed"),
                "{part}: {said}"
            );
        }
    }

    #[test]
    fn what_commands_could_not_read_is_refused_with_the_command_that_cures_it() {
        let closed = if rustix::process::geteuid().is_root() {
            0o750
        } else {
            0o000
        };
        for part in ["bin/greet", "lib/python3.11/site-packages/sample"] {
            let made = tree();
            set(&made.path().join(part), closed);
            let said = said(made.path());
            assert!(said.contains("chmod -R go+rX"), "{part}: {said}");
        }
    }

    #[test]
    fn without_a_sandbox_the_way_to_the_tree_has_to_be_open_to_the_users_that_root_gives_commands()
    {
        let holder = tempfile::tempdir().unwrap();
        let tree = holder.path().join("tools");
        fs::create_dir_all(tree.join("bin")).unwrap();
        set(holder.path(), 0o700);
        let options = Options {
            tree: Some(tree),
            sandbox: SandboxKind::None,
            ..Options::default()
        };
        let is_refused = || matches!(check(&options), Err(Unfit::Closed(_)));
        assert_eq!(is_refused(), rustix::process::geteuid().is_root());
        set(holder.path(), 0o711);
        assert!(!is_refused());
    }

    #[test]
    fn a_python_that_a_sandbox_does_not_see_is_refused() {
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("python3"), "").unwrap();
        let made = tree();
        symlink(
            elsewhere.path().join("python3"),
            made.path().join("bin/python3"),
        )
        .unwrap();
        assert!(said(made.path()).contains("which commands cannot see"));
        fs::remove_file(made.path().join("bin/python3")).unwrap();
        symlink("/usr/bin/env", made.path().join("bin/python3")).unwrap();
        assert_eq!(said(made.path()), "");
        let settings = format!("home = {}\n", elsewhere.path().display());
        fs::write(made.path().join("pyvenv.cfg"), settings).unwrap();
        assert!(said(made.path()).contains("pyvenv.cfg leads to"));
        let options = Options {
            tree: Some(made.path().to_owned()),
            read_only_binds: vec![elsewhere.path().canonicalize().unwrap()],
            ..Options::default()
        };
        check(&options).unwrap();
    }
}
