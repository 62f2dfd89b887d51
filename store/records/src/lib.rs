//! The rows of both databases as plain structs, and what they mean.
//!
//! Both stores read into these structs, so a column that is missing or nullable in one database only breaks its
//! build. Nothing here knows a database; a value that means nothing becomes [`StoreError::Corrupt`], never a guess.
//!
//! [`StoreError::Corrupt`]: agent_core::ports::store::StoreError::Corrupt

mod artifact;
mod commit;
mod credential;
mod delivery;
mod event;
mod housekeeping;
mod installation;
mod job;
mod key;
mod parts;
mod queue;
mod read;
mod step;
mod task;
mod written;

pub use artifact::ArtifactRecord;
pub use commit::{ChargedRecord, CommittedRecord, GuardRecord};
pub use credential::{CredentialRecord, SealedCredentialRecord, hosts_column};
pub use delivery::DeliveryRecord;
pub use event::EventRecord;
pub use housekeeping::{ChoreRecord, OwnedRecord};
pub use installation::{InstallationRecord, SealedRecord};
pub use job::{ClaimRecord, GivenBackRecord, HeldRecord, LookRecord, UnfreedRecord};
pub use key::{KeyRecord, RecallRecord};
pub use parts::{BodyColumns, BudgetColumns, WaitColumns, plain, saturated};
pub use queue::{
    DeadRecord, GivenUpRecord, OpenCallRecord, QueuedRecord, RemovedRecord, log_column,
};
pub use read::{corrupt, parsed};
pub use step::{StepRecord, depends_on_column};
pub use task::{TaskRecord, metadata_column};
pub use written::{ChangedStepRow, DecidedRow, NewDeliveryRow, NewJobRow, NewStepRow, NewTaskRow};
