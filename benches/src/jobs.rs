//! The queue through the store's own verbs, without server or model: drain, idle latency, and a database full of old tasks.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_core::id::TenantId;
use agent_core::job::{Claim, Incarnation, WorkerName};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::Room;
use anyhow::{Context, Result};
use errand_tests::harness::Handle;
use errand_tests::samples;
use sqlx::AssertSqlSafe;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::figure::{Report, median, quantile};
use crate::floor;
use crate::ground::{Ground, Kind, Look};
use crate::installation::NEVER;

/// Longer than it takes to put a million tasks into a database.
const LEASE_MS: u64 = 3_600_000;
/// Jobs of one claim.
const BATCH: u32 = 500;
/// How often a full and an empty database are measured by turns.
const TURNS: usize = 3;
/// Claims that are timed in an empty and in a full database.
const CLAIMS: usize = 60;

/// A store with a worker's life and a tenant.
struct Queue {
    store: Arc<dyn Handle>,
    who: Incarnation,
    tenant: TenantId,
    entropy: Arc<Seeded>,
}

impl Queue {
    async fn open(ground: &Ground) -> Result<Self> {
        let store = ground.store().await?;
        let entropy = Arc::new(Seeded::new(7));
        let tenant = store
            .ensure_tenant(&TenantId::new(&*entropy), "bench")
            .await?;
        let who = store.begin(&WorkerName("bench".to_owned())).await?;
        Ok(Self {
            store,
            who,
            tenant,
            entropy,
        })
    }

    /// Tasks whose one job is ready.
    async fn fill(&self, count: u32) -> Result<()> {
        let mut submits = JoinSet::new();
        for _ in 0..count {
            let store = Arc::clone(&self.store);
            let task = samples::new_task(&*self.entropy, &self.tenant);
            submits.spawn(async move { store.submit(task).await });
            if submits.len() >= 256 {
                submits
                    .join_next()
                    .await
                    .context("no submit to wait for")???;
            }
        }
        while let Some(done) = submits.join_next().await {
            done??;
        }
        Ok(())
    }

    async fn claim(&self, at_most: u32) -> Result<Vec<Claim>> {
        Ok(self
            .store
            .claim(&self.who, LEASE_MS, &Room::of(at_most))
            .await?)
    }

    /// Ends these jobs, each in a commit of its own, which the store puts together.
    async fn complete(&self, claims: Vec<Claim>) -> Result<()> {
        let mut commits = JoinSet::new();
        for claim in claims {
            let store = Arc::clone(&self.store);
            commits.spawn(async move { store.finish(claim.guard()).await });
        }
        while let Some(done) = commits.join_next().await {
            done??;
        }
        Ok(())
    }

    /// Jobs in a second.
    async fn drain(&self, count: u32) -> Result<f64> {
        let began = Instant::now();
        let mut left = count;
        let mut completing: Option<Vec<Claim>> = None;
        while left > 0 || completing.is_some() {
            let next = async {
                if left > 0 {
                    self.claim(BATCH).await
                } else {
                    Ok(Vec::new())
                }
            };
            let done = async {
                match completing.take() {
                    Some(claims) => self.complete(claims).await,
                    None => Ok(()),
                }
            };
            let (claims, done) = tokio::join!(next, done);
            done?;
            let claims = claims?;
            left = left.saturating_sub(u32::try_from(claims.len())?);
            completing = Some(claims).filter(|claims| !claims.is_empty());
        }
        Ok(f64::from(count) / began.elapsed().as_secs_f64())
    }

    /// Milliseconds of claims of ten jobs.
    async fn claim_ms(&self) -> Result<f64> {
        let mut took = Vec::with_capacity(CLAIMS);
        for _ in 0..CLAIMS {
            self.fill(10).await?;
            let began = Instant::now();
            let claims = self.claim(10).await?;
            took.push(began.elapsed().as_secs_f64() * 1_000.0);
            self.complete(claims).await?;
        }
        median(&took).context("no claim was timed")
    }

    /// Milliseconds from the submit's call to a waiting worker's having the job, once for each.
    async fn idle_ms(&self, count: usize) -> Result<Vec<f64>> {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let (ready, waits) = oneshot::channel();
            let waiting = async {
                let _ = ready.send(());
                loop {
                    self.store.jobs(Duration::from_secs(1)).await;
                    let claims = self.claim(1).await?;
                    if !claims.is_empty() {
                        return anyhow::Ok((Instant::now(), claims));
                    }
                }
            };
            let submitting = async {
                waits.await?;
                let began = Instant::now();
                self.fill(1).await?;
                anyhow::Ok(began)
            };
            let (claimed, began) = tokio::join!(waiting, submitting);
            let (at, claims) = claimed?;
            took.push(at.duration_since(began?).as_secs_f64() * 1_000.0);
            self.complete(claims).await?;
        }
        Ok(took)
    }
}

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Rounds, interleaved between databases.
    pub rounds: usize,
    /// Jobs of a drain.
    pub drain: u32,
    /// Submits into an idle queue.
    pub idle: usize,
    /// Finished tasks in the full database.
    pub finished: u32,
}

/// Drain and idle latency, in rounds.
pub async fn measure(report: &mut Report, size: Size, peer: Option<&Path>) -> Result<()> {
    let mut drains = [Vec::new(), Vec::new()];
    let mut commits = [Vec::new(), Vec::new()];
    let mut idles = [Vec::new(), Vec::new()];
    let mut peers = Vec::new();
    for _ in 0..size.rounds {
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            let ground = Ground::new(kind).await?;
            let queue = Queue::open(&ground).await?;
            commits[at].push(1_000.0 / floor::commit_ms(&ground, 200).await?);
            queue.fill(size.drain).await?;
            drains[at].push(queue.drain(size.drain).await?);
            idles[at].extend(queue.idle_ms(size.idle).await?);
            drop(queue);
            ground.remove().await;
        }
        if let Some(peer) = peer {
            peers.push(peer_drain(peer, size.drain).await?);
        }
    }
    if peer.is_none() {
        report.note("graphile_worker was not measured beside the drain: no --peer was given");
    }
    if let (Some(own), Some(peers)) = (median(&drains[1]), median(&peers)) {
        report.add(
            Kind::Postgres.label(),
            "job drain, graphile_worker's as the floor",
            (own, "1/s"),
            Some(peers),
        );
    }
    for (at, kind) in Kind::ALL.into_iter().enumerate() {
        let rate = median(&commits[at]);
        let name = kind.label();
        if let Some(drain) = median(&drains[at]) {
            report.add(
                name,
                "job drain, claim and complete, batches of 500",
                (drain, "1/s"),
                rate,
            );
        }
        for (name_of, part) in [("p50", 0.5), ("p99", 0.99)] {
            if let Some(value) = quantile(&idles[at], part) {
                // Submit and claim are a commit each, and a job cannot start before both are durable.
                let floor = rate.map(|rate| 2_000.0 / rate);
                report.add(
                    name,
                    &format!("idle submit to claimed job, {name_of}"),
                    (value, "ms"),
                    floor,
                );
            }
        }
    }
    Ok(())
}

/// Jobs in a second that the peer drains from a database of its own.
async fn peer_drain(peer: &Path, count: u32) -> Result<f64> {
    let ground = Ground::new(Kind::Postgres).await?;
    let ran = tokio::process::Command::new(peer)
        .arg(ground.url())
        .arg(count.to_string())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(NEVER, ran)
        .await
        .context("the peer did not end")??;
    anyhow::ensure!(
        output.status.success(),
        "the peer failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    ground.remove().await;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// What a drained job costs the database.
pub async fn writes(report: &mut Report) -> Result<()> {
    const JOBS: u32 = 2_000;
    let counts = async |drains: bool| {
        let ground = Ground::new(Kind::Postgres).await?;
        let queue = Queue::open(&ground).await?;
        let mut look = ground.look().await?;
        // The log is the server's and goes on from one database to the next, so it is counted from here.
        let before = look.counted().await?.context("PostgreSQL counts")?;
        queue.fill(JOBS).await?;
        if drains {
            queue.drain(JOBS).await?;
        }
        drop(queue);
        look.alone().await?;
        let after = look.counted().await?.context("PostgreSQL counts")?;
        look.close().await?;
        ground.remove().await;
        anyhow::Ok(after.since(before, 1.0))
    };
    let filled = counts(false).await?;
    let drained = counts(true).await?;
    let per_job = drained.since(filled, f64::from(JOBS));
    report.add(
        "postgres",
        "rows written per drained job",
        (per_job.rows, "rows"),
        None,
    );
    report.add(
        "postgres",
        "transactions per drained job, reads included",
        (per_job.transactions, "commits"),
        Some(1.1 / f64::from(BATCH)),
    );
    report.add(
        "postgres",
        "fsyncs of the log per drained job",
        (per_job.wal_syncs, "fsyncs"),
        None,
    );
    report.add(
        "postgres",
        "log per drained job",
        (per_job.wal_bytes, "bytes"),
        None,
    );
    writes_of_sqlite(report).await
}

/// The same by what SQLite's log holds, with few enough jobs for one log.
async fn writes_of_sqlite(report: &mut Report) -> Result<()> {
    const JOBS: u32 = 300;
    let ground = Ground::new(Kind::Sqlite).await?;
    let queue = Queue::open(&ground).await?;
    queue.fill(JOBS).await?;
    let filled = ground.sqlite_log().context("SQLite has a log")?;
    queue.drain(JOBS).await?;
    let drained = ground.sqlite_log().context("SQLite has a log")?;
    drop(queue);
    ground.remove().await;
    if filled.log != drained.log {
        report.note(
            "sqlite: the log was begun anew in the middle, so commits per job were not counted",
        );
        return Ok(());
    }
    let per_job = |drained: u64, filled: u64| -> Result<f64> {
        Ok(f64::from(u32::try_from(drained - filled)?) / f64::from(JOBS))
    };
    report.add(
        "sqlite",
        "commits per drained job, each with one fsync of the log",
        (per_job(drained.commits, filled.commits)?, "commits"),
        Some(1.1 / f64::from(BATCH)),
    );
    report.add(
        "sqlite",
        "log per drained job, whole pages",
        (per_job(drained.bytes, filled.bytes)?, "bytes"),
        None,
    );
    Ok(())
}

/// The same claim in an empty database and beside many finished tasks.
pub async fn beside_finished(report: &mut Report, size: Size) -> Result<()> {
    for kind in Kind::ALL {
        let ground = Ground::new(kind).await?;
        let queue = Queue::open(&ground).await?;
        queue.claim_ms().await?;
        let mut look = ground.look().await?;
        multiply(&mut look, size.finished).await?;
        look.settle().await?;
        // The disk is slow for a while after so many writes, so the empty database is measured now, and by turns.
        let bare = Ground::new(kind).await?;
        let beside_none = Queue::open(&bare).await?;
        let (mut full, mut empty) = (Vec::new(), Vec::new());
        let (mut full_drain, mut empty_drain) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            full.push(queue.claim_ms().await?);
            empty.push(beside_none.claim_ms().await?);
            full_drain.push(drain_of(&queue, size).await?);
            empty_drain.push(drain_of(&beside_none, size).await?);
        }
        let name = kind.label();
        report.add(
            name,
            &format!("claim of 10 jobs beside {} finished tasks", size.finished),
            (median(&full).context("no claim was timed")?, "ms"),
            median(&empty),
        );
        report.add(
            name,
            &format!("job drain beside {} finished tasks", size.finished),
            (median(&full_drain).context("nothing was drained")?, "1/s"),
            median(&empty_drain),
        );
        drop(beside_none);
        bare.remove().await;
        drop(queue);
        look.close().await?;
        ground.remove().await;
    }
    Ok(())
}

async fn drain_of(queue: &Queue, size: Size) -> Result<f64> {
    queue.fill(size.drain).await?;
    queue.drain(size.drain).await
}

/// Copies a task so often, with its first event, as finished ones.
#[expect(
    clippy::disallowed_methods,
    reason = "the statements are made of the schema's own column names"
)]
async fn multiply(look: &mut Look, count: u32) -> Result<()> {
    const ID: &str = "'task_seeded' || n";
    let (series, columns_of) = match look {
        Look::Sqlite(_) => (
            format!(
                "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {count})"
            ),
            "SELECT name FROM pragma_table_info($1)",
        ),
        Look::Postgres(_) => (
            format!("WITH series AS (SELECT n FROM generate_series(1, {count}) AS n)"),
            "SELECT column_name::text FROM information_schema.columns WHERE table_name = $1",
        ),
    };
    for (table, id) in [("task", "id"), ("event", "task_id")] {
        let columns: Vec<String> = match look {
            Look::Sqlite(connection) => {
                sqlx::query_scalar(columns_of)
                    .bind(table)
                    .fetch_all(&mut *connection)
                    .await?
            }
            Look::Postgres(connection) => {
                sqlx::query_scalar(columns_of)
                    .bind(table)
                    .fetch_all(&mut *connection)
                    .await?
            }
        };
        let values: Vec<&str> = columns
            .iter()
            .map(|column| match column.as_str() {
                name if name == id => ID,
                "state" => "'succeeded'",
                "finished_at_ms" => "created_at_ms",
                name => name,
            })
            .collect();
        let sql = format!(
            "{series} INSERT INTO {table} ({}) SELECT {} FROM (SELECT * FROM {table} ORDER BY {id} LIMIT 1) AS one CROSS JOIN series",
            columns.join(", "),
            values.join(", ")
        );
        match look {
            Look::Sqlite(connection) => sqlx::query(AssertSqlSafe(sql))
                .execute(connection)
                .await
                .map(|_| ())?,
            Look::Postgres(connection) => sqlx::query(AssertSqlSafe(sql))
                .execute(connection)
                .await
                .map(|_| ())?,
        }
    }
    Ok(())
}
