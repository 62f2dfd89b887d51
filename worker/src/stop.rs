//! Why a job stops before its work is done.

use agent_core::budget::Spend;
use agent_core::decide::for_owner::Undecided;
use agent_core::decide::{Refused, Wait};
use agent_core::journal::ReadError;
use agent_core::ports::blobs::BlobError;
use agent_core::ports::store::StoreError;
use agent_core::ports::workspaces::WorkspaceError;

/// See the module's description.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The job belongs to somebody else now, or is gone. Nothing is left to do.
    #[error("the job is no longer ours")]
    Lost,
    /// By this process's clock the lease may have lapsed, so nothing more may be done under it. Whether it has, only the store
    /// knows: a heartbeat may still come in time. So the job is given back, which the store refuses if somebody has taken it;
    /// left alone it would stay with a worker that lives and does not run it.
    #[error("the lease may have lapsed")]
    Lapsed,
    /// The store cannot be used; it is not known whether the last commit was saved. The job is given back, and whoever
    /// claims it reads from the log how far it came.
    #[error("the store cannot be used")]
    Store(#[source] StoreError),
    /// The job makes no sense any more: the task ended or went another way.
    #[error("the job is out of date")]
    OutOfDate(#[source] Refused),
    /// Something outside is in trouble; the job waits, with its reason in the log.
    #[error("the job has to wait: {}", .0.reason)]
    Wait(Box<Wait>),
    /// Every place of a tool is taken, and the step does not hold its own place among the worker's jobs until one is free.
    #[error("no place of {tool} is free")]
    NoPlace {
        /// The tool.
        tool: String,
        /// How many there are on this worker.
        limit: u32,
        /// What was charged for the call that is not made, to be given back; absent when the log says already that the step
        /// waits.
        refund: Option<Spend>,
    },
    /// A body in the log or a file of a snapshot is damaged. The job is set aside until somebody has mended it.
    #[error("{0}")]
    Damaged(String),
    /// There is more than may be handled, and waiting does not make it less. The job is given up.
    #[error("{0}")]
    TooLarge(String),
    /// The process is shutting down.
    #[error("the worker is shutting down")]
    Draining,
    /// The task was begun by a newer release, during an upgrade. Nothing is written into its log; the job is given back for a
    /// worker that knows its rules.
    #[error("the task was begun under rules of version {0}, which this release does not know")]
    NewerRules(u32),
    /// The machine cannot do it now: a full disk, a sandbox that does not start, a blob store without the task's blobs. The
    /// job waits.
    #[error("this machine cannot go on: {0}")]
    Machine(String),
    /// The blob store cannot be used. The job waits for as long as that lasts, as it would for the database.
    #[error("{0}")]
    Blobs(String),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale { .. } | StoreError::LeaseLost { .. } | StoreError::NotFound => {
                Self::Lost
            }
            StoreError::Corrupt { .. } => Self::Damaged(error.to_string()),
            StoreError::VersionMoved { .. } | StoreError::Unavailable(_) => Self::Store(error),
        }
    }
}

impl From<BlobError> for Stop {
    fn from(error: BlobError) -> Self {
        match error {
            // Far more often the blob store is not the one that the others use, or is not mounted, than a blob is lost.
            BlobError::Missing { hash } => Self::Machine(format!(
                "blob {hash} is missing; processes that share a database must also share blobs_dir or blobs.url"
            )),
            BlobError::Corrupt { hash } => Self::Damaged(format!("blob {hash} is corrupt")),
            BlobError::Unavailable(source) => {
                Self::Blobs(format!("the blob store is unavailable: {source}"))
            }
        }
    }
}

impl From<Undecided> for Stop {
    fn from(undecided: Undecided) -> Self {
        match undecided {
            Undecided::Refused(refused) => Self::OutOfDate(refused),
            Undecided::Blobs(error) => error.into(),
            Undecided::Store(error) => error.into(),
        }
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Blob(error) => error.into(),
            ReadError::Undecodable(error) => Self::Damaged(error.to_string()),
        }
    }
}

impl From<WorkspaceError> for Stop {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::Blob(error) => error.into(),
            WorkspaceError::TooLarge(what) => {
                // It will not get smaller by waiting.
                Self::TooLarge(format!(
                    "the files of the steps before are too large together: {what}"
                ))
            }
            WorkspaceError::Unavailable(source) => {
                Self::Machine(format!("the workspace folder is unavailable: {source}"))
            }
        }
    }
}
