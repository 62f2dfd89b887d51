//! The lease of one life: one heartbeat for all its jobs, sent from a thread of its own that no load can starve.
//!
//! A heartbeat never revives a lease that lapsed. If heartbeats fail for as long as the lease lasts, by this process's
//! monotonic clock, the worker stops its own jobs before others may take them; whoever is about to act asks
//! [`Lease::holds`], also where the runtime is too busy to stop anything in time. After a crash nothing is left: the
//! database's clock lets the lease lapse, or the next life ends it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agent_core::job::Incarnation;
#[cfg(doc)]
use agent_core::ports::store::Jobs;
use agent_core::ports::store::{Store, StoreError};
use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::error_text::source_chain;
use crate::pulse::Pulse;

/// Opens what only the heartbeat uses. It is called on the heartbeat's thread, so connections that it makes are driven by
/// that thread and wait for no other.
#[async_trait]
pub trait OpenLifeline: Send + Sync {
    /// Opens the way to the store.
    async fn open(&self) -> Result<Box<dyn Lifeline>, StoreError>;
    /// Begins to run a heartbeat, on a thread and a runtime of its own. Only a simulation does otherwise: there all runs on
    /// one thread, and time is not that of the machine.
    fn run(&self, heartbeat: Beating) -> std::io::Result<()> {
        on_a_thread(heartbeat)
    }
}

/// A heartbeat, from its life's beginning to its end.
pub type Beating = Pin<Box<dyn Future<Output = ()> + Send>>;

fn on_a_thread(heartbeat: Beating) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("heartbeat".to_owned())
        .spawn(move || {
            runtime.block_on(heartbeat);
            // A question that hangs must not hold up the end of the thread.
            runtime.shutdown_background();
        })
        .map(drop)
}

/// Renews leases.
#[async_trait]
pub trait Lifeline: Send + Sync {
    /// Keeps the lease of a life, as [`Jobs::heartbeat`] does.
    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError>;
}

/// A store whose verbs can be called from any runtime: the heartbeat uses it as it is.
#[derive(Clone)]
pub struct SharedStore(pub Arc<dyn Store>);

#[async_trait]
impl OpenLifeline for SharedStore {
    async fn open(&self) -> Result<Box<dyn Lifeline>, StoreError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Lifeline for SharedStore {
    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError> {
        self.0.heartbeat(who, lease_ms).await
    }
}

/// How many leases a worker may last that no longer looks for jobs. A worker that is deaf but keeps its lease would keep
/// its jobs from everybody.
const DEAF_LEASES: u32 = 4;

/// Why a lease was lost.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The store gave no answer in time.
    #[error("the lease could not be renewed for as long as it lasts")]
    Silence,
    /// The store said so: it lapsed, or a newer life of the worker has begun.
    #[error("{0}")]
    Refused(String),
    /// Something kept the claim loop from going round.
    #[error("the claim loop made no progress, so the lease is left to lapse")]
    Deaf,
    /// The heartbeat's thread panicked.
    #[error("the heartbeat's thread died")]
    Broken,
}

impl Lost {
    /// Whether the jobs had no part in it. A job that makes a worker deaf would do it again to the next.
    pub fn is_no_crash(&self) -> bool {
        matches!(self, Self::Silence | Self::Refused(_))
    }
}

/// Until when this life may act, by this process's monotonic clock.
pub struct Lease {
    began: Instant,
    length: Duration,
    usable_until_ms: AtomicU64,
}

impl Lease {
    /// A lease that was got by a question asked at `began`: the answer may have taken long.
    pub fn new(length: Duration, began: Instant) -> Self {
        let lease = Self {
            began,
            length,
            usable_until_ms: AtomicU64::new(0),
        };
        lease.renewed(began);
        lease
    }

    /// Whether others leave this life's jobs alone for now. The margin covers the time that stopping takes.
    pub fn holds(&self) -> bool {
        !self.left().is_zero()
    }

    fn left(&self) -> Duration {
        let until = Duration::from_millis(self.usable_until_ms.load(Ordering::Acquire));
        until.saturating_sub(self.began.elapsed())
    }

    fn renewed(&self, asked: Instant) {
        let until = asked.duration_since(self.began) + self.length * 4 / 5;
        let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.usable_until_ms.store(until_ms, Ordering::Release);
    }
}

/// The heartbeat of one life. Dropping it ends it; the lease is then left to lapse.
pub struct Heartbeat {
    /// What this life may rely on.
    pub lease: Arc<Lease>,
    ended: oneshot::Receiver<Lost>,
    stop: CancellationToken,
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Heartbeat {
    /// Begins to keep the lease that `who` got, for as long as the claim loop has a pulse.
    pub fn start(
        lifeline: &Arc<dyn OpenLifeline>,
        pulse: Arc<Pulse>,
        who: Incarnation,
        lease: Lease,
    ) -> std::io::Result<Self> {
        let lease = Arc::new(lease);
        let kept = Arc::clone(&lease);
        let (tell, ended) = oneshot::channel();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let beaten = Arc::clone(lifeline);
        lifeline.run(Box::pin(async move {
            tokio::select! {
                biased;
                () = stopped.cancelled() => {}
                // Nobody listens any more when the life has ended otherwise.
                why = keep(beaten.as_ref(), &who, &kept, &pulse) => drop(tell.send(why)),
            }
        }))?;
        Ok(Self { lease, ended, stop })
    }

    /// Waits until the lease is lost. Says why.
    pub async fn lost(&mut self) -> Lost {
        let why = (&mut self.ended).await;
        why.unwrap_or(Lost::Broken)
    }
}

/// Keeps the lease until it is lost or must not be kept. Returns why it ended.
async fn keep(
    lifeline: &dyn OpenLifeline,
    who: &Incarnation,
    lease: &Lease,
    pulse: &Pulse,
) -> Lost {
    let lease_ms = u64::try_from(lease.length.as_millis()).unwrap_or(u64::MAX);
    let mut store = None;
    let mut pause = lease.length / 3;
    loop {
        let left = lease.left();
        if left.is_zero() {
            return Lost::Silence;
        }
        if pulse.silence() > lease.length * DEAF_LEASES {
            return Lost::Deaf;
        }
        tokio::time::sleep(pause.min(left)).await;
        let asked = Instant::now();
        // One question may hang while the next would be answered, so each has a part of the time only.
        let beat =
            tokio::time::timeout(lease.length / 6, beat(lifeline, &mut store, who, lease_ms));
        pause = match beat.await {
            Ok(Ok(())) => {
                lease.renewed(asked);
                lease.length / 3
            }
            Ok(Err(error @ StoreError::LeaseLost { .. })) => {
                return Lost::Refused(error.to_string());
            }
            Ok(Err(error)) => {
                warn!(
                    error = source_chain(&error),
                    "the lease could not be renewed yet"
                );
                lease.length / 15
            }
            Err(_) => {
                warn!("the store did not answer in time when the lease was to be renewed");
                lease.length / 15
            }
        };
    }
}

async fn beat(
    lifeline: &dyn OpenLifeline,
    store: &mut Option<Box<dyn Lifeline>>,
    who: &Incarnation,
    lease_ms: u64,
) -> Result<(), StoreError> {
    let store = match store {
        Some(store) => store,
        None => store.insert(lifeline.open().await?),
    };
    store.heartbeat(who, lease_ms).await
}
