//! What only somebody with a hand on the writing connection can bring about: a disk that is full.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use agent_core::blob::Stored;
use agent_core::budget::Budget;
use agent_core::event::{EventKind, PreparedEvent};
use agent_core::id::{JobId, TaskId, TenantId};
use agent_core::job::{JobKind, NewJob};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::{Keys, NewTask, StoreError, Submitted, TaskQuery, Tasks};

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
