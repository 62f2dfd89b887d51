//! Starts, right and wrong ones, side by side and cut off in between.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agent_core::blob::{BlobHash, BlobRef, Stored};
use agent_core::delivery::NewWebhook;
use agent_core::event::{EventKind, PreparedEvent};
use agent_core::id::{JobId, TaskId, TenantId, WebhookId};
use agent_core::job::{JobKind, NewJob};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::{NewTask, Tasks};
use agent_core::secret::Secret;
use agent_core::task::Priority;
use store_blobs::LocalBlobs;
use store_memory::MemoryStore;
use store_seal::{KeyFile, XChaChaSealer};
use tempfile::TempDir;

use super::*;

/// A machine's folder, with a blob store and a key.
struct Machine {
    folder: TempDir,
    entropy: Arc<Seeded>,
}

impl Machine {
    fn new(number: u64) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            entropy: Arc::new(Seeded::new(number)),
        }
    }

    /// What a start on this database would compare.
    fn parts(&self, store: &MemoryStore) -> Parts {
        let blobs = LocalBlobs::open(self.folder.path().join("blobs")).unwrap();
        let blobs = Arc::new(blobs);
        let key = KeyFile::load_or_create(self.folder.path().join("key")).unwrap();
        Parts {
            installations: Arc::new(store.clone()),
            marks: blobs.clone(),
            blobs,
            sealer: Arc::new(XChaChaSealer::new(&key)),
            entropy: self.entropy.clone(),
        }
    }

    async fn start(&self, store: &MemoryStore) -> Result<(), NotOurs> {
        start(&self.parts(store)).await
    }

    fn is_marked(&self) -> bool {
        self.folder
            .path()
            .join("blobs/.errand-installation")
            .exists()
    }
}

/// As the program does it.
async fn start(parts: &Parts) -> Result<(), NotOurs> {
    let known = parts.installations.find_installation().await?;
    let mark = parts.marks.find_mark().await?;
    parts.confirm(known, mark).await
}

/// A task of before the database knew its blob store and its key.
async fn old_task(store: &MemoryStore, parts: &Parts, blob: BlobRef) {
    let entropy = parts.entropy.as_ref();
    let webhook = WebhookId::new(entropy);
    let secret = parts.sealer.seal(&Secret::new("s"), webhook.as_str());
    let task = NewTask {
        id: TaskId::new(entropy),
        tenant: tenant(),
        engine: 1,
        title: "Count".to_owned(),
        metadata: std::collections::BTreeMap::new(),
        priority: Priority::Normal,
        spec: Stored::Inline("{}".to_owned()),
        budget: agent_core::budget::Budget::default(),
        webhook: Some(NewWebhook {
            id: webhook,
            url: "https://example.org".to_owned(),
            secret,
        }),
        idempotency: None,
        event: PreparedEvent {
            kind: EventKind::TaskSubmitted,
            step: None,
            public: Stored::Inline("{}".to_owned()),
            private: Stored::Inline("{}".to_owned()),
        },
        job: NewJob {
            id: JobId::new(entropy),
            kind: JobKind::Plan,
            step: None,
            delivery: None,
            priority: Priority::Normal,
            delay_ms: 0,
        },
        blobs: vec![blob],
    };
    store.submit(task).await.unwrap();
}

fn tenant() -> TenantId {
    TenantId::new(&Seeded::new(99))
}

#[tokio::test]
async fn the_first_start_binds_and_later_ones_with_the_same_settings_go_on() {
    let (store, machine) = (MemoryStore::new(), Machine::new(1));
    machine.start(&store).await.unwrap();
    let bound = store.find_installation().await.unwrap();
    assert!(
        bound
            .as_ref()
            .is_some_and(|known| known.blob_store.is_some())
    );
    machine.start(&store).await.unwrap();
    assert_eq!(store.find_installation().await.unwrap(), bound);
}

#[tokio::test]
async fn another_blob_store_is_refused_and_left_alone() {
    let (store, first, second) = (MemoryStore::new(), Machine::new(1), Machine::new(2));
    first.start(&store).await.unwrap();
    let mut parts = second.parts(&store);
    parts.sealer = first.parts(&store).sealer;
    let refused = start(&parts).await.unwrap_err();
    assert!(
        matches!(refused, NotOurs::Blobs(Mismatch::NoMark { .. })),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("ERRAND_BLOBS_DIR"));
    assert!(!second.is_marked());
}

#[tokio::test]
async fn another_key_is_refused() {
    let (store, first, second) = (MemoryStore::new(), Machine::new(1), Machine::new(2));
    first.start(&store).await.unwrap();
    let mut parts = first.parts(&store);
    parts.sealer = second.parts(&store).sealer;
    let refused = start(&parts).await.unwrap_err();
    assert!(matches!(refused, NotOurs::Key), "{refused:?}");
    assert!(refused.to_string().contains("ERRAND_SEAL_KEY"));
    first.start(&store).await.unwrap();
}

#[tokio::test]
async fn a_blob_store_serves_one_database() {
    let (store, machine) = (MemoryStore::new(), Machine::new(1));
    machine.start(&store).await.unwrap();
    let refused = machine.start(&MemoryStore::new()).await.unwrap_err();
    assert!(
        matches!(refused, NotOurs::Blobs(Mismatch::OthersBlobStore { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_first_start_that_was_cut_off_anywhere_is_gone_on_with() {
    let (store, machine) = (MemoryStore::new(), Machine::new(1));
    let parts = machine.parts(&store);
    let begun = parts.begin().await.unwrap();
    machine.start(&store).await.unwrap();
    let known = store.find_installation().await.unwrap().unwrap();
    assert_eq!(known.id, begun.id);

    let (store, machine) = (MemoryStore::new(), Machine::new(2));
    let parts = machine.parts(&store);
    let begun = parts.begin().await.unwrap();
    let mark = Mark::new(parts.entropy.as_ref(), &begun.id);
    parts.marks.ensure_mark(&mark).await.unwrap();
    machine.start(&store).await.unwrap();
    let known = store.find_installation().await.unwrap().unwrap();
    assert_eq!(known.blob_store, Some(mark.blob_store));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_machines_that_start_together_those_on_one_blob_store_agree_and_the_others_are_refused()
{
    let (store, first, second) = (MemoryStore::new(), Machine::new(1), Machine::new(2));
    let key = first.parts(&store).sealer;
    let starting: Vec<_> = (0..8)
        .map(|at| {
            let mut parts = if at % 2 == 0 { &first } else { &second }.parts(&store);
            parts.sealer = Arc::clone(&key);
            tokio::spawn(async move { (at % 2, start(&parts).await) })
        })
        .collect();
    let mut went_on = Vec::new();
    for one in starting {
        let (machine, started) = one.await.unwrap();
        if started.is_ok() {
            went_on.push(machine);
        }
    }
    assert_eq!(went_on.len(), 4, "{went_on:?}");
    assert!(went_on.iter().all(|machine| *machine == went_on[0]));
}

#[tokio::test]
async fn a_database_of_before_is_bound_to_the_key_and_the_blob_store_that_it_used() {
    let (store, first, second) = (MemoryStore::new(), Machine::new(1), Machine::new(2));
    let (right, wrong) = (first.parts(&store), second.parts(&store));
    let put = right
        .blobs
        .put(&tenant(), b"a file".to_vec())
        .await
        .unwrap();
    old_task(&store, &right, put).await;

    assert!(matches!(second.start(&store).await, Err(NotOurs::Key)));
    assert_eq!(store.find_installation().await.unwrap(), None);
    let halves = Parts {
        sealer: Arc::clone(&right.sealer),
        ..wrong
    };
    assert!(matches!(start(&halves).await, Err(NotOurs::NoBlobs)));
    assert!(!second.is_marked());

    first.start(&store).await.unwrap();
    assert!(first.is_marked());
}

#[tokio::test]
async fn some_lost_blobs_keep_no_database_from_being_bound() {
    let (store, machine) = (MemoryStore::new(), Machine::new(1));
    let parts = machine.parts(&store);
    let put = parts
        .blobs
        .put(&tenant(), b"a file".to_vec())
        .await
        .unwrap();
    old_task(&store, &parts, put).await;
    let lost = BlobRef {
        hash: BlobHash::of(b"lost"),
        bytes: 4,
    };
    old_task(&store, &parts, lost).await;
    machine.start(&store).await.unwrap();
}

#[tokio::test]
async fn whoever_adopts_goes_on_and_whoever_was_right_before_is_refused() {
    let (store, first, second) = (MemoryStore::new(), Machine::new(1), Machine::new(2));
    first.start(&store).await.unwrap();
    second.parts(&store).adopt().await.unwrap();
    second.start(&store).await.unwrap();
    assert!(matches!(first.start(&store).await, Err(NotOurs::Key)));
    // Also of a blob store that was another database's.
    let other = MemoryStore::new();
    second.parts(&other).adopt().await.unwrap();
    second.start(&other).await.unwrap();
    assert!(matches!(
        second.start(&store).await,
        Err(NotOurs::Blobs(Mismatch::OtherBlobStore { .. }))
    ));
}

#[tokio::test]
async fn a_mark_that_another_start_put_after_this_one_looked_for_it_counts() {
    let (store, machine) = (MemoryStore::new(), Machine::new(1));
    machine.start(&store).await.unwrap();
    let parts = machine.parts(&store);
    let known = parts.installations.find_installation().await.unwrap();
    parts.confirm(known, None).await.unwrap();
}
