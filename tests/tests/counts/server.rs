//! What a turn and a job cost a PostgreSQL server in commits, syncs of its log, rows and bytes of its log.
//!
//! The log is one for the whole server, so this server is the test's own. Counts are read when nobody else is connected:
//! those who are report late.

use std::sync::Arc;
use std::time::Duration;

use chaos::postgres::Postgres;
use errand_tests::harness::Handle;
use sqlx::{ConnectOptions, Connection, PgConnection};
use store_postgres::PostgresStore;

use super::jobs::{BATCH, COMMITS_PER_BATCH_MAX, drain, fill};
use super::{BESIDE, COMMITS_PER_TURN, MORE, NEVER, ROWS_PER_TURN, run};

/// Bytes of the log that a turn may cost whose bodies have 300 bytes.
const LOG_BYTES_PER_TURN_MAX: u64 = 4_600;
/// Jobs that are drained.
const JOBS: u64 = 1_000;
/// Rows that a drained job costs after its submit: the claim, the task's counters, the end.
const ROWS_PER_JOB: u64 = 3;
/// Bytes of the log that a drained job may cost. It is about 210; two fillings that are compared for it differ by up to 65 a job.
const LOG_BYTES_PER_JOB_MAX: u64 = 400;

/// What a server has counted so far.
#[derive(Debug, Clone, Copy)]
struct Counted {
    /// Transactions that wrote something.
    commits: u64,
    /// Times that the log was forced to disk.
    syncs: u64,
    rows: u64,
    log_bytes: u64,
}

impl Counted {
    fn since(self, before: Self) -> Self {
        Self {
            commits: self.commits - before.commits,
            syncs: self.syncs - before.syncs,
            rows: self.rows - before.rows,
            log_bytes: self.log_bytes - before.log_bytes,
        }
    }
}

/// A server with an empty database of Errand's.
struct Server(Postgres);

impl Server {
    async fn start(name: &'static str) -> Self {
        let postgres = tokio::task::spawn_blocking(move || Postgres::start(name));
        let server = Self(postgres.await.unwrap());
        let mut connection = server.connect().await;
        let applied = migrations::apply(&migrations::POSTGRES, &mut connection).await;
        applied.unwrap();
        // What the server does of its own accord, and when, is left to chance too.
        for quiet in [
            "ALTER SYSTEM SET autovacuum = off",
            "ALTER SYSTEM SET checkpoint_timeout = '1h'",
            "SELECT pg_reload_conf()",
        ] {
            sqlx::Executor::execute(&mut connection, quiet)
                .await
                .unwrap();
        }
        connection.close().await.unwrap();
        // The pages that everybody changes are logged whole once after each checkpoint, so that is behind us.
        server.work(3).await;
        server
    }

    async fn connect(&self) -> PgConnection {
        let options: sqlx::postgres::PgConnectOptions = self.0.url().parse().unwrap();
        options.connect().await.unwrap()
    }

    async fn store(&self) -> (Arc<dyn Handle>, Arc<PostgresStore>) {
        let options = store_postgres::Options {
            // Notifications are transactions of their own, which nobody waits for; how many there are is left to chance.
            notify: false,
            ..store_postgres::Options::at(self.0.url())
        };
        let store = PostgresStore::connect(options).await.unwrap();
        (store.clone(), store)
    }

    /// Runs a task of so many turns.
    async fn work(&self, turns: u64) {
        let (handle, store) = self.store().await;
        run(handle, turns).await;
        store.close().await;
    }

    /// What that costs.
    async fn cost_of(&self, turns: u64) -> Counted {
        let before = self.counted().await;
        self.work(turns).await;
        self.counted().await.since(before)
    }

    async fn counted(&self) -> Counted {
        const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        const VERSION: &str = "SELECT current_setting('server_version_num')::int";
        const COUNTS: &str = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, \
             coalesce((SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables), 0)::bigint, \
             pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
        // The syncs of the log moved to another table with version 18.
        const SYNCS: &str = "SELECT wal_sync FROM pg_stat_wal";
        const SYNCS_NEWER: &str =
            "SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io WHERE object = 'wal'";
        let mut connection = self.connect().await;
        let alone = async {
            loop {
                let others = sqlx::query_scalar::<_, i64>(OTHERS);
                if others.fetch_one(&mut connection).await.unwrap() == 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(NEVER, alone).await.unwrap();
        let version: i32 = sqlx::query_scalar(VERSION)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let syncs = if version < 180_000 {
            SYNCS
        } else {
            SYNCS_NEWER
        };
        let syncs: i64 = sqlx::query_scalar(syncs)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let (next, rows, bytes): (i64, i64, i64) = sqlx::query_as(COUNTS)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let [commits, syncs, rows, log_bytes] =
            [next, syncs, rows, bytes].map(|count| u64::try_from(count).unwrap());
        Counted {
            commits,
            syncs,
            rows,
            log_bytes,
        }
    }

    /// Submits tasks with one ready job each, and, where that is wanted, drains as many jobs.
    async fn queue(&self, seed: u64, drains: bool) -> Counted {
        let before = self.counted().await;
        let (handle, store) = self.store().await;
        fill(&handle, seed, JOBS).await;
        drain(&handle, if drains { JOBS } else { 0 }).await;
        drop(handle);
        store.close().await;
        self.counted().await.since(before)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_is_two_commits_and_two_syncs_on_postgresql_and_its_log_does_not_grow_with_its_number()
 {
    let server = Server::start("turns").await;
    let short = server.cost_of(5).await;
    let middle = server.cost_of(5 + MORE).await;
    let long = server.cost_of(5 + 2 * MORE).await;
    for (few, many) in [(short, middle), (middle, long)] {
        let cost = many.since(few);
        println!("{MORE} turns: {cost:?}");
        assert!(
            cost.commits.abs_diff(COMMITS_PER_TURN * MORE) <= BESIDE,
            "{cost:?}"
        );
        assert!(
            cost.syncs.abs_diff(COMMITS_PER_TURN * MORE) <= BESIDE,
            "{cost:?}"
        );
        assert!(
            cost.rows.abs_diff(ROWS_PER_TURN * MORE) <= BESIDE,
            "{cost:?}"
        );
        assert!(cost.log_bytes <= LOG_BYTES_PER_TURN_MAX * MORE, "{cost:?}");
    }
    let (early, late) = (middle.since(short).log_bytes, long.since(middle).log_bytes);
    assert!(
        late * 10 <= early * 13,
        "{early} bytes of log for the first {MORE} turns, {late} for the next"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_job_costs_postgresql_three_rows_and_a_small_part_of_a_commit_and_of_a_sync() {
    let server = Server::start("jobs").await;
    // As above: pages that are touched for the first time are logged whole.
    server.queue(0, true).await;
    let filled = server.queue(1, false).await;
    // As many jobs as before are submitted, and as many drained: those of the first filling come first.
    let drained = server.queue(2, true).await;
    println!("filled {filled:?}, drained {drained:?}");
    let cost = drained.since(filled);
    let batches = JOBS / BATCH;
    // The worker's beginning is one more.
    assert!(
        cost.commits <= COMMITS_PER_BATCH_MAX * batches + 1,
        "{cost:?} for {batches} batches"
    );
    // A few syncs are the server's own, which writes out long transactions early.
    assert!(
        cost.syncs <= 2 * COMMITS_PER_BATCH_MAX * batches,
        "{cost:?}"
    );
    assert!(
        cost.rows.abs_diff(ROWS_PER_JOB * JOBS) <= JOBS / 20,
        "{cost:?}"
    );
    assert!(cost.log_bytes <= LOG_BYTES_PER_JOB_MAX * JOBS, "{cost:?}");
}
