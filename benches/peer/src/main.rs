//! The peer of the queue's row: how fast `graphile_worker` drains no-op jobs from the same PostgreSQL.
//!
//! usage: errand-bench-peer DATABASE_URL JOBS
//!
//! Its settings are those of its own throughput benchmark: a local queue, completions in batches. The clock runs from the
//! start of the worker until no job is left in the database, and the rate is printed as one number. Only measures.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler, WorkerContext,
    WorkerOptions,
};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};

const CONCURRENCY: usize = 500;
const LOCAL_QUEUE: usize = 5_000;
const BATCH_DELAY: Duration = Duration::from_millis(5);
/// Jobs of one insert.
const CHUNK: usize = 10_000;

#[derive(Debug, Serialize, Deserialize)]
struct Noop {
    number: usize,
}

impl TaskHandler for Noop {
    const IDENTIFIER: &'static str = "noop";

    async fn run(self, _context: WorkerContext) -> impl IntoTaskHandlerResult {
        Ok::<(), String>(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("no database URL was given")?;
    let jobs: usize = arguments
        .next()
        .context("no number of jobs was given")?
        .parse()?;
    let worker = WorkerOptions::default()
        .database_url(&url)
        .max_pg_conn(20)
        .concurrency(CONCURRENCY)
        .poll_interval(BATCH_DELAY)
        .complete_job_batch_delay(BATCH_DELAY)
        .local_queue(LocalQueueConfig::default().with_size(LOCAL_QUEUE))
        .define_job::<Noop>()
        .init()
        .await?;
    let utils = worker.create_utils();
    let numbers: Vec<usize> = (0..jobs).collect();
    for chunk in numbers.chunks(CHUNK) {
        utils.add_raw_jobs(&specs(chunk)?).await?;
    }
    let mut look = PgConnection::connect(&url).await?;
    let began = Instant::now();
    let running = async { anyhow::Ok(worker.run().await?) };
    let watching = async {
        while is_left(&mut look).await? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = began.elapsed();
        worker.request_shutdown();
        anyhow::Ok(took)
    };
    let (ran, took) = tokio::join!(running, watching);
    ran?;
    println!(
        "{:.0}",
        f64::from(u32::try_from(jobs)?) / took?.as_secs_f64()
    );
    Ok(())
}

fn specs(numbers: &[usize]) -> Result<Vec<RawJobSpec>> {
    let spec = |number: &usize| {
        Ok(RawJobSpec {
            identifier: Noop::IDENTIFIER.to_owned(),
            payload: serde_json::to_value(Noop { number: *number })?,
            spec: JobSpec::default(),
        })
    };
    numbers.iter().map(spec).collect()
}

async fn is_left(look: &mut PgConnection) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM graphile_worker._private_jobs)";
    Ok(sqlx::query_scalar(SQL).fetch_one(look).await?)
}
