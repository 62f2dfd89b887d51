//! The verbs of both databases: what is equal in both crates, written once and compiled in each.
//!
//! This folder belongs to no crate of its own. `store/sqlite` and `store/postgres` include it as a module, so every
//! query is checked against both schemas. What differs is in each crate's `dialect`. Nothing here decides a state;
//! a verb saves what it is given if the guard still holds, wholly or not at all.

pub(crate) mod append;
mod credentials;
mod failure;
mod group;
pub(crate) mod hints;
mod housekeeping;
mod installation;
pub(crate) mod jobs;
pub(crate) mod kept;
mod keys;
pub(crate) mod log;
mod queue;
mod submit;
mod tasks;
mod transition;
mod upkeep;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_core::ports::store::{Health, StoreError};
use agent_core::turns::Turns;
use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use failure::Failure;
pub(crate) use group::Work;

use crate::{Database, Pool, Store, Transaction, dialect};
use group::{Leader, Ticket};
use hints::Hints;
use kept::{Demand, Kept};

/// What a store is made of, apart from what its database needs on top.
pub(crate) struct Core {
    write: Pool,
    /// Who else wants the connection that the leader keeps.
    demand: Arc<Demand>,
    read: Pool,
    deadline: Duration,
    commits: mpsc::Sender<Ticket>,
    /// The last turns that this process gave in the queue.
    turns: Arc<Mutex<Turns>>,
    pub(crate) hints: Arc<Hints>,
    /// Everything that runs beside its caller: the leader, claims, listeners.
    pub(crate) running: TaskTracker,
    pub(crate) ended: CancellationToken,
}

/// What a store is made from.
pub(crate) struct Parts {
    /// Connections that write. SQLite has one.
    pub write: Pool,
    /// Connections that only read.
    pub read: Pool,
    /// How long a verb may take in all.
    pub deadline: Duration,
    /// Most commits in one transaction.
    pub batch_max: usize,
    /// Where hints go and come from.
    pub hints: Hints,
}

impl Core {
    pub(crate) fn start(parts: Parts) -> Arc<Self> {
        let hints = Arc::new(parts.hints);
        let ended = CancellationToken::new();
        let running = TaskTracker::new();
        // Room for some batches; beyond that callers wait in line for the database, as they should.
        let (commits, tickets) = mpsc::channel(parts.batch_max.max(1) * 4);
        let (turns, demand) = (Arc::default(), Arc::default());
        let leader = Leader {
            turns: Arc::clone(&turns),
            kept: Kept::new(parts.write.clone(), Arc::clone(&demand)),
            deadline: parts.deadline,
            batch_max: parts.batch_max.max(1),
            hints: hints.clone(),
        };
        running.spawn(leader.lead(tickets, ended.clone()));
        Arc::new(Self {
            write: parts.write,
            demand,
            read: parts.read,
            deadline: parts.deadline,
            commits,
            turns,
            hints,
            running,
            ended,
        })
    }

    /// Takes no more work, lets what was begun end, and closes the connections.
    pub(crate) async fn close(&self) {
        self.ended.cancel();
        self.running.close();
        self.running.wait().await;
        self.read.close().await;
        self.write.close().await;
    }

    /// Gives up after the deadline. What was begun is rolled back by then, or will be before its connection is used
    /// again.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.deadline, work).await {
            Ok(answer) => answer.map_err(Failure::into_store_error),
            Err(_) => Err(Failure::Broken(failure::timed_out()).into_store_error()),
        }
    }

    pub(crate) async fn reader(&self) -> Result<PoolConnection<Database>, Failure> {
        Ok(self.read.acquire().await?)
    }

    /// A transaction in which all reads see the same state.
    pub(crate) async fn snapshot(&self) -> Result<Transaction, Failure> {
        Ok(begin(&self.running, &self.read, dialect::BEGIN_READ).await?)
    }

    pub(crate) async fn writer(&self) -> Result<Transaction, Failure> {
        let _asking = dialect::ONE_WRITER.then(|| self.demand.ask());
        Ok(begin(&self.running, &self.write, dialect::BEGIN_WRITE).await?)
    }

    pub(crate) async fn shift_clock(&self, ms: i64) -> Result<(), StoreError> {
        self.within(async {
            let mut tx = self.writer().await?;
            sqlx::query_file!("../queries/clock/shift.sql", ms)
                .execute(&mut *tx)
                .await?;
            Ok(tx.commit().await?)
        })
        .await?;
        self.hints.jobs();
        Ok(())
    }
}

/// Begins a transaction on a task of its own, which a caller that goes away does not end. A connection whose `BEGIN` was on
/// its way when its caller was dropped would go back to the pool with a transaction open of which it does not know, and
/// the next who used it would commit nothing, or read what was long ago.
pub(crate) async fn begin(
    running: &TaskTracker,
    pool: &Pool,
    statement: &'static str,
) -> Result<Transaction, sqlx::Error> {
    let pool = pool.clone();
    let begun = running.spawn(async move { pool.begin_with(statement).await });
    // It does not panic; so the runtime is going away, and takes the pool with it.
    begun.await.unwrap_or(Err(sqlx::Error::PoolClosed))
}

impl Drop for Core {
    /// A store that is dropped without being closed still ends what it started.
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

#[async_trait]
impl Health for Store {
    async fn now_ms(&self) -> Result<i64, StoreError> {
        let core = &self.core;
        if core.commits.is_closed() {
            return Err(group::closed());
        }
        core.within(async {
            let mut reader = core.reader().await?;
            Ok(now_ms(&mut reader).await?)
        })
        .await
    }

    async fn check_writes(&self) -> Result<(), StoreError> {
        let core = &self.core;
        core.within(async {
            let mut tx = core.writer().await?;
            sqlx::query_file!("../queries/clock/touch.sql")
                .execute(&mut *tx)
                .await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}

/// The database's time.
pub(crate) async fn now_ms(connection: &mut crate::Connection) -> Result<i64, sqlx::Error> {
    sqlx::query_file_scalar!("../queries/clock/now.sql")
        .fetch_one(connection)
        .await
}

/// A duration as queries take it. A century is as good as for ever, and adding it to a time does not overflow.
pub(crate) fn span_ms(ms: u64) -> i64 {
    const CENTURY_MS: u64 = 100 * 366 * 24 * 3_600_000;
    store_records::saturated(ms.min(CENTURY_MS))
}

/// Rows as one JSON array: one statement for any number of them, whose text does not change.
pub(crate) fn array_of<'a, R: 'a, T: serde::Serialize>(
    rows: impl IntoIterator<Item = &'a R>,
    pick: impl Fn(&'a R) -> T,
) -> Result<String, sqlx::Error> {
    let rows: Vec<T> = rows.into_iter().map(pick).collect();
    serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))
}
