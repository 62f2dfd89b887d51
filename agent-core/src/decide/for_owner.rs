//! A decision that is made for whoever owns a task, not under the fence of a job.

use super::commit::prepare;
use super::{Input, Refused, decide};
use crate::ports::blobs::{BlobError, Blobs};
use crate::ports::entropy::Entropy;
use crate::ports::store::{Commits, Right, StoreError};
use crate::task::Task;

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum Undecided {
    /// The input is not legal in the task's state.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A body could not be put.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The decision was not saved. Only where the store could not be reached, nobody knows whether it was.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides about a task as it was read, and commits. `false`: the task moved meanwhile and nothing has changed, so that it must be
/// read and decided again.
///
/// # Errors
/// [`Undecided`].
pub async fn apply(
    (store, blobs, entropy): (&(impl Commits + ?Sized), &dyn Blobs, &dyn Entropy),
    task: &Task,
    input: Input,
) -> Result<bool, Undecided> {
    let decision = decide(task, input, task.read_at_ms, entropy)?;
    let right = Right::Owner(task.tenant.clone(), task.id.clone());
    let commit = prepare(blobs, &task.tenant, right, task.version, decision).await?;
    match store.transition(commit).await {
        Ok(_) => Ok(true),
        Err(StoreError::VersionMoved { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
