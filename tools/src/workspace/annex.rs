//! Folders beside workspaces, for what a program writes that is not to see the workspace's files.
//!
//! They lie where workspaces do, so what a crash left of them is swept in the same way.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agent_core::ports::workspaces::Place;

use super::ledger::Ledger;
use super::place::{self, Entered};
use super::uids::UidPool;
use crate::options::Options;

/// Makes such folders.
pub struct Annexes {
    folder: PathBuf,
    uids: Option<Arc<UidPool>>,
    ledger: Arc<Ledger>,
    /// Counts them, so that no two have one name.
    last: AtomicU64,
}

impl Annexes {
    /// Where nothing but these is, for trying things.
    pub fn alone(options: &Options, uids: Option<Arc<UidPool>>) -> io::Result<Self> {
        let folder = options.folder()?.to_owned();
        place::make_folder(&folder)?;
        Ok(Self::beside(folder, uids, Ledger::new(options)))
    }

    pub(super) fn beside(folder: PathBuf, uids: Option<Arc<UidPool>>, ledger: Arc<Ledger>) -> Self {
        Self {
            folder,
            uids,
            ledger,
            last: AtomicU64::new(0),
        }
    }

    /// A new, empty folder beside the workspace of this place. Blocks on the file system.
    pub(crate) fn make(&self, place: &Place) -> io::Result<Entered> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("{}-beside-{number}", place.step);
        let path = self.folder.join(place.task.as_str()).join(name);
        Entered::beside(&path, place, self.uids.as_deref(), &self.ledger)
    }
}
