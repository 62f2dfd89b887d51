//! Housekeeping: chores on the store itself, each done by one worker at a time, beside the jobs.
//!
//! A chore is a lease in the store with a cursor. A worker that dies in the middle leaves both, and another goes on from the cursor
//! when the lease is over. Everything is done in small bites with pauses between them, so that jobs come first.

mod retention;
mod sweep;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use agent_core::ports::blobs::BlobError;
use agent_core::ports::housekeeping::{Chore, ChoreLease, Housekeeping, Shelves};
use agent_core::ports::store::StoreError;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::warn;

use crate::error_text::source_chain;

/// How long a chore is taken for at a time. Who takes it over after a death waits this long.
const LEASE_MS: u64 = 60_000;
/// A bite of work is followed by a pause of this many times its own length, within these bounds.
const PAUSE_FACTOR: u32 = 2;
const PAUSE_MIN: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What an operator can set about what is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HouseOptions {
    /// How long a task is kept after it finished, with its log and its artifacts; 0 keeps all for ever. A task younger than a day is
    /// kept in any case, because its idempotency key is.
    pub retention_ms: u64,
    /// How often old tasks are looked for.
    pub retention_every_ms: u64,
    /// Most tasks that are removed in one transaction.
    pub tasks_at_once: u32,
    /// Most rows of logs that are removed in one transaction.
    pub rows_at_once: u32,
    /// How often blobs that nothing names are looked for; 0 never looks.
    pub sweep_every_ms: u64,
    /// How long a blob must not have been put before it is swept. At least a day: a blob may be named for half of it after its put.
    pub sweep_age_ms: u64,
    /// How often a worker asks whether a chore is due.
    pub ask_every_ms: u64,
}

impl Default for HouseOptions {
    fn default() -> Self {
        Self {
            // Results are their owner's: nothing is removed that nobody asked to have removed.
            retention_ms: 0,
            retention_every_ms: 10 * 60_000,
            tasks_at_once: 10,
            rows_at_once: 500,
            sweep_every_ms: 24 * 60 * 60_000,
            sweep_age_ms: 24 * 60 * 60_000,
            ask_every_ms: 60_000,
        }
    }
}

/// Why a chore was broken off. What is left of it is done later.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blob store.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Tasks that were removed.
    pub tasks: u64,
    /// Rows of their logs that were removed.
    pub rows: u64,
    /// Blobs that were removed.
    pub blobs: u64,
}

/// Does the chores.
pub struct Housekeeper {
    store: Arc<dyn Housekeeping>,
    shelves: Arc<dyn Shelves>,
    options: HouseOptions,
}

impl Housekeeper {
    /// A housekeeper of this store and blob store.
    pub fn new(
        store: Arc<dyn Housekeeping>,
        shelves: Arc<dyn Shelves>,
        options: HouseOptions,
    ) -> Self {
        Self {
            store,
            shelves,
            options,
        }
    }

    /// Does what is due, again and again.
    pub async fn keep(&self) -> Infallible {
        loop {
            // First: a start has better things to do.
            tokio::time::sleep(Duration::from_millis(self.options.ask_every_ms.max(1))).await;
            for chore in [Chore::Retention, Chore::Sweep] {
                if let Err(error) = self.round(chore).await {
                    warn!(
                        error = source_chain(&error),
                        chore = chore.label(),
                        "a chore was broken off; it is gone on with later"
                    );
                }
            }
        }
    }

    /// Does a chore, if it is due and nobody else does it. `None`: it was not ours to do, or was taken away in the middle.
    pub async fn round(&self, chore: Chore) -> Result<Option<Done>, HouseError> {
        if chore == Chore::Sweep && self.options.sweep_every_ms == 0 {
            return Ok(None);
        }
        let Some(held) = self.store.take_chore(chore, LEASE_MS).await? else {
            return Ok(None);
        };
        let mut held = Held::of(self, held);
        let (done, every_ms) = match chore {
            Chore::Retention => (
                retention::run(self, &mut held).await?,
                self.options.retention_every_ms,
            ),
            Chore::Sweep => (
                sweep::run(self, &mut held).await?,
                self.options.sweep_every_ms,
            ),
        };
        let ended = held.is_ours && self.store.end_chore(&held.lease, every_ms).await?;
        Ok(ended.then_some(done))
    }
}

/// A chore at work.
struct Held<'a> {
    house: &'a Housekeeper,
    lease: ChoreLease,
    kept: Instant,
    bitten: Instant,
    is_ours: bool,
}

impl<'a> Held<'a> {
    fn of(house: &'a Housekeeper, lease: ChoreLease) -> Self {
        let now = Instant::now();
        Self {
            house,
            lease,
            kept: now,
            bitten: now,
            is_ours: true,
        }
    }

    /// Between two bites: keeps the lease while there is time, and lets others have the store. Says whether to go on.
    async fn go_on(&mut self, cursor: Option<&str>) -> Result<bool, HouseError> {
        let third = Duration::from_millis(LEASE_MS / 3);
        let moved = cursor.is_some() && self.lease.cursor.as_deref() != cursor;
        if moved || self.kept.elapsed() > third {
            self.lease.cursor = cursor.map(str::to_owned);
            let asked = Instant::now();
            self.is_ours = self.house.store.keep_chore(&self.lease, LEASE_MS).await?;
            self.kept = asked;
        }
        if self.is_ours {
            let pause = (self.bitten.elapsed() * PAUSE_FACTOR).clamp(PAUSE_MIN, PAUSE_MAX);
            tokio::time::sleep(pause).await;
            self.bitten = Instant::now();
        }
        Ok(self.is_ours)
    }
}
