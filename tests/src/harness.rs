//! A store under test, with what a case needs round it: ids, a tenant, other handles, a clock that moves.
//!
//! Every case gets a database of its own, so cases run side by side and in any order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agent_core::id::{TaskId, TenantId};
use agent_core::ports::credentials::Credentials;
use agent_core::ports::entropy::Seeded;
use agent_core::ports::housekeeping::Housekeeping;
use agent_core::ports::installation::Installations;
use agent_core::ports::store::{NewTask, Store, Submitted};
use agent_core::ports::wake::Wake;
use agent_core::task::Task;
use async_trait::async_trait;

use crate::samples;
use crate::worker::Worker;

/// The longest that one case may take; a case that hangs fails with its name.
pub const CASE_AT_MOST: Duration = Duration::from_mins(1);

/// A handle on a database, as one process has it.
pub trait Handle: Store + Wake + Housekeeping + Installations + Credentials {}

impl<T: Store + Wake + Housekeeping + Installations + Credentials> Handle for T {}

/// One database of one kind.
#[async_trait]
pub trait Backend: Send + Sync {
    /// A new handle, as another process would have it.
    async fn open(&self) -> Arc<dyn Handle>;
    /// Moves the database's clock ahead.
    async fn shift_clock(&self, ms: i64);
    /// What no verb reads, for the cases about it.
    async fn records(&self) -> Records;
    /// Runs a statement behind the store's back. `false`: there is no database that could.
    async fn spoil(&self, statement: &'static str) -> bool;
    /// Removes the database.
    async fn remove(self: Box<Self>);
}

/// Rows that are written for the operator and for later releases, and that no verb gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// Tool calls, by id.
    pub calls: Vec<CallRecord>,
    /// Owners and names of the blobs that commits have named.
    pub blobs: BTreeSet<(String, String)>,
    /// Owner, name and sealed value of each credential, by owner and name.
    pub credentials: Vec<(String, String, Vec<u8>)>,
}

/// A recorded tool call: id, task, step, tool, effect, key, fence, state, and the numbers of the events that intended and
/// settled it.
pub type CallRecord = (
    String,
    String,
    Option<String>,
    String,
    String,
    String,
    i64,
    String,
    i64,
    Option<i64>,
);

/// Reads [`Records`] over a connection to either database; the tables are the same.
macro_rules! read_records {
    ($connection:expr) => {{
        let calls = sqlx::query_as(
            "SELECT call_id, task_id, step_id, tool, effect, key, fence, state, intended_seq, settled_seq \
             FROM tool_call ORDER BY call_id",
        );
        let blobs = sqlx::query_as("SELECT DISTINCT tenant_id, hash FROM blob");
        let credentials = sqlx::query_as("SELECT tenant_id, name, sealed FROM credential ORDER BY tenant_id, name");
        $crate::harness::Records {
            calls: calls.fetch_all(&mut $connection).await.unwrap(),
            blobs: blobs.fetch_all(&mut $connection).await.unwrap().into_iter().collect(),
            credentials: credentials.fetch_all(&mut $connection).await.unwrap(),
        }
    }};
}
pub(crate) use read_records;

/// See the module's description.
pub struct Harness {
    /// The first handle.
    pub store: Arc<dyn Handle>,
    /// Where ids come from.
    pub entropy: Arc<Seeded>,
    /// The tenant that owns what a case makes.
    pub tenant: TenantId,
    backend: Box<dyn Backend>,
}

impl Harness {
    /// A harness over an empty database.
    pub async fn over(backend: Box<dyn Backend>) -> Self {
        let store = backend.open().await;
        let entropy = Arc::new(Seeded::new(1));
        let id = TenantId::new(&*entropy);
        let tenant = store.ensure_tenant(&id, "first").await.unwrap();
        Self {
            store,
            entropy,
            tenant,
            backend,
        }
    }

    /// Another handle on the same database, to play another process.
    pub async fn another_handle(&self) -> Arc<dyn Handle> {
        self.backend.open().await
    }

    /// Drops the first handle as a crash would, and opens the database again.
    pub async fn reopen(&mut self) {
        // Nothing of the old handle is left when the new one looks.
        let nothing = Arc::new(store_memory::MemoryStore::new());
        drop(std::mem::replace(&mut self.store, nothing));
        self.store = self.backend.open().await;
    }

    /// Moves the database's clock ahead.
    pub async fn shift_clock(&self, ms: i64) {
        self.backend.shift_clock(ms).await;
    }

    /// What was recorded beside what the verbs give back.
    pub async fn records(&self) -> Records {
        self.backend.records().await
    }

    /// Runs a statement as somebody with a hand in the database could. `false`: there is no database.
    pub async fn spoil(&self, statement: &'static str) -> bool {
        self.backend.spoil(statement).await
    }

    /// Removes the database.
    pub async fn finish(self) {
        drop(self.store);
        self.backend.remove().await;
    }

    /// A second tenant.
    pub async fn stranger(&self) -> TenantId {
        let id = TenantId::new(&*self.entropy);
        self.store.ensure_tenant(&id, "stranger").await.unwrap()
    }

    /// A task to be submitted, with a note of a goal and nothing else.
    pub fn new_task(&self) -> NewTask {
        samples::new_task(&*self.entropy, &self.tenant)
    }

    /// Submits a task that must be new.
    pub async fn submit(&self, task: NewTask) -> TaskId {
        let id = task.id.clone();
        let submitted = self.store.submit(task).await.unwrap();
        assert_eq!(submitted, Submitted::Created);
        id
    }

    /// Submits a plain task.
    pub async fn submitted(&self) -> TaskId {
        self.submit(self.new_task()).await
    }

    /// The task as it is now.
    pub async fn task(&self, id: &TaskId) -> Task {
        let found = self.store.find_task(&self.tenant, id).await.unwrap();
        found.unwrap()
    }

    /// All events of a task.
    pub async fn log(&self, id: &TaskId) -> Vec<agent_core::event::Event> {
        let page = self.store.events_after(&self.tenant, id, 0, 10_000).await;
        page.unwrap()
    }

    /// A worker that lives on the first handle.
    pub async fn worker(&self, name: &str) -> Worker {
        Worker::begin(self.store.clone(), name).await
    }

    /// A worker with a handle of its own.
    pub async fn distant_worker(&self, name: &str) -> Worker {
        Worker::begin(self.another_handle().await, name).await
    }
}
