//! Where bwrap, which runs as the workspace's user, finds the folders of the host that it is to bind.
//!
//! A folder below one that is closed to that user is bound to another place first, by the launcher and before it gives up its
//! rights, in a mount namespace that nobody else sees.

use std::ffi::CString;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::options::Options;
use crate::sandbox::launch::Stage;

/// Folders that exist everywhere and that no program needs.
const PLACES: [&str; 4] = ["/mnt", "/srv", "/media", "/opt"];

/// The places that are taken for one program.
pub(super) struct Stages<'a> {
    options: &'a Options,
    /// Whether bwrap runs as another user than we do.
    is_foreign: bool,
    made: Vec<Stage>,
}

impl<'a> Stages<'a> {
    /// None yet. `owner` is the user as which bwrap runs, if it is another one.
    pub fn new(options: &'a Options, owner: Option<u32>) -> Self {
        Self {
            options,
            is_foreign: owner.is_some(),
            made: Vec::new(),
        }
    }

    /// The path of a workspace. The folder right above it admits the workspace's user.
    pub fn workspace(&mut self, path: &Path) -> io::Result<String> {
        self.path_of(path, 2)
    }

    /// The path of the tool tree, which may be named by way of a link.
    pub fn tree(&mut self, path: &Path) -> io::Result<String> {
        let whole = path.canonicalize().map_err(|error| {
            let text = format!("tools.tree = {} cannot be reached: {error}", path.display());
            io::Error::new(error.kind(), text)
        })?;
        self.path_of(&whole, 1)
    }

    /// What is to be bound before bwrap starts.
    pub fn made(self) -> Vec<Stage> {
        self.made
    }

    fn path_of(&mut self, path: &Path, admitted: usize) -> io::Result<String> {
        if !self.is_foreign || others_pass(path.ancestors().skip(admitted)) {
            return Ok(path.to_string_lossy().into_owned());
        }
        let place = PLACES.iter().find(|place| self.is_free(place));
        let place = place.ok_or_else(|| {
            io::Error::other("no folder of /mnt, /srv, /media and /opt is free to bind a workspace or the tool tree to")
        })?;
        self.made.push(Stage {
            source: text(path)?,
            target: text(Path::new(place))?,
        });
        Ok((*place).to_owned())
    }

    fn is_free(&self, place: &str) -> bool {
        let place = Path::new(place);
        let overlaps = |path: &PathBuf| path.starts_with(place) || place.starts_with(path);
        let mut bound = self.options.read_only_binds.iter();
        let is_taken =
            |stage: &Stage| stage.target.as_bytes() == place.as_os_str().as_encoded_bytes();
        place.is_dir()
            && !bound.any(overlaps)
            && !self.options.tree.as_ref().is_some_and(overlaps)
            && !self.made.iter().any(is_taken)
    }
}

fn text(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_encoded_bytes()).map_err(io::Error::other)
}

/// Whether any user can pass through all of these folders.
fn others_pass<'a>(mut folders: impl Iterator<Item = &'a Path>) -> bool {
    folders.all(|folder| {
        std::fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
    })
}
