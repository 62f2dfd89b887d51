//! What a turn costs a database, in counts that are the same on every machine: commits, events, rows, bytes.
//!
//! Each count is the difference between a task of few turns and one of many, so what a task costs once is not in it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent_core::blob::BlobHash;
use agent_core::budget::Budget;
use agent_core::event::{NewEvent, TaskSubmitted};
use agent_core::id::{TaskId, TenantId};
use agent_core::job::{Incarnation, JobKind, WorkerName};
use agent_core::journal;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::entropy::Seeded;
use agent_core::ports::sealer::{Sealer, UnsealError};
use agent_core::ports::store::{Jobs, NewTask, Room};
use agent_core::secret::{Sealed, Secret};
use agent_core::task::TaskSpec;
use agent_core::workspace::Manifest;
use errand_tests::harness::Handle;
use errand_tests::postgres::{Cluster, Database};
use errand_tests::worker::LEASE_MS;
use errand_tests::{samples, sqlite_log};
use fakes::{FakeModels, FakeTools, MemoryBlobs, MemoryWorkspaces, Said};
use serde_json::json;
use sqlx::Connection;
use store_postgres::PostgresStore;
use store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use worker::{Options, Parts, SharedStore, Worker};

#[path = "worker/fakes.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the worker, which use all of it"
)]
mod fakes;

#[path = "counts/jobs.rs"]
mod jobs;

#[path = "counts/notifications.rs"]
mod notifications;

#[path = "counts/server.rs"]
mod server;

const NEVER: Duration = Duration::from_mins(1);
/// Turns that the longer task has more.
const MORE: u64 = 15;
/// A turn commits the model's answer with the call's intent, and then the call's result.
const COMMITS_PER_TURN: u64 = 2;
/// `model.replied`, `tool.intended`, `note.added`, `tool.returned`.
const EVENTS_PER_TURN: u64 = 4;
/// The events, the tool call twice, the task's counters with each commit.
const ROWS_PER_TURN: u64 = EVENTS_PER_TURN + 2 + COMMITS_PER_TURN;
/// The worker's own row and what begins while a task runs: heartbeats, claims of nothing.
const BESIDE: u64 = 8;
/// Looks into an empty queue.
const CLAIMS_OF_NOTHING: u32 = 50;

struct NoSecrets;

impl Sealer for NoSecrets {
    fn seal(&self, secret: &Secret, _bound_to: &str) -> Sealed {
        Sealed(secret.expose().as_bytes().to_vec())
    }
    fn unseal(&self, _sealed: &Sealed, _bound_to: &str) -> Result<Secret, UnsealError> {
        Err(UnsealError)
    }
}

fn models(turns: u64) -> Arc<FakeModels> {
    FakeModels::new(move |job, turn| match job {
        "plan" => Said::Json(json!({"overview": "one step", "steps": [
            {"key": "work", "title": "Work", "instructions": "do it", "depends_on": [], "acceptance": []},
        ]})),
        "report" => Said::Json(json!({"answer": "done", "not_done": []})),
        _ if (turn as u64) < turns => {
            Said::Calls(vec![("tell", json!({"text": format!("{turn:0300}")}))])
        }
        _ => Said::Calls(vec![("finish", json!({"result": "done"}))]),
    })
}

/// Runs a task of so many turns to its end, on a worker of its own.
async fn run(store: Arc<dyn Handle>, turns: u64) -> TaskId {
    let blobs = Arc::new(MemoryBlobs::default());
    let workspaces = Arc::new(MemoryWorkspaces {
        blobs: blobs.clone(),
        places: std::sync::Mutex::default(),
    });
    let entropy = Arc::new(Seeded::new(turns));
    let tenant = store.ensure_tenant(&TenantId::new(&*entropy), "t").await;
    let tenant = tenant.unwrap();
    let manifest = blobs.put(&tenant, Manifest::default().to_json().into_bytes());
    let task = new_task(&blobs, &entropy, &tenant, manifest.await.unwrap().hash).await;
    let id = task.id.clone();
    store.submit(task).await.unwrap();
    let parts = Parts {
        lifeline: Arc::new(SharedStore(store.clone())),
        store: store.clone(),
        housekeeping: store.clone(),
        credentials: store.clone(),
        shelves: Arc::new(fakes::NoShelves),
        blobs,
        models: models(turns),
        tools: FakeTools::new(workspaces.clone()),
        workspaces,
        sealer: Arc::new(NoSecrets),
        entropy,
        wake: store.clone(),
        guard: egress::Guard::new(egress::Options::default()).unwrap(),
    };
    let stop = CancellationToken::new();
    let worker = Worker::new(
        parts,
        Options::default(),
        WorkerName("w".to_owned()),
        Arc::default(),
    );
    let working = worker.run(stop.clone().cancelled_owned(), std::future::pending());
    let waiting = async {
        loop {
            let found = store.find_task(&tenant, &id).await.unwrap().unwrap();
            if found.state.is_final() {
                stop.cancel();
                return (found.state.label(), found.error);
            }
            store.task(&id, Duration::from_millis(100)).await;
        }
    };
    let both = async { tokio::join!(working, waiting) };
    let (_, state) = tokio::time::timeout(NEVER, both).await.unwrap();
    assert_eq!(state, ("succeeded", None));
    id
}

async fn new_task(
    blobs: &MemoryBlobs,
    entropy: &Seeded,
    tenant: &TenantId,
    snapshot: BlobHash,
) -> NewTask {
    let spec = TaskSpec {
        goal: "Do the work.".to_owned(),
        files: Vec::new(),
        tools: None,
        secrets: Vec::new(),
        result_schema: None,
        network: None,
        policy: agent_core::policy::TaskPolicy::default(),
        snapshot,
    };
    let event = NewEvent::of_task(TaskSubmitted {
        title: spec.goal.clone(),
        file_names: Vec::new(),
        budget: Budget::default(),
        spec: spec.clone(),
    });
    NewTask {
        event: journal::prepare(blobs, tenant, &event).await.unwrap(),
        spec: samples::inline(&serde_json::to_string(&spec).unwrap()),
        budget: Budget::default(),
        job: samples::job(entropy, JobKind::Plan),
        ..samples::new_task(entropy, tenant)
    }
}

/// A file in a folder of its own.
struct File(TempDir);

impl File {
    fn path(&self) -> PathBuf {
        self.0.path().join("errand.db")
    }
}

/// What the log of a new file holds after a task of so many turns.
async fn logged(turns: u64) -> sqlite_log::Contents {
    let file = File(TempDir::new().unwrap());
    let store = SqliteStore::open(store_sqlite::Options::at(file.path()))
        .await
        .unwrap();
    run(store.clone(), turns).await;
    let found = sqlite_log::contents(&file.path()).unwrap();
    store.close().await;
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_is_two_commits_on_sqlite_and_late_turns_write_no_more_than_early_ones() {
    let short = logged(5).await;
    let middle = logged(5 + MORE).await;
    let long = logged(5 + 2 * MORE).await;
    assert!(
        short.log == middle.log && middle.log == long.log,
        "these tasks are short enough for one log"
    );
    for (few, many) in [(short, middle), (middle, long)] {
        let commits = many.commits - few.commits;
        let expected = COMMITS_PER_TURN * MORE;
        assert!(
            commits.abs_diff(expected) <= BESIDE,
            "{commits} commits in {MORE} turns"
        );
    }
    let (early, late) = (middle.bytes - short.bytes, long.bytes - middle.bytes);
    assert!(
        late * 10 <= early * 13,
        "{early} bytes in the first {MORE} turns, {late} in the next"
    );
}

/// Rows that PostgreSQL has counted as written, once nobody else is connected.
async fn rows(database: &Database) -> u64 {
    const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    const ROWS: &str = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_user_tables";
    let mut connection = database.connect().await;
    let quiet = async {
        loop {
            let others: i64 = sqlx::query_scalar(OTHERS)
                .fetch_one(&mut connection)
                .await
                .unwrap();
            if others == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(NEVER, quiet).await.unwrap();
    let rows: i64 = sqlx::query_scalar(ROWS)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    u64::try_from(rows).unwrap()
}

/// Rows that a task of so many turns wrote, its events, and the bytes of its log in the database.
async fn written(database: &Database, turns: u64) -> (u64, u64, u64) {
    const LOG: &str = "SELECT count(*), sum(octet_length(coalesce(public_text, '')) + octet_length(coalesce(private_text, '')))::bigint \
         FROM event WHERE task_id = $1";
    let before = rows(database).await;
    let store = PostgresStore::connect(store_postgres::Options::at(database.url()))
        .await
        .unwrap();
    let task = run(store.clone(), turns).await;
    store.close().await;
    let mut connection = database.connect().await;
    let (events, bytes): (i64, i64) = sqlx::query_as(LOG)
        .bind(task.as_str())
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let rows = rows(database).await - before;
    (
        rows,
        u64::try_from(events).unwrap(),
        u64::try_from(bytes).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_is_four_events_and_eight_rows_on_postgresql_and_late_turns_log_no_more_than_early_ones()
 {
    let database = Cluster::shared().await.database().await;
    let short = written(&database, 5).await;
    let middle = written(&database, 5 + MORE).await;
    let long = written(&database, 5 + 2 * MORE).await;
    for (few, many) in [(short, middle), (middle, long)] {
        assert_eq!(many.1 - few.1, EVENTS_PER_TURN * MORE);
        let rows = many.0 - few.0;
        assert!(
            rows.abs_diff(ROWS_PER_TURN * MORE) <= BESIDE,
            "{rows} rows in {MORE} turns"
        );
    }
    let (early, late) = (middle.2 - short.2, long.2 - middle.2);
    assert!(
        late * 10 <= early * 11,
        "{early} bytes logged in the first {MORE} turns, {late} in the next"
    );
    database.remove().await;
}

/// Looks into an empty queue often.
async fn look_in_vain(store: &dyn Handle, who: &Incarnation) {
    for _ in 0..CLAIMS_OF_NOTHING {
        let claimed = store.claim(who, LEASE_MS, &Room::of(4)).await.unwrap();
        assert_eq!(claimed, vec![]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_of_nothing_writes_nothing_on_postgresql_not_even_a_lock() {
    /// Who wrote a row's version, who locked or replaced it, and where it lies.
    const TRACE: &str = "SELECT xmin::text || ' ' || xmax::text || ' ' || ctid::text FROM worker";
    let database = Cluster::shared().await.database().await;
    let store = PostgresStore::connect(store_postgres::Options::at(database.url()))
        .await
        .unwrap();
    // Whatever locks the row from here on leaves its number in it.
    let who = store.begin(&WorkerName("idle".to_owned())).await.unwrap();
    let mut connection = database.connect().await;
    let before: String = sqlx::query_scalar(TRACE)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    look_in_vain(&*store, &who).await;
    let after: String = sqlx::query_scalar(TRACE)
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(before, after);
    connection.close().await.unwrap();
    store.close().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_of_nothing_writes_nothing_on_sqlite() {
    let file = File(TempDir::new().unwrap());
    let store = SqliteStore::open(store_sqlite::Options::at(file.path()))
        .await
        .unwrap();
    let who = store.begin(&WorkerName("idle".to_owned())).await.unwrap();
    let before = sqlite_log::contents(&file.path()).unwrap();
    look_in_vain(&*store, &who).await;
    let after = sqlite_log::contents(&file.path()).unwrap();
    assert_eq!((before.commits, before.bytes), (after.commits, after.bytes));
    store.close().await;
}

/// Rows of `job` that PostgreSQL has counted as updated, and those of them whose new version lies on the page of the old one.
async fn updated_jobs(database: &Database) -> (i64, i64) {
    const SQL: &str =
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'job'";
    rows(database).await;
    let mut connection = database.connect().await;
    let counted = sqlx::query_as(SQL).fetch_one(&mut connection).await;
    connection.close().await.unwrap();
    counted.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claiming_many_jobs_at_once_moves_none_of_them_to_another_page() {
    const JOBS: u32 = 200;
    let database = Cluster::shared().await.database().await;
    let before = updated_jobs(&database).await;
    let store = PostgresStore::connect(store_postgres::Options::at(database.url()))
        .await
        .unwrap();
    let entropy = Seeded::new(1);
    let verbs: Arc<dyn Handle> = store.clone();
    let tenant = verbs.ensure_tenant(&TenantId::new(&entropy), "t").await;
    let tenant = tenant.unwrap();
    for _ in 0..JOBS {
        let task = samples::new_task(&entropy, &tenant);
        verbs.submit(task).await.unwrap();
    }
    let who = store.begin(&WorkerName("w".to_owned())).await.unwrap();
    let claimed = store.claim(&who, LEASE_MS, &Room::of(JOBS)).await.unwrap();
    assert_eq!(claimed.len(), JOBS as usize);
    store.close().await;
    let after = updated_jobs(&database).await;
    assert_eq!(after.0 - before.0, i64::from(JOBS));
    assert_eq!(after.1 - before.1, i64::from(JOBS));
    database.remove().await;
}
