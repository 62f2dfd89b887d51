//! Jobs without a worker: submitted, claimed in batches, and completed all at once. And what they cost an SQLite file.

use std::sync::Arc;

use agent_core::id::TenantId;
use agent_core::job::{Claim, WorkerName};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::Room;
use errand_tests::harness::Handle;
use errand_tests::{samples, sqlite_log};
use store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::File;

/// Jobs of one claim.
pub const BATCH: u64 = 100;
/// Commits that a batch may cost: its claim, the first completion, and all that came while that was on its way.
pub const COMMITS_PER_BATCH_MAX: u64 = 3;
/// Bytes of the log, in whole pages, that a drained job may cost an SQLite file.
const LOG_BYTES_PER_JOB_MAX: u64 = 2_000;

/// Submits so many tasks with one ready job each.
pub async fn fill(handle: &Arc<dyn Handle>, seed: u64, jobs: u64) {
    let entropy = Arc::new(Seeded::new(seed));
    let tenant = handle.ensure_tenant(&TenantId::new(&*entropy), "t").await;
    let tenant = tenant.unwrap();
    let mut submits = JoinSet::new();
    for _ in 0..jobs {
        let (handle, task) = (handle.clone(), samples::new_task(&*entropy, &tenant));
        submits.spawn(async move { handle.submit(task).await.unwrap() });
    }
    submits.join_all().await;
}

/// Claims and completes so many jobs.
pub async fn drain(handle: &Arc<dyn Handle>, jobs: u64) {
    let who = handle.begin(&WorkerName("w".to_owned())).await.unwrap();
    let room = Room::of(u32::try_from(BATCH).unwrap());
    let mut left = jobs;
    while left > 0 {
        let claims = handle.claim(&who, 60_000, &room).await.unwrap();
        assert!(
            !claims.is_empty(),
            "{left} jobs are left and none is claimed"
        );
        left -= claims.len() as u64;
        complete(handle, claims).await;
    }
}

async fn complete(handle: &Arc<dyn Handle>, claims: Vec<Claim>) {
    let mut commits = JoinSet::new();
    for claim in claims {
        let handle = handle.clone();
        commits.spawn(async move { handle.finish(claim.guard()).await.unwrap() });
    }
    commits.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drained_job_costs_sqlite_a_small_part_of_a_commit() {
    /// Few enough for one log.
    const JOBS: u64 = 300;
    let file = File(TempDir::new().unwrap());
    let store = SqliteStore::open(store_sqlite::Options::at(file.path()))
        .await
        .unwrap();
    let handle: Arc<dyn Handle> = store.clone();
    fill(&handle, 1, JOBS).await;
    let filled = sqlite_log::contents(&file.path()).unwrap();
    drain(&handle, JOBS).await;
    let drained = sqlite_log::contents(&file.path()).unwrap();
    store.close().await;
    assert_eq!(filled.log, drained.log, "too many jobs for one log");
    let (commits, bytes) = (
        drained.commits - filled.commits,
        drained.bytes - filled.bytes,
    );
    println!("{JOBS} jobs: {commits} commits, {bytes} bytes");
    // The worker's beginning is one more.
    assert!(
        commits <= COMMITS_PER_BATCH_MAX * JOBS / BATCH + 1,
        "{commits} commits for {JOBS} jobs"
    );
    assert!(
        bytes <= LOG_BYTES_PER_JOB_MAX * JOBS,
        "{bytes} bytes for {JOBS} jobs"
    );
}
