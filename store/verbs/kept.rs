//! The connection that the leader keeps between commits.
//!
//! To give one back to its pool and to take it again costs round trips, and a pool hands out the one that slept longest. Where
//! only one connection writes, others who want it say so, and the leader gives it back after the commit that it is at.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::pool::PoolConnection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::{Connection, Database, Pool, dialect};

/// A connection that was not needed for so long goes back to the pool, which tries it before it hands it out again.
const IDLE_MAX: Duration = Duration::from_secs(1);
/// And so does one that is always needed, now and then: the pool replaces those that grew old.
const KEPT_MAX: Duration = Duration::from_mins(1);

/// How many others wait for the only connection that writes.
#[derive(Default)]
pub(crate) struct Demand {
    waiting: AtomicUsize,
    arose: Notify,
}

/// Somebody waits as long as this lives.
pub(crate) struct Asking<'a>(&'a Demand);

impl Demand {
    pub(crate) fn ask(&self) -> Asking<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.arose.notify_one();
        Asking(self)
    }

    fn is_there(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// At most one connection, which is kept from use to use.
pub(crate) struct Kept {
    pool: Pool,
    demand: Arc<Demand>,
    idle: Option<Idle>,
}

struct Idle {
    connection: PoolConnection<Database>,
    taken: Instant,
    used: Instant,
}

/// The connection in use. Dropped in the middle of something, it is closed: what was on its way may have begun a transaction of
/// which neither it nor the pool knows.
pub(crate) struct InUse {
    /// Nothing only while it is put back.
    connection: Option<PoolConnection<Database>>,
    taken: Instant,
    /// Whether a transaction may be open of which the driver does not know.
    pub is_unsure: bool,
}

impl Kept {
    pub(crate) fn new(pool: Pool, demand: Arc<Demand>) -> Self {
        Self {
            pool,
            demand,
            idle: None,
        }
    }

    /// The connection that is kept, or one from the pool.
    pub(crate) async fn take(&mut self) -> Result<InUse, sqlx::Error> {
        let (connection, taken) = match self.idle.take() {
            Some(idle) => (idle.connection, idle.taken),
            None => (self.pool.acquire().await?, Instant::now()),
        };
        Ok(InUse {
            connection: Some(connection),
            taken,
            is_unsure: false,
        })
    }

    /// Keeps the connection for the next use, unless it failed, grew old, or others wait for it.
    pub(crate) fn put(&mut self, mut used: InUse, failed: bool) {
        if used.is_unsure {
            return;
        }
        let now = Instant::now();
        let may_stay = now - used.taken < KEPT_MAX && !self.demand.is_there() && self.has_more();
        // The pool rolls back what is open before it hands it out again.
        let back = used.connection.take();
        if may_stay && !failed {
            self.idle = back.map(|connection| Idle {
                connection,
                taken: used.taken,
                used: now,
            });
        }
    }

    /// Whether others can go on while one connection is kept.
    fn has_more(&self) -> bool {
        dialect::ONE_WRITER || self.pool.options().get_max_connections() > 1
    }

    /// Gives the connection back once it is not needed, or others need it more. Never ends while there is none.
    pub(crate) async fn give_back(&mut self) {
        let Some(idle) = &self.idle else {
            return std::future::pending().await;
        };
        let unused = sleep_until(idle.used + IDLE_MAX);
        let wanted = async {
            while !self.demand.is_there() {
                self.demand.arose.notified().await;
            }
        };
        tokio::select! {
            () = unused => {}
            () = wanted => {}
        }
        self.idle = None;
    }
}

impl InUse {
    /// Begins a transaction with statements of which the first opens it.
    pub(crate) async fn begin(
        &mut self,
        statements: &'static str,
    ) -> Result<sqlx::Transaction<'_, Database>, sqlx::Error> {
        let Some(connection) = &mut self.connection else {
            unreachable!("it is taken out only as it is put back")
        };
        let begun = connection.begin_with(statements).await;
        self.is_unsure = begun.is_err();
        begun
    }
}

impl Deref for InUse {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        let Some(connection) = &self.connection else {
            unreachable!("it is taken out only as it is put back")
        };
        connection
    }
}

impl DerefMut for InUse {
    fn deref_mut(&mut self) -> &mut Connection {
        let Some(connection) = &mut self.connection else {
            unreachable!("it is taken out only as it is put back")
        };
        connection
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            connection.close_on_drop();
        }
    }
}
