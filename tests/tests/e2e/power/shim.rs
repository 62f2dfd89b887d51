//! Builds the shim with the machine's C compiler and says how it is loaded.

use std::path::PathBuf;
use std::process::Command;

use errand_tests::workspace::root;

use crate::installation::Installation;

/// The shim of one installation.
pub struct Shim {
    library: PathBuf,
    pub journal: PathBuf,
    /// The folder that it watches.
    pub root: String,
}

impl Shim {
    pub fn build(here: &Installation) -> Self {
        let folder = here.folder.path();
        let library = folder.join("shim.so");
        let source = root().join("tests/tests/e2e/power/shim.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
        compiler
            .arg(&library)
            .arg(source)
            .args(["-ldl", "-lpthread"]);
        assert!(
            compiler.status().unwrap().success(),
            "the shim does not build"
        );
        std::fs::create_dir_all(here.data()).unwrap();
        Self {
            library,
            journal: folder.join("disk.journal"),
            root: here.data().canonicalize().unwrap().display().to_string(),
        }
    }

    /// What a server needs to be watched.
    pub fn variables(&self) -> [(&str, &str); 3] {
        [
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("DISK_ROOT", &self.root),
            ("DISK_JOURNAL", self.journal.to_str().unwrap()),
        ]
    }
}
