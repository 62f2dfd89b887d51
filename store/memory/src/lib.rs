//! A store in memory, for simulations and tests: the same verbs, refusals and order as the databases.
//!
//! One mutex round one plain struct; every verb takes it once, so a verb commits wholly or changes nothing. Nothing
//! survives the process: a clone is another handle on the same data, and dropping the last one loses it. Time
//! comes from an injected clock, never from the machine by itself.

mod clock;
mod commits;
mod credentials;
mod housekeeping;
mod installation;
mod jobs;
mod keys;
mod rows;
mod tasks;
mod upkeep;
mod wake;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_core::blob::BlobHash;
use agent_core::credential::SealedCredential;
use agent_core::id::{TaskId, TenantId};
use agent_core::ports::store::{Health, StoreError};
use agent_core::queue::QueuedJob;
use async_trait::async_trait;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::rows::State;

pub use crate::rows::CallRow;

/// A store in memory. Clones are handles on the same data.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    clock: Clock,
    jobs_changed: Notify,
    logs_changed: Notify,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store whose time stands still until [`MemoryStore::shift_clock`] moves it.
    pub fn new() -> Self {
        Self::with(Clock::manual())
    }

    /// An empty store on somebody's clock: a function that gives milliseconds since the epoch. It may step back;
    /// the store's time does not.
    pub fn with_clock(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self::with(Clock::following(now_ms))
    }

    fn with(clock: Clock) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State::default()),
                clock,
                jobs_changed: Notify::new(),
                logs_changed: Notify::new(),
            }),
        }
    }

    /// Moves the store's time ahead.
    pub fn shift_clock(&self, ms: i64) {
        self.shared.clock.shift(ms);
        self.hint_jobs();
    }

    /// Every tool call that was intended and whose outcome is not known, by id.
    pub fn calls(&self) -> Vec<CallRow> {
        self.lock().calls.values().cloned().collect()
    }

    /// Owner and name of every blob that a commit has named.
    pub fn named_blobs(&self) -> BTreeSet<(TenantId, BlobHash)> {
        let state = self.lock();
        let named = state.blobs.iter();
        named
            .map(|(_, tenant, hash)| (tenant.clone(), hash.clone()))
            .collect()
    }

    /// Every stored credential, by owner and name.
    pub fn credentials(&self) -> Vec<SealedCredential> {
        let state = self.lock();
        state
            .credentials
            .values()
            .map(|row| row.held.clone())
            .collect()
    }

    /// Every job of a task, by id.
    pub fn jobs(&self, task: &TaskId) -> Vec<QueuedJob> {
        self.lock().queued(|job| job.claim.task == *task)
    }

    /// A panic under the lock leaves the struct as it was before the verb: checks come first, then plain moves.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> i64 {
        self.shared.clock.now_ms()
    }
}

#[async_trait]
impl Health for MemoryStore {
    async fn now_ms(&self) -> Result<i64, StoreError> {
        Ok(self.now())
    }
}
