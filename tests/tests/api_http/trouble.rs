//! Stores that fail on demand, and what callers are told then.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::credential::{SealedCredential, SecretName, StoredCredential};
use agent_core::delivery::Delivery;
use agent_core::event::Event;
use agent_core::id::{DeliveryId, JobId, KeyId, StepId, TaskId, TenantId};
use agent_core::job::{Claim, Fence, Guard, Incarnation, WorkerName};
use agent_core::key::ApiKey;
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::credentials::{Credentials, Put};
use agent_core::ports::store::{
    Append, Artifact, Commits, Committed, Health, Jobs, Keys, NewKey, NewTask, Release, Room,
    StoreError, Submitted, TaskQuery, Tasks, Transition,
};
use agent_core::ports::upkeep::Upkeep;
use agent_core::queue::{DeadId, DeadLetter, DeadQuery, TaskQueue};
use agent_core::task::Task;
use async_trait::async_trait;
use serde_json::json;
use store_memory::MemoryStore;

use crate::client::Ask;
use crate::world::World;

/// Blobs in memory.
#[derive(Default)]
pub struct MemoryBlobs {
    kept: Mutex<HashMap<(TenantId, BlobHash), Vec<u8>>>,
    pub full: AtomicBool,
}

impl MemoryBlobs {
    pub fn count(&self) -> usize {
        self.kept.lock().unwrap().len()
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, tenant: &TenantId, bytes: Vec<u8>) -> Result<BlobRef, BlobError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(BlobError::Unavailable("no space left on device".into()));
        }
        let blob = BlobRef {
            hash: BlobHash::of(&bytes),
            bytes: bytes.len() as u64,
        };
        let name = (tenant.clone(), blob.hash.clone());
        self.kept.lock().unwrap().insert(name, bytes);
        Ok(blob)
    }

    async fn get(&self, tenant: &TenantId, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
        let name = (tenant.clone(), hash.clone());
        let found = self.kept.lock().unwrap().get(&name).cloned();
        found.ok_or_else(|| BlobError::Missing { hash: hash.clone() })
    }

    async fn check(&self) -> Result<(), BlobError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(BlobError::Unavailable("no space left on device".into()));
        }
        Ok(())
    }
}

/// The store in memory, with troubles.
pub struct TroubledStore {
    inner: MemoryStore,
    /// Every verb answers that the database is unavailable.
    pub down: AtomicBool,
    /// The next look for a task panics.
    pub panics: AtomicBool,
    /// So many transitions find that the task moved on.
    pub moves: AtomicU32,
    /// How often a key was looked up.
    pub key_lookups: AtomicU32,
}

impl TroubledStore {
    pub fn new(inner: MemoryStore) -> Self {
        Self {
            inner,
            down: AtomicBool::new(false),
            panics: AtomicBool::new(false),
            moves: AtomicU32::new(0),
            key_lookups: AtomicU32::new(0),
        }
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("secret-host refused".into()));
        }
        Ok(())
    }
}

macro_rules! passed_on {
    ($port:ident $({ $($plain:item)* })?: $($verb:ident($($name:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $port for TroubledStore {
            $($($plain)*)?
            $(async fn $verb(&self, $($name: $kind),*) -> Result<$answer, StoreError> {
                self.before(stringify!($verb))?;
                self.inner.$verb($($name),*).await
            })*
        }
    };
}

impl TroubledStore {
    fn before(&self, verb: &str) -> Result<(), StoreError> {
        self.up()?;
        if verb == "find_key" {
            self.key_lookups.fetch_add(1, Ordering::SeqCst);
        }
        assert!(
            verb != "find_task" || !self.panics.swap(false, Ordering::SeqCst),
            "a panic with inner workings"
        );
        Ok(())
    }
}

passed_on! { Tasks:
    submit(task: NewTask) -> Submitted;
    find_task(tenant: &TenantId, task: &TaskId) -> Option<Task>;
    list_tasks(tenant: &TenantId, query: &TaskQuery) -> Vec<Task>;
    events_after(tenant: &TenantId, task: &TaskId, after: i64, limit: u32) -> Vec<Event>;
    step_events_after(tenant: &TenantId, task: &TaskId, step: Option<&StepId>, after: i64, limit: u32) -> Vec<Event>;
    artifacts(tenant: &TenantId, task: &TaskId) -> Vec<Artifact>;
    find_delivery(tenant: &TenantId, delivery: &DeliveryId) -> Option<Delivery>;
}

passed_on! { Jobs {
    fn weigh(&self, tenant: &TenantId, weight: u32) {
        self.inner.weigh(tenant, weight);
    }
}:
    begin(worker: &WorkerName) -> Incarnation;
    heartbeat(who: &Incarnation, lease_ms: u64) -> ();
    claim(who: &Incarnation, lease_ms: u64, room: &Room) -> Vec<Claim>;
    held(who: &Incarnation) -> Vec<Claim>;
    release(guard: &Guard, how: Release) -> ();
    reap(lease_ms: u64) -> u64;
    lost(held: &[(JobId, Fence)]) -> Vec<JobId>;
}

passed_on! { Keys:
    ensure_tenant(id: &TenantId, name: &str) -> TenantId;
    create_key(key: NewKey) -> ();
    list_keys(tenant: &TenantId) -> Vec<ApiKey>;
    revoke_key(tenant: &TenantId, key: &KeyId) -> ();
    find_key(hash: &str) -> Option<ApiKey>;
}

passed_on! { Credentials:
    put_credential(new: SealedCredential, per_tenant_max: u32) -> Put;
    list_credentials(tenant: &TenantId) -> Vec<StoredCredential>;
    find_credential(tenant: &TenantId, name: &SecretName) -> Option<StoredCredential>;
    find_sealed(tenant: &TenantId, names: &[SecretName]) -> Vec<SealedCredential>;
    delete_credential(tenant: &TenantId, name: &SecretName) -> ();
}

passed_on! { Upkeep:
    task_queue(tenant: &TenantId, task: &TaskId) -> TaskQueue;
    set_aside(guard: &Guard, reason: &str) -> ();
    list_dead(tenant: &TenantId, query: &DeadQuery) -> Vec<DeadLetter>;
    find_dead(tenant: &TenantId, id: &DeadId) -> Option<DeadLetter>;
    requeue_dead(tenant: &TenantId, id: &DeadId, job: &JobId) -> ();
}

passed_on! { Health:
    now_ms() -> i64;
}

#[async_trait]
impl Commits for TroubledStore {
    async fn append(&self, commit: Append) -> Result<Committed, StoreError> {
        self.inner.append(commit).await
    }

    async fn transition(&self, commit: Transition) -> Result<Committed, StoreError> {
        self.up()?;
        let one_less = |left: u32| left.checked_sub(1);
        let moved = self
            .moves
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if let (Ok(_), agent_core::ports::store::Right::Owner(_, task)) = (moved, &commit.right) {
            return Err(StoreError::VersionMoved {
                task: task.clone(),
                presented: commit.version,
            });
        }
        self.inner.transition(commit).await
    }
}

#[tokio::test]
async fn a_database_that_is_down_is_503_with_a_time_to_retry_and_no_inner_workings() {
    let world = World::new().await;
    let task = world.task().await;
    world.troubled.down.store(true, Ordering::SeqCst);
    for (method, path) in [
        ("GET", "/v1/tasks".to_owned()),
        ("GET", format!("/v1/tasks/{task}")),
        ("GET", "/readyz".to_owned()),
        ("GET", "/v1/secrets".to_owned()),
        ("DELETE", "/v1/secrets/github".to_owned()),
        ("POST", format!("/v1/tasks/{task}/cancel")),
    ] {
        let answer = world.ask(method, &path).send(world.address).await;
        let problem = answer.problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some(), "{path}");
        assert!(!problem.to_string().contains("secret-host"), "{problem}");
    }
    // The process itself is up, and says so.
    let alive = Ask::new("GET", "/healthz").send(world.address).await;
    assert_eq!(alive.status, 200);
    world.troubled.down.store(false, Ordering::SeqCst);
    until_ready(&world).await;
}

/// What a look found serves all who ask within a moment, so it takes one until the next.
async fn until_ready(world: &World) {
    let asked = async {
        while Ask::new("GET", "/readyz").send(world.address).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    let ready = tokio::time::timeout(std::time::Duration::from_secs(30), asked).await;
    assert!(ready.is_ok(), "it never became ready again");
}

#[tokio::test]
async fn a_blob_store_that_takes_no_writes_makes_the_server_not_ready_until_it_does_again() {
    let world = World::new().await;
    world.blobs.full.store(true, Ordering::SeqCst);
    let ready = Ask::new("GET", "/readyz").send(world.address).await;
    let problem = ready.problem(503, "unavailable");
    assert_eq!(problem["detail"], "the blob store takes no writes");
    world.blobs.full.store(false, Ordering::SeqCst);
    until_ready(&world).await;
}

#[tokio::test]
async fn a_full_disk_is_503_and_no_task_is_made() {
    let world = World::new().await;
    world.blobs.full.store(true, Ordering::SeqCst);
    let answer = world.post("/v1/tasks", &json!({"goal": "g"})).await;
    answer.problem(503, "unavailable");
    world.blobs.full.store(false, Ordering::SeqCst);
    let list = world.get("/v1/tasks").await.json();
    assert_eq!(list["data"], json!([]));
}

#[tokio::test]
async fn a_panic_is_500_with_a_request_id_and_the_connection_lives_on() {
    let world = World::new().await;
    let task = world.task().await;
    world.troubled.panics.store(true, Ordering::SeqCst);
    let path = format!("/v1/tasks/{task}");
    let mut open = crate::client::Open::to(world.address).await;
    open.write(world.ask("GET", &path).header("x-request-id", "abc-1"))
        .await;
    let answer = open.answer().await;
    let problem = answer.problem(500, "internal");
    assert_eq!(problem["request_id"], "abc-1");
    assert!(!problem.to_string().contains("inner workings"));
    open.write(world.ask("GET", &path)).await;
    assert_eq!(open.answer().await.status, 200);
}

#[tokio::test]
async fn a_worker_that_no_longer_looks_for_jobs_makes_the_process_unhealthy() {
    let world = World::new().await;
    *world.beside.trouble.lock().unwrap() =
        Some("the worker is deaf; restart the process".to_owned());
    let deaf = Ask::new("GET", "/healthz").send(world.address).await;
    assert_eq!(deaf.status, 503);
    assert_eq!(deaf.json()["code"], "unavailable");
    assert_eq!(
        deaf.json()["detail"],
        "the worker is deaf; restart the process"
    );
    *world.beside.trouble.lock().unwrap() = None;
    let alive = Ask::new("GET", "/healthz").send(world.address).await;
    assert_eq!(alive.status, 200);
}
