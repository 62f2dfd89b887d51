//! What programs in the sandbox find in the tool tree: asked there, by starting its Python and importing what it has.
//!
//! What is printed comes from foreign code. It is shown to the operator and decides nothing.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use crate::sandbox::{Ended, Program, Run};
use crate::workspace::Entered;

/// Large packages take seconds to import for the first time.
const WITHIN: Duration = Duration::from_mins(2);

/// Lists the programs, with those that cannot be started, and then becomes Python. Its argument is the tree.
const SCRIPT: &str = r#"
cd "$1/bin" || exit
for file in *; do
  if [ -L "$file" ] && [ ! -e "$file" ]; then echo "broken=$file leads to what is not there"; continue; fi
  [ -f "$file" ] && [ -x "$file" ] || continue
  line=
  IFS= read -r -n 300 line < "$file"
  case $line in '#!'*)
    read -r interpreter _ <<< "${line:2}"
    if [ ! -x "$interpreter" ]; then echo "broken=$file wants $interpreter, which is not there"; continue; fi
  esac
  echo "program=$file"
done
[ -e python3 ] || exit 0
exec "$1/bin/python3" -I -c "$2"
"#;

/// Lists the packages and imports each. What is about to be imported is said before: it may end the program.
const LISTING: &str = r#"
import importlib, importlib.metadata, os, sys, warnings
said = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
warnings.simplefilter("ignore")
say = lambda name, text: said.write(f"{name}={' '.join(str(text).split())}\n")
say("python", "%d.%d.%d" % sys.version_info[:3])
for found in sorted({(d.metadata["Name"], d.version) for d in importlib.metadata.distributions()}, key=str):
    say("package", "%s %s" % found)
for name, owners in sorted(importlib.metadata.packages_distributions().items()):
    if not name.isidentifier() or name.startswith("_") or {"pip", "setuptools", "wheel"} & set(owners):
        continue
    say("importing", name)
    try:
        importlib.import_module(name)
    except BaseException as error:
        say("broken", f"{name} cannot be imported: {type(error).__name__}: {error}")
say("importing", "")
"#;

/// What is in a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The version of its Python, if it has one.
    pub python: Option<String>,
    /// Its Python packages, each with its version.
    pub packages: Vec<String>,
    /// Its programs.
    pub programs: Vec<String>,
    /// Programs that cannot be started and packages that cannot be imported, each with the reason.
    pub broken: Vec<String>,
}

/// Why a tree could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum Unlisted {
    /// Its Python did not start.
    #[error("its Python does not start in the sandbox: {0}")]
    Python(String),
    /// Listing was ended from outside.
    #[error("listing it was ended: {0}")]
    Ended(String),
}

/// The program that lists a tree.
pub fn program(tree: &Path, place: Entered) -> Program {
    let tree = tree.to_string_lossy();
    Program {
        argv: ["/usr/bin/bash", "-c", SCRIPT, "list", &tree, LISTING]
            .map(str::to_owned)
            .to_vec(),
        environment: Vec::new(),
        place,
        wall_time: WITHIN,
        ports: Vec::new(),
        input: None,
    }
}

impl Contents {
    /// What the program found.
    pub fn of(run: &Run) -> Result<Self, Unlisted> {
        Self::read(&run.stdout.text(), run.stderr.text().trim(), &run.ended)
    }

    fn read(printed: &str, errors: &str, ended: &Ended) -> Result<Self, Unlisted> {
        let mut contents = Self::default();
        let mut importing = "";
        for (name, value) in printed.lines().filter_map(|line| line.split_once('=')) {
            match name {
                "python" => contents.python = Some(value.to_owned()),
                "package" => contents.packages.push(value.to_owned()),
                "program" => contents.programs.push(value.to_owned()),
                "broken" => contents.broken.push(value.to_owned()),
                "importing" => importing = value,
                _ => {}
            }
        }
        match ended {
            Ended::Exited { status: 0 } => Ok(contents),
            // It got as far as to this package, which took it down.
            Ended::Exited { status } if !importing.is_empty() => {
                let told =
                    format!("{importing} cannot be imported: it ends Python with status {status}");
                contents.broken.push(told);
                Ok(contents)
            }
            Ended::Exited { status } => {
                let errors = errors.lines().last().unwrap_or("it says nothing");
                Err(Unlisted::Python(format!("status {status}: {errors}")))
            }
            Ended::Killed { reason } => Err(Unlisted::Ended(reason.to_string())),
        }
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(python) = &self.python {
            write!(text, "Python {python} with ")?;
            match self.packages.as_slice() {
                [] => write!(text, "no packages")?,
                packages => write!(text, "{}", packages.join(", "))?,
            }
            write!(text, "; ")?;
        }
        write!(text, "programs: {}", self.programs.join(", "))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const PRINTED: &str = "program=f2py\nbroken=old wants /gone/python3, which is not there\npython=3.11.2\npackage=pandas 3.1.1\nimporting=pandas\n";

    #[test]
    fn what_was_found_is_told_with_what_is_broken() {
        let printed = format!("{PRINTED}importing=\n");
        let contents = Contents::read(&printed, "", &Ended::Exited { status: 0 }).unwrap();
        assert_eq!(
            contents.to_string(),
            "Python 3.11.2 with pandas 3.1.1; programs: f2py"
        );
        assert_eq!(
            contents.broken,
            ["old wants /gone/python3, which is not there"]
        );
    }

    #[test]
    fn a_package_that_takes_python_down_is_named_and_a_python_that_does_not_start_is_told() {
        let ended = Ended::Exited { status: 139 };
        let contents = Contents::read(PRINTED, "", &ended).unwrap();
        assert_eq!(
            contents.broken[1],
            "pandas cannot be imported: it ends Python with status 139"
        );
        let unlisted = Contents::read("program=a\n", "one\ntwo", &ended).unwrap_err();
        assert_eq!(
            unlisted.to_string(),
            "its Python does not start in the sandbox: status 139: two"
        );
    }
}
