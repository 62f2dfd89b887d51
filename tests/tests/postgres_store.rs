//! What an operator meets when PostgreSQL is not what it should be, and what only several processes on one database
//! can show.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use agent_core::id::TenantId;
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::{Commits, Health, Keys, StoreError, Tasks};
use agent_core::ports::wake::Wake;
use errand_tests::pooler::Pooler;
use errand_tests::postgres::{Cluster, Database};
use errand_tests::samples;
use sqlx::{Connection, Executor};
use store_postgres::{OpenError, Options, PoolMode, PostgresStore};
use tokio::time::timeout;

/// Far longer than anything here takes.
const SOON: Duration = Duration::from_secs(20);

async fn connected(database: &Database) -> Arc<PostgresStore> {
    let options = Options::at(database.url());
    PostgresStore::connect(options).await.unwrap()
}

async fn refusal(url: &str) -> OpenError {
    match PostgresStore::connect(Options::at(url)).await {
        Ok(_) => panic!("the database was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn an_empty_database_lacks_everything_and_is_migrated_once_by_many_at_a_time() {
    let database = Cluster::shared().await.empty_database().await;
    let (first, second) = (connected(&database).await, connected(&database).await);
    let all = migrations::names(&migrations::POSTGRES);
    assert_eq!(first.pending_migrations().await.unwrap(), all);
    let (one, two) = tokio::join!(first.migrate(), second.migrate());
    one.unwrap();
    two.unwrap();
    assert!(second.pending_migrations().await.unwrap().is_empty());
    assert!(first.now_ms().await.unwrap() > 1_700_000_000_000);
    first.close().await;
    second.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_schema_of_a_later_release_is_refused() {
    let database = Cluster::shared().await.database().await;
    let store = connected(&database).await;
    let mut connection = database.connect().await;
    connection
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'later', true, '\\x00', 0)",
        )
        .await
        .unwrap();
    let asked = store.pending_migrations().await.unwrap_err();
    let applied = store.migrate().await.unwrap_err();
    for error in [asked, applied] {
        let newer = matches!(error, OpenError::Newer { version: 9999 });
        assert!(newer, "{error}");
    }
    store.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_url_that_means_nothing_is_refused_without_being_repeated() {
    let error = refusal("postgres://user:hunter2@host:notaport/db").await;
    assert!(matches!(error, OpenError::Url { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_told_from_one_that_refuses() {
    let error = refusal("postgres://errand@127.0.0.1:1/errand?sslmode=disable").await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");

    let database = Cluster::shared().await.database().await;
    let url = database.url();
    let (url, _) = url.rsplit_once('/').unwrap();
    let error = refusal(&format!("{url}/no_such_database?sslmode=disable")).await;
    assert!(matches!(error, OpenError::Refused { .. }), "{error}");
    database.remove().await;
}

#[tokio::test]
async fn a_submit_in_one_process_wakes_those_who_wait_in_another() {
    let database = Cluster::shared().await.database().await;
    let (here, there) = (connected(&database).await, connected(&database).await);
    hears_of_submits(&there, &here).await;
    here.close().await;
    there.close().await;
    database.remove().await;
}

/// Returns once the one process was woken by what the other one did.
async fn hears_of_submits(there: &Arc<PostgresStore>, here: &PostgresStore) {
    let entropy = Seeded::new(1);
    let tenant = TenantId::new(&entropy);
    let tenant = here.ensure_tenant(&tenant, "first").await.unwrap();
    let waiting = there.clone();
    let heard = tokio::spawn(async move {
        // Becoming a listener is itself a hint; the ones after it come from the other process.
        for _ in 0..3 {
            waiting.jobs(SOON).await;
        }
    });
    let submitting = async {
        while !heard.is_finished() {
            let task = samples::new_task(&entropy, &tenant);
            here.submit(task).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON / 2, submitting).await.unwrap();
}

#[tokio::test]
async fn a_store_outlives_the_loss_of_all_its_connections() {
    let database = Cluster::shared().await.database().await;
    let store = connected(&database).await;
    let entropy = Seeded::new(1);
    let tenant = TenantId::new(&entropy);
    let tenant = store.ensure_tenant(&tenant, "first").await.unwrap();
    let mut connection = database.connect().await;
    connection
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
    // What was under way may fail; what comes after it must not, for long.
    let again = async {
        loop {
            let task = samples::new_task(&entropy, &tenant);
            if store.submit(task).await.is_ok() {
                break;
            }
        }
    };
    timeout(SOON, again).await.unwrap();
    store.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_lock_that_is_not_given_back_fails_one_commit_in_time() {
    let database = Cluster::shared().await.database().await;
    let options = Options {
        lock_timeout_ms: 200,
        ..Options::at(database.url())
    };
    let store = PostgresStore::connect(options).await.unwrap();
    let entropy = Seeded::new(1);
    let tenant = TenantId::new(&entropy);
    let tenant = store.ensure_tenant(&tenant, "first").await.unwrap();
    let mut read = Vec::new();
    for _ in 0..2 {
        let task = samples::new_task(&entropy, &tenant);
        store.submit(task.clone()).await.unwrap();
        read.push(store.find_task(&tenant, &task.id).await.unwrap().unwrap());
    }
    let mut holder = database.connect().await;
    let mut lock = holder.begin().await.unwrap();
    sqlx::query("SELECT id FROM task WHERE id = $1 FOR UPDATE")
        .bind(read[0].id.as_str())
        .execute(&mut *lock)
        .await
        .unwrap();
    let (held, free) = tokio::join!(
        store.transition(samples::owners(&read[0])),
        store.transition(samples::owners(&read[1])),
    );
    assert!(matches!(held, Err(StoreError::Unavailable(_))), "{held:?}");
    assert_eq!(free.unwrap().version, 2);
    lock.rollback().await.unwrap();
    let again = store.transition(samples::owners(&read[0])).await;
    assert_eq!(again.unwrap().version, 2);
    store.close().await;
    database.remove().await;
}

/// A read or a write is dropped right after it was begun, as it is when a client goes away, a lease is lost or a deadline
/// passes. Whoever uses the connection next must not find itself in a transaction that nobody will commit.
#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_transaction_behind() {
    let database = Cluster::shared().await.database().await;
    let mut options = Options::at(database.url());
    options.connections_max = 1;
    let store = PostgresStore::connect(options).await.unwrap();
    let other = connected(&database).await;
    let entropy = Seeded::new(1);
    let tenant = TenantId::new(&entropy);
    let tenant = store.ensure_tenant(&tenant, "first").await.unwrap();
    for polls in 1..=20 {
        let task = samples::new_task(&entropy, &tenant);
        dropped_after(polls, store.find_task(&tenant, &task.id)).await;
        dropped_after(polls, store.check_writes()).await;
        let id = task.id.clone();
        timeout(SOON, store.submit(task)).await.unwrap().unwrap();
        let found = other.find_task(&tenant, &id).await.unwrap();
        assert!(
            found.is_some(),
            "a task that was accepted is not there after {polls} polls"
        );
        let found = store.find_task(&tenant, &id).await.unwrap();
        assert!(found.is_some(), "an old state is read after {polls} polls");
    }
    store.close().await;
    other.close().await;
    database.remove().await;
}

/// Drops a future that was polled so many times, unless it was ready before.
async fn dropped_after<T>(polls: u32, work: impl Future<Output = T>) {
    let mut work = std::pin::pin!(work);
    let mut left = polls;
    std::future::poll_fn(|context| {
        left -= 1;
        if work.as_mut().poll(context).is_ready() || left == 0 {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_transactions_or_statements_is_refused_with_what_to_do() {
    let database = Cluster::shared().await.database().await;
    for (mode, expected) in [
        ("transaction", PoolMode::Transaction),
        ("statement", PoolMode::Statement),
    ] {
        let pooler = Pooler::start(&database, mode);
        // Servers that the first look left in the pooler's pool must not hide it from the second.
        for _ in 0..3 {
            let error = refusal(&pooler.url()).await;
            let found = matches!(&error, OpenError::Pooler { mode, .. } if *mode == expected);
            assert!(found, "{mode}: {error:?}");
            let said = error.to_string();
            for words in [
                &format!("pool_mode = {mode}"),
                "directly",
                "pool_mode = session",
            ] {
                assert!(said.contains(words), "{said}");
            }
        }
    }
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_of_sessions_is_as_good_as_none() {
    let database = Cluster::shared().await.empty_database().await;
    let pooler = Pooler::start(&database, "session");
    let options = Options::at(pooler.url());
    let first = PostgresStore::connect(options.clone()).await.unwrap();
    first.migrate().await.unwrap();
    let second = PostgresStore::connect(options).await.unwrap();
    hears_of_submits(&second, &first).await;
    first.close().await;
    second.close().await;
    drop(pooler);
    database.remove().await;
}
