//! The directories in which steps work, as the worker sees them.

use async_trait::async_trait;

use crate::blob::{BlobHash, BlobRef};
use crate::id::{StepId, TaskId, TenantId};
use crate::ports::blobs::BlobError;
use crate::workspace::Manifest;

/// Whose workspace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// Owner.
    pub tenant: TenantId,
    /// The task.
    pub task: TaskId,
    /// The step.
    pub step: StepId,
}

/// Why a workspace could not be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// A blob could not be put or had.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// More files or bytes than a snapshot may have; the model can mend this.
    #[error("the workspace is too large: {0}")]
    TooLarge(String),
    /// The file system said no; the same call may work later.
    #[error("workspace unavailable")]
    Unavailable(#[source] std::io::Error),
}

/// A snapshot that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Blob of the manifest's text.
    pub manifest_blob: BlobRef,
    /// The manifest.
    pub manifest: Manifest,
    /// Every blob that it names and that was put now.
    pub put: Vec<BlobRef>,
}

/// What is left of the processes that ran in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Remains {
    /// Nothing: all are gone.
    Nothing,
    /// Some could not be ended: the kernel does not let go of them.
    Processes,
}

/// Makes, snapshots and removes workspaces.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// Makes the place's directory hold exactly the files of the manifest, owned by the place's own user.
    async fn restore(&self, place: &Place, manifest: &Manifest) -> Result<(), WorkspaceError>;
    /// Puts the files that changed into blobs, and names the whole.
    async fn snapshot(&self, place: &Place) -> Result<Snapshot, WorkspaceError>;
    /// The manifest under a name.
    async fn manifest(
        &self,
        tenant: &TenantId,
        name: &BlobHash,
    ) -> Result<Manifest, WorkspaceError>;
    /// Ends everything that runs there now, and comes back when it is gone or cannot be ended. The files stay.
    async fn calm(&self, place: &Place) -> Remains;
    /// Ends everything that runs there and removes the directory. Comes back when all of it is gone or cannot be ended; a place that
    /// this process does not hold has nothing.
    async fn discard(&self, place: &Place) -> Remains;
}
