//! Workspaces as directories of this machine.
//!
//! A workspace is a working copy only: its truth is the last manifest that was committed. So nothing here is ever
//! repaired; a directory whose holder died is wiped, at the next start or when its place is restored.

mod annex;
mod cache;
pub(crate) mod ledger;
mod place;
mod restore;
mod snapshot;
mod sweep;
mod uids;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_core::blob::BlobHash;
use agent_core::id::TenantId;
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::workspaces::{Place, Remains, Snapshot, WorkspaceError, Workspaces};
use agent_core::workspace::Manifest;
use async_trait::async_trait;

use crate::options::Options;
use ledger::Ledger;
use place::Held;
use tokio::sync::OnceCell;

pub use annex::Annexes;
pub use place::Entered;
pub use uids::{UidLease, UidPool};

/// The workspaces of this machine.
pub struct LocalWorkspaces {
    folder: PathBuf,
    blobs: Arc<dyn Blobs>,
    uids: Option<Arc<UidPool>>,
    bounds: Bounds,
    ledger: Arc<Ledger>,
    annexes: Arc<Annexes>,
    /// A cell is filled once, so that no place is taken twice, and places do not wait for each other.
    held: Mutex<HashMap<Place, Arc<OnceCell<Arc<Held>>>>>,
}

/// How much a snapshot may hold.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    files_max: u64,
    bytes_max: u64,
}

impl LocalWorkspaces {
    /// Opens the folder and removes what no one holds. Blocks on the file system.
    pub fn open(
        options: &Options,
        uids: Option<Arc<UidPool>>,
        blobs: Arc<dyn Blobs>,
    ) -> io::Result<Self> {
        let folder = options.folder()?.to_owned();
        place::make_folder(&folder)?;
        sweep::sweep(&folder)?;
        let ledger = Ledger::new(options);
        let annexes = Annexes::beside(folder.clone(), uids.clone(), Arc::clone(&ledger));
        Ok(Self {
            folder,
            blobs,
            uids,
            bounds: Bounds {
                files_max: options.workspace_files_max,
                bytes_max: options.workspace_bytes_max,
            },
            ledger,
            annexes: Arc::new(annexes),
            held: Mutex::default(),
        })
    }

    /// Folders beside these workspaces, which count for the same tasks.
    pub fn annexes(&self) -> Arc<Annexes> {
        Arc::clone(&self.annexes)
    }

    /// Enters a place that was restored.
    pub async fn enter(&self, place: &Place) -> Result<Entered, WorkspaceError> {
        let cell = self.places().get(place).cloned();
        let entered = match cell.as_ref().and_then(|cell| cell.get()) {
            Some(held) => held.enter().await,
            None => None,
        };
        entered.ok_or_else(|| {
            unavailable(io::Error::new(
                io::ErrorKind::NotFound,
                "the workspace is not restored here",
            ))
        })
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Place, Arc<OnceCell<Arc<Held>>>>> {
        // A panic elsewhere leaves the map whole: every change of it is one call.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn hold(&self, place: &Place) -> Result<Arc<Held>, WorkspaceError> {
        let cell = Arc::clone(self.places().entry(place.clone()).or_default());
        let taken = cell.get_or_try_init(|| async {
            let (folder, wanted) = (self.folder.clone(), place.clone());
            let uids = self.uids.clone();
            let ledger = Arc::clone(&self.ledger);
            blocking(move || {
                Held::take(&folder, &wanted, uids.as_deref(), &ledger)
                    .map(Arc::new)
                    .map_err(unavailable)
            })
            .await
        });
        taken.await.cloned()
    }
}

#[async_trait]
impl Workspaces for LocalWorkspaces {
    async fn restore(&self, place: &Place, manifest: &Manifest) -> Result<(), WorkspaceError> {
        restore::check(manifest, self.bounds)?;
        let held = self.hold(place).await?;
        // What still runs there would write into what is put back, and is of files that are no more.
        held.interrupt();
        restore::restore(&*self.blobs, &place.tenant, held, manifest).await
    }

    async fn snapshot(&self, place: &Place) -> Result<Snapshot, WorkspaceError> {
        let entered = self.enter(place).await?;
        let held = self.hold(place).await?;
        let taken = snapshot::take(&*self.blobs, &place.tenant, held, self.bounds).await;
        drop(entered);
        taken
    }

    async fn manifest(
        &self,
        tenant: &TenantId,
        name: &BlobHash,
    ) -> Result<Manifest, WorkspaceError> {
        let text = self.blobs.get(tenant, name).await?;
        serde_json::from_slice(&text).map_err(|_| BlobError::Corrupt { hash: name.clone() }.into())
    }

    async fn calm(&self, place: &Place) -> Remains {
        let cell = self.places().get(place).cloned();
        let Some(held) = cell.and_then(|cell| cell.get().cloned()) else {
            return Remains::Nothing;
        };
        held.interrupt();
        drop(held.in_use.write().await);
        held.remains()
    }

    async fn discard(&self, place: &Place) -> Remains {
        let cell = self.places().remove(place);
        let Some(held) = cell.and_then(|cell| cell.get().cloned()) else {
            return Remains::Nothing;
        };
        held.close();
        let still = Arc::clone(&held.in_use).write_owned().await;
        let remains = held.remains();
        let removed = blocking(move || {
            let _still = still;
            held.home.remove().map_err(unavailable)
        })
        .await;
        if let Err(error) = removed {
            let error = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(task.id = %place.task, step.id = %place.step, error, "a workspace could not be removed; the next start will try again");
        }
        remains
    }
}

fn unavailable(error: io::Error) -> WorkspaceError {
    WorkspaceError::Unavailable(error)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkspaceError> + Send + 'static,
) -> Result<T, WorkspaceError> {
    // Only a panic in the work makes the join fail.
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| unavailable(io::Error::other(error)))?
}
