//! What only somebody with a hand on the writing connection can bring about: a disk that is full, a connection that is dropped in the
//! middle of a transaction, one that is kept while others want it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agent_core::blob::Stored;
use agent_core::budget::Budget;
use agent_core::event::{EventKind, PreparedEvent};
use agent_core::id::{JobId, TaskId, TenantId};
use agent_core::job::{JobKind, NewJob};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::{Health, Keys, NewTask, StoreError, Submitted, TaskQuery, Tasks};

use crate::verbs::kept::{Demand, Kept};
use crate::{Options, SqliteStore};

fn task(entropy: &Seeded, tenant: &TenantId, spec_bytes: usize) -> NewTask {
    let inline = |text: &str| Stored::Inline(text.to_owned());
    NewTask {
        id: TaskId::new(entropy),
        tenant: tenant.clone(),
        engine: 1,
        title: "fill the disk".to_owned(),
        metadata: BTreeMap::new(),
        priority: agent_core::task::Priority::Normal,
        spec: inline(&"x".repeat(spec_bytes)),
        budget: Budget::default(),
        webhook: None,
        idempotency: None,
        event: PreparedEvent {
            kind: EventKind::TaskSubmitted,
            step: None,
            public: inline("{}"),
            private: inline("{}"),
        },
        job: NewJob {
            id: JobId::new(entropy),
            kind: JobKind::Plan,
            step: None,
            delivery: None,
            priority: agent_core::task::Priority::Normal,
            delay_ms: 0,
        },
        blobs: Vec::new(),
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_the_store_goes_on_when_there_is_room_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("errand.db");
    let store = SqliteStore::open(Options::at(path)).await.unwrap();
    let entropy = Seeded::new(1);
    let tenant = TenantId::new(&entropy);
    let tenant = store.ensure_tenant(&tenant, "first").await.unwrap();
    let kept = task(&entropy, &tenant, 10);
    assert_eq!(
        store.submit(kept.clone()).await.unwrap(),
        Submitted::Created
    );

    let mut writer = store.core.writer().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(&mut *writer)
        .await
        .unwrap();
    writer.rollback().await.unwrap();
    for _ in 0..3 {
        let refused = store.submit(task(&entropy, &tenant, 30_000)).await;
        let full = matches!(refused, Err(StoreError::Unavailable(_)));
        assert!(full, "{refused:?}");
    }
    let mut writer = store.core.writer().await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1000000")
        .execute(&mut *writer)
        .await
        .unwrap();
    writer.rollback().await.unwrap();
    let later = task(&entropy, &tenant, 30_000);
    assert_eq!(
        store.submit(later.clone()).await.unwrap(),
        Submitted::Created
    );
    let query = TaskQuery {
        limit: 10,
        ..TaskQuery::default()
    };
    let listed = store.list_tasks(&tenant, &query).await.unwrap();
    let ids: Vec<TaskId> = listed.into_iter().map(|task| task.id).collect();
    assert_eq!(ids, vec![later.id, kept.id]);
    store.close().await;
}

#[tokio::test]
async fn a_connection_that_is_dropped_in_the_middle_leaves_no_transaction_to_the_next_who_uses_it()
{
    let folder = tempfile::tempdir().unwrap();
    let connect = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("some.db"))
        .create_if_missing(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(connect).await.unwrap();
    let mut kept = Kept::new(pool, Arc::<Demand>::default());
    let mut used = kept.take().await.unwrap();
    // The driver does not know of it, as when a `BEGIN` was on its way.
    sqlx::raw_sql("BEGIN IMMEDIATE; CREATE TABLE half_done (id INTEGER)")
        .execute(&mut *used)
        .await
        .unwrap();
    drop(used);
    let mut used = kept.take().await.unwrap();
    let tx = used.begin("BEGIN IMMEDIATE").await.unwrap();
    tx.commit().await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master")
        .fetch_one(&mut *used)
        .await
        .unwrap();
    assert_eq!(left, 0);
    kept.put(used, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_get_the_connection_that_writes_while_commits_never_cease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("errand.db");
    let store = SqliteStore::open(Options::at(path)).await.unwrap();
    let entropy = Arc::new(Seeded::new(1));
    let tenant = TenantId::new(entropy.as_ref());
    let tenant = store.ensure_tenant(&tenant, "first").await.unwrap();
    let enough = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..4)
        .map(|_| {
            let (store, tenant) = (Arc::clone(&store), tenant.clone());
            let (entropy, enough) = (Arc::clone(&entropy), Arc::clone(&enough));
            tokio::spawn(async move {
                while !enough.load(Ordering::Relaxed) {
                    let task = task(&entropy, &tenant, 10);
                    assert_eq!(store.submit(task).await.unwrap(), Submitted::Created);
                }
            })
        })
        .collect();
    for _ in 0..20 {
        store.check_writes().await.unwrap();
    }
    enough.store(true, Ordering::Relaxed);
    for one in busy {
        one.await.unwrap();
    }
    store.close().await;
}
