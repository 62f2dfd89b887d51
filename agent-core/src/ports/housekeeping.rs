//! Tending the store itself: removing finished tasks, and the blobs that nothing names any more.
//!
//! What holds for every implementation: each verb is one short transaction of bounded size, so a claim never waits long for one;
//! whatever is broken off is gone on with later.

use async_trait::async_trait;

use crate::blob::BlobHash;
use crate::id::TenantId;
use crate::ports::blobs::BlobError;
use crate::ports::store::StoreError;

/// How long an idempotency key is kept at least, and so the task that was submitted under it.
pub const IDEMPOTENCY_KEPT_MS: u64 = 24 * 60 * 60_000;

/// A kind of work that one worker at a time does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chore {
    /// Removing tasks that finished long ago.
    Retention,
    /// Removing blobs that nothing names.
    Sweep,
}

impl Chore {
    /// The chore's name in the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Sweep => "sweep",
        }
    }
}

/// The right to do a chore for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoreLease {
    /// Which.
    pub chore: Chore,
    /// Rises when the chore changes hands.
    pub fence: i64,
    /// How far it had come when it was last noted; absent at its beginning.
    pub cursor: Option<String>,
}

/// A blob by owner and name.
pub type OwnedHash = (TenantId, BlobHash);

/// The store's part of it.
#[async_trait]
pub trait Housekeeping: Send + Sync {
    /// Takes a chore for a while, if it is due and nobody has it.
    async fn take_chore(
        &self,
        chore: Chore,
        lease_ms: u64,
    ) -> Result<Option<ChoreLease>, StoreError>;
    /// Notes how far it has come, and keeps it for another while. `false`: somebody else has it now.
    async fn keep_chore(&self, held: &ChoreLease, lease_ms: u64) -> Result<bool, StoreError>;
    /// Ends it. It is due again after `next_in_ms`. `false`: somebody else has it now.
    async fn end_chore(&self, held: &ChoreLease, next_in_ms: u64) -> Result<bool, StoreError>;
    /// Removes up to `at_most` tasks that finished longer ago than `retention_ms`, were submitted longer ago than
    /// [`IDEMPOTENCY_KEPT_MS`] and have no job left, with everything but their logs. Says how many.
    async fn retire(&self, retention_ms: u64, at_most: u32) -> Result<u64, StoreError>;
    /// Removes up to about `rows_max` rows of logs of removed tasks. Says how many; 0 when nothing is left over.
    async fn purge(&self, rows_max: u32) -> Result<u64, StoreError>;
    /// Dooms those of these blobs that no task names. Until [`Housekeeping::swept`] every commit that names one is refused as
    /// unavailable.
    async fn doom(&self, blobs: &[OwnedHash]) -> Result<Vec<OwnedHash>, StoreError>;
    /// Blobs that were doomed longer ago than this and are so still: their sweep was broken off.
    async fn doomed_before(&self, age_ms: u64, at_most: u32) -> Result<Vec<OwnedHash>, StoreError>;
    /// Lets these blobs be named again: they are gone, or were spared.
    async fn swept(&self, blobs: &[OwnedHash]) -> Result<(), StoreError>;
}

/// A moment by the blob store's own clock. What was put before it counts as old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cutoff(pub i64);

/// The blob store's part of it. Blobs lie in shards, each small enough to be looked through in one go.
#[async_trait]
pub trait Shelves: Send + Sync {
    /// The moment so long ago, by the blob store's own clock.
    async fn cutoff(&self, age_ms: u64) -> Result<Cutoff, BlobError>;
    /// The first shard after this one, in a fixed order.
    async fn shard_after(&self, shard: Option<&str>) -> Result<Option<String>, BlobError>;
    /// Blobs of a shard that were last put before the moment.
    async fn old_in(&self, shard: &str, cutoff: Cutoff) -> Result<Vec<OwnedHash>, BlobError>;
    /// Removes a blob, unless it was put since the moment. Says whether it is gone.
    async fn remove(&self, blob: &OwnedHash, cutoff: Cutoff) -> Result<bool, BlobError>;
}
