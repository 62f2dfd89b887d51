//! Housekeeping over real blob stores: what is swept, what is spared, and what races with it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agent_core::blob::BlobRef;
use agent_core::id::TenantId;
use agent_core::ports::blobs::BlobError;
use agent_core::ports::entropy::{Entropy, Seeded};
use agent_core::ports::housekeeping::{Chore, Cutoff, Housekeeping, OwnedHash, Shelves};
use agent_core::ports::store::{Keys, StoreError, Tasks};
use async_trait::async_trait;
use errand_tests::bucket::{ACCESS_KEY_ID, BucketServer, SECRET_ACCESS_KEY};
use errand_tests::samples;
use store_blobs::{Opened, Options};
use store_memory::MemoryStore;
use tempfile::TempDir;
use worker::{Done, HouseOptions, Housekeeper};

const DAY_MS: i64 = 24 * 60 * 60_000;

/// A database, a blob store in a folder, and one tenant.
struct House {
    folder: TempDir,
    store: Arc<MemoryStore>,
    opened: Opened,
    entropy: Seeded,
    tenant: TenantId,
    _bucket: Option<BucketServer>,
}

impl House {
    async fn in_a_folder() -> Self {
        Self::over(tempfile::tempdir().unwrap(), Options::default(), None).await
    }

    async fn in_a_bucket() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("blobs")).unwrap();
        let server = BucketServer::start(folder.path()).await;
        let options = Options {
            url: "s3://blobs".to_owned(),
            endpoint: server.endpoint(),
            access_key_id: Some(ACCESS_KEY_ID.to_owned()),
            secret_access_key: Some(agent_core::secret::Secret::new(SECRET_ACCESS_KEY)),
            allow_http: true,
            ..Options::default()
        };
        Self::over(folder, options, Some(server)).await
    }

    async fn over(folder: TempDir, options: Options, bucket: Option<BucketServer>) -> Self {
        let guard = egress::Guard::new(egress::Options::default()).unwrap();
        let place = folder.path().join("blobs");
        let opened = store_blobs::open(&options, &place, &guard).await.unwrap();
        let (store, entropy) = (Arc::new(MemoryStore::new()), Seeded::new(7));
        let tenant = store
            .ensure_tenant(&TenantId::new(&entropy), "default")
            .await
            .unwrap();
        Self {
            folder,
            store,
            opened,
            entropy,
            tenant,
            _bucket: bucket,
        }
    }

    async fn put(&self, content: &str) -> BlobRef {
        let put = self.opened.blobs.put(&self.tenant, content.into()).await;
        put.unwrap()
    }

    /// A blob that was put so many days ago.
    async fn put_days_ago(&self, content: &str, days: u64) -> BlobRef {
        let blob = self.put(content).await;
        self.age(&self.tenant, &blob, days);
        blob
    }

    fn age(&self, tenant: &TenantId, blob: &BlobRef, days: u64) {
        let hash = blob.hash.as_str();
        let path = self.folder.path().join("blobs").join(tenant.as_str());
        age_file(&path.join(&hash[..2]).join(hash), days);
    }

    async fn is_there(&self, blob: &BlobRef) -> bool {
        match self.opened.blobs.get(&self.tenant, &blob.hash).await {
            Ok(_) => true,
            Err(BlobError::Missing { .. }) => false,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Submits a task that names these blobs.
    async fn name(&self, blobs: &[&BlobRef]) -> Result<(), StoreError> {
        let mut task = samples::new_task(&self.entropy, &self.tenant);
        task.blobs = blobs.iter().map(|blob| (*blob).clone()).collect();
        self.store.submit(task).await.map(|_| ())
    }

    fn keeper(&self) -> Housekeeper {
        self.keeper_with(self.opened.shelves.clone())
    }

    fn keeper_with(&self, shelves: Arc<dyn Shelves>) -> Housekeeper {
        Housekeeper::new(self.store.clone(), shelves, HouseOptions::default())
    }

    async fn sweep(&self) -> Done {
        let done = self.keeper().round(Chore::Sweep).await.unwrap().unwrap();
        self.store.shift_clock(DAY_MS + 1);
        done
    }
}

#[expect(clippy::disallowed_methods, reason = "this makes a file look old")]
fn age_file(path: &Path, days: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let then = SystemTime::now() - Duration::from_hours(24 * days) - Duration::from_mins(1);
    file.set_modified(then).unwrap();
}

async fn old_and_unnamed_blobs_go(house: House) {
    let named = house.put_days_ago("named", 3).await;
    let orphan = house.put_days_ago("orphan", 3).await;
    let young = house.put("young and unnamed").await;
    house.name(&[&named]).await.unwrap();
    let done = house.sweep().await;
    assert_eq!(done.blobs, 1);
    assert!(house.is_there(&named).await);
    assert!(!house.is_there(&orphan).await);
    assert!(house.is_there(&young).await, "it may be named any moment");
    assert_eq!(house.sweep().await.blobs, 0);
}

#[tokio::test]
async fn only_old_blobs_that_nothing_names_are_swept_from_a_folder() {
    old_and_unnamed_blobs_go(House::in_a_folder().await).await;
}

#[tokio::test]
async fn only_old_blobs_that_nothing_names_are_swept_from_a_bucket() {
    old_and_unnamed_blobs_go(House::in_a_bucket().await).await;
}

async fn a_put_makes_a_blob_young(house: House) {
    let blob = house.put_days_ago("again", 3).await;
    house.put("again").await;
    assert_eq!(house.sweep().await.blobs, 0);
    assert!(house.is_there(&blob).await);
}

#[tokio::test]
async fn a_blob_that_is_put_again_is_spared_in_a_folder() {
    a_put_makes_a_blob_young(House::in_a_folder().await).await;
}

#[tokio::test]
async fn a_blob_that_is_put_again_is_spared_in_a_bucket() {
    a_put_makes_a_blob_young(House::in_a_bucket().await).await;
}

#[tokio::test]
async fn blobs_of_another_installation_in_the_same_folder_are_left_alone() {
    let house = House::in_a_folder().await;
    let stranger = TenantId::new(&house.entropy as &dyn Entropy);
    let blob = house.opened.blobs.put(&stranger, b"theirs".to_vec()).await;
    let blob = blob.unwrap();
    house.age(&stranger, &blob, 3);
    assert_eq!(house.sweep().await.blobs, 0);
    assert!(house.opened.blobs.get(&stranger, &blob.hash).await.is_ok());
}

#[tokio::test]
async fn the_draft_of_a_put_that_was_killed_is_swept_when_it_is_old() {
    let house = House::in_a_folder().await;
    let blob = house.put("whole").await;
    let hash = blob.hash.as_str();
    let shard = house.folder.path().join("blobs");
    let shard = shard.join(house.tenant.as_str()).join(&hash[..2]);
    let (old, young) = (
        shard.join(format!("{hash}#1")),
        shard.join(format!("{hash}#2")),
    );
    for draft in [&old, &young] {
        std::fs::write(draft, "unfin").unwrap();
    }
    age_file(&old, 3);
    house.sweep().await;
    assert!(!old.exists() && young.exists());
    assert!(house.is_there(&blob).await);
}

/// Shelves on which somebody works at the worst moment.
struct Meddled<F> {
    inner: Arc<dyn Shelves>,
    meddle: F,
}

#[async_trait]
impl<F> Shelves for Meddled<F>
where
    F: AsyncMeddle,
{
    async fn cutoff(&self, age_ms: u64) -> Result<Cutoff, BlobError> {
        self.inner.cutoff(age_ms).await
    }

    async fn shard_after(&self, shard: Option<&str>) -> Result<Option<String>, BlobError> {
        self.inner.shard_after(shard).await
    }

    async fn old_in(&self, shard: &str, cutoff: Cutoff) -> Result<Vec<OwnedHash>, BlobError> {
        let old = self.inner.old_in(shard, cutoff).await?;
        self.meddle.after_the_list().await;
        Ok(old)
    }

    async fn remove(&self, blob: &OwnedHash, cutoff: Cutoff) -> Result<bool, BlobError> {
        self.meddle.after_the_doom().await?;
        self.inner.remove(blob, cutoff).await
    }
}

#[async_trait]
trait AsyncMeddle: Send + Sync {
    async fn after_the_list(&self) {}
    async fn after_the_doom(&self) -> Result<(), BlobError> {
        Ok(())
    }
}

/// Puts a blob and names it.
struct PutsAndNames {
    house: Arc<House>,
    when_doomed: bool,
}

#[async_trait]
impl AsyncMeddle for PutsAndNames {
    async fn after_the_list(&self) {
        if !self.when_doomed {
            let blob = self.house.put("raced for").await;
            self.house.name(&[&blob]).await.unwrap();
        }
    }

    async fn after_the_doom(&self) -> Result<(), BlobError> {
        if self.when_doomed {
            let blob = self.house.put("raced for").await;
            let refused = self.house.name(&[&blob]).await;
            assert!(
                matches!(refused, Err(StoreError::Unavailable(_))),
                "{refused:?}"
            );
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_blob_that_is_put_and_named_after_it_was_found_old_is_spared() {
    let house = Arc::new(House::in_a_folder().await);
    let blob = house.put_days_ago("raced for", 3).await;
    let meddled = Meddled {
        inner: house.opened.shelves.clone(),
        meddle: PutsAndNames {
            house: house.clone(),
            when_doomed: false,
        },
    };
    let keeper = house.keeper_with(Arc::new(meddled));
    let done = keeper.round(Chore::Sweep).await.unwrap().unwrap();
    assert_eq!(done.blobs, 0);
    assert!(house.is_there(&blob).await);
}

#[tokio::test]
async fn a_blob_that_is_put_while_it_is_doomed_cannot_be_named_until_that_is_over() {
    let house = Arc::new(House::in_a_folder().await);
    let blob = house.put_days_ago("raced for", 3).await;
    let meddled = Meddled {
        inner: house.opened.shelves.clone(),
        meddle: PutsAndNames {
            house: house.clone(),
            when_doomed: true,
        },
    };
    let keeper = house.keeper_with(Arc::new(meddled));
    // Its put made it young, so it is spared.
    let done = keeper.round(Chore::Sweep).await.unwrap().unwrap();
    assert_eq!(done.blobs, 0);
    assert!(house.is_there(&blob).await);
    let blob = house.put("raced for").await;
    house.name(&[&blob]).await.unwrap();
}

/// The blob store goes away in the middle of a sweep.
struct GoesAway;

#[async_trait]
impl AsyncMeddle for GoesAway {
    async fn after_the_doom(&self) -> Result<(), BlobError> {
        Err(BlobError::Unavailable("gone".into()))
    }
}

#[tokio::test]
async fn a_sweep_that_was_broken_off_is_finished_by_another_worker() {
    let house = House::in_a_folder().await;
    let orphan = house.put_days_ago("orphan", 3).await;
    let meddled = Meddled {
        inner: house.opened.shelves.clone(),
        meddle: GoesAway,
    };
    let broken = house.keeper_with(Arc::new(meddled));
    assert!(broken.round(Chore::Sweep).await.is_err());
    let other = house.keeper();
    assert_eq!(
        other.round(Chore::Sweep).await.unwrap(),
        None,
        "not its turn yet"
    );
    house.store.shift_clock(2 * 3_600_000);
    let done = other.round(Chore::Sweep).await.unwrap().unwrap();
    assert_eq!(done.blobs, 1);
    assert!(!house.is_there(&orphan).await);
    assert_eq!(house.store.doomed_before(0, 10).await.unwrap(), []);
}

#[tokio::test]
async fn nothing_is_removed_by_age_unless_the_operator_says_so() {
    let house = House::in_a_folder().await;
    house.name(&[]).await.unwrap();
    house.store.shift_clock(1_000 * DAY_MS);
    let done = house.keeper().round(Chore::Retention).await.unwrap();
    assert_eq!(done, Some(Done::default()));
}
