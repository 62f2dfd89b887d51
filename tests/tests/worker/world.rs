//! One installation in memory: store, fakes, and workers that can be started and killed.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agent_core::budget::Budget;
use agent_core::decide::commit::prepare;
use agent_core::decide::{Input, decide};
use agent_core::delivery::{NewWebhook, new_webhook_secret};
use agent_core::event::{EventBody, NewEvent, TaskSubmitted};
use agent_core::id::{JobId, StepId, TaskId, TenantId, WebhookId};
use agent_core::job::{JobKind, NewJob, WorkerName};
use agent_core::journal;
use agent_core::policy::TaskPolicy;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::entropy::{Entropy, Seeded};
use agent_core::ports::sealer::{Sealer, UnsealError};
use agent_core::ports::store::{Keys, NewTask, Right, Store, Tasks};
use agent_core::ports::upkeep::Upkeep;
use agent_core::queue::{JobPlace, QueuedJob, TaskQueue};
use agent_core::secret::{Sealed, Secret};
use agent_core::task::{Attachment, Priority, Task, TaskSpec, TaskState};
use agent_core::workspace::Manifest;
use store_memory::MemoryStore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Drained, OpenLifeline, Options, Parts, SharedStore, Worker};

use crate::fakes::{FakeModels, FakeTools, MemoryBlobs, MemoryWorkspaces, NoShelves};

/// How long any wait in these tests may take before it counts as never.
const NEVER: Duration = Duration::from_secs(20);

pub struct World {
    pub store: Arc<MemoryStore>,
    pub blobs: Arc<MemoryBlobs>,
    pub workspaces: Arc<MemoryWorkspaces>,
    pub models: Arc<FakeModels>,
    pub tools: Arc<FakeTools>,
    pub entropy: Arc<Seeded>,
    pub tenant: TenantId,
    pub goal: String,
    /// Names of attached files.
    pub files: Vec<String>,
    pub policy: TaskPolicy,
    pub options: Options,
    pub allow_private: Vec<String>,
    /// The way out, where many workers share one: making one reads every certificate of the machine.
    pub guard: Option<egress::Guard>,
    /// The heartbeat's way to the store, where it is not the workers'.
    pub lifeline: Option<Arc<dyn OpenLifeline>>,
}

/// A sealer that only marks what it sealed: what is tested here is who opens what, not the cipher.
struct MarkingSealer;

impl Sealer for MarkingSealer {
    fn seal(&self, secret: &Secret, bound_to: &str) -> Sealed {
        Sealed(format!("{bound_to}\n{}", secret.expose()).into_bytes())
    }
    fn unseal(&self, sealed: &Sealed, bound_to: &str) -> Result<Secret, UnsealError> {
        let text = String::from_utf8(sealed.0.clone()).map_err(|_| UnsealError)?;
        let (bound, secret) = text.split_once('\n').ok_or(UnsealError)?;
        if bound == bound_to {
            Ok(Secret::new(secret))
        } else {
            Err(UnsealError)
        }
    }
}

/// A worker at work.
pub struct Running {
    pub stop: CancellationToken,
    pub at_once: CancellationToken,
    pub task: JoinHandle<Drained>,
}

impl Running {
    /// Ends the worker as `kill -9` would: nothing more of it runs.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Asks the worker to stop, and waits until it has.
    pub async fn drain(self) -> Drained {
        self.stop.cancel();
        tokio::time::timeout(NEVER, self.task)
            .await
            .unwrap()
            .unwrap()
    }
}

impl World {
    pub async fn new(models: Arc<FakeModels>) -> Self {
        // Deliveries and leases are watched in real time here, so the store's clock is the machine's.
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the clock of the store under test"
        )]
        let store = MemoryStore::with_clock(|| {
            i64::try_from(
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap()
                    .as_millis(),
            )
            .unwrap()
        });
        Self::with(models, store, 1).await
    }

    /// The same on a store that is there. All ids and jitter follow from the seed.
    pub async fn with(models: Arc<FakeModels>, store: MemoryStore, seed: u64) -> Self {
        let store = Arc::new(store);
        let blobs = Arc::new(MemoryBlobs::default());
        let workspaces = Arc::new(MemoryWorkspaces {
            blobs: blobs.clone(),
            places: std::sync::Mutex::default(),
        });
        let tools = FakeTools::new(workspaces.clone());
        let entropy = Arc::new(Seeded::new(seed));
        let tenant = store
            .ensure_tenant(&TenantId::new(entropy.as_ref()), "default")
            .await
            .unwrap();
        let options = Options {
            poll_min_ms: 5,
            poll_max_ms: 20,
            ..Options::default()
        };
        Self {
            store,
            blobs,
            workspaces,
            models,
            tools,
            entropy,
            tenant,
            goal: "Do the work.".to_owned(),
            files: Vec::new(),
            policy: TaskPolicy::default(),
            options,
            allow_private: Vec::new(),
            guard: None,
            lifeline: None,
        }
    }

    pub fn start(&self) -> Running {
        self.start_over(self.store.clone(), "worker-a")
    }

    pub fn start_over(&self, store: Arc<dyn Store>, name: &str) -> Running {
        self.run(self.parts(store), name)
    }

    /// What a worker on this store is made of.
    pub fn parts(&self, store: Arc<dyn Store>) -> Parts {
        let guard = || {
            let egress = egress::Options {
                allow_private: self.allow_private.clone(),
                ..egress::Options::default()
            };
            egress::Guard::new(egress).unwrap()
        };
        let lifeline = self.lifeline.clone();
        Parts {
            lifeline: lifeline.unwrap_or_else(|| Arc::new(SharedStore(Arc::clone(&store)))),
            store,
            blobs: self.blobs.clone(),
            housekeeping: self.store.clone(),
            credentials: self.store.clone(),
            shelves: Arc::new(NoShelves),
            models: self.models.clone(),
            tools: self.tools.clone(),
            workspaces: self.workspaces.clone(),
            sealer: Arc::new(MarkingSealer),
            entropy: self.entropy.clone(),
            wake: self.store.clone(),
            guard: self.guard.clone().unwrap_or_else(guard),
        }
    }

    pub fn run(&self, parts: Parts, name: &str) -> Running {
        let (stop, at_once) = (CancellationToken::new(), CancellationToken::new());
        let name = WorkerName(name.to_owned());
        let worker = Worker::new(parts, self.options.clone(), name, Arc::default());
        let task = tokio::spawn(worker.run(
            stop.clone().cancelled_owned(),
            at_once.clone().cancelled_owned(),
        ));
        Running {
            stop,
            at_once,
            task,
        }
    }

    pub async fn submit(&self, budget: Budget, webhook: Option<&str>) -> TaskId {
        self.submit_of(&self.tenant, budget, webhook).await
    }

    /// A task of another tenant.
    pub async fn submit_for_another(&self, budget: Budget) -> (TenantId, TaskId) {
        let id = TenantId::new(self.entropy.as_ref());
        let tenant = self.store.ensure_tenant(&id, "another").await.unwrap();
        let task = self.submit_of(&tenant, budget, None).await;
        (tenant, task)
    }

    /// The final state of another tenant's task.
    pub async fn state_of_another(&self, (tenant, id): &(TenantId, TaskId)) -> TaskState {
        self.until_true(id, async || {
            let found = self.store.find_task(tenant, id).await.unwrap().unwrap();
            found.state.is_final().then_some(found.state)
        })
        .await
    }

    async fn submit_of(&self, tenant: &TenantId, budget: Budget, webhook: Option<&str>) -> TaskId {
        let manifest = self
            .blobs
            .put(tenant, Manifest::default().to_json().into_bytes())
            .await
            .unwrap();
        let goal = self.goal.clone();
        let file = self.blobs.put(tenant, b"x".to_vec()).await.unwrap();
        let attached = self.files.iter().map(|name| Attachment {
            name: name.clone(),
            blob: file.clone(),
        });
        let spec = TaskSpec {
            goal,
            files: attached.collect(),
            tools: None,
            secrets: Vec::new(),
            result_schema: None,
            network: None,
            policy: self.policy.clone(),
            snapshot: manifest.hash.clone(),
        };
        let event = NewEvent::of_task(TaskSubmitted {
            title: spec.goal.clone(),
            file_names: Vec::new(),
            budget,
            spec: spec.clone(),
        });
        let entropy = self.entropy.as_ref();
        let id = TaskId::new(entropy);
        let webhook = webhook.map(|url| {
            let id = WebhookId::new(entropy);
            let secret = MarkingSealer.seal(&new_webhook_secret([7; 32]), id.as_str());
            NewWebhook {
                id,
                url: url.to_owned(),
                secret,
            }
        });
        let task = NewTask {
            id: id.clone(),
            tenant: tenant.clone(),
            engine: agent_core::ENGINE_VERSION,
            title: "Do the work.".to_owned(),
            metadata: std::collections::BTreeMap::new(),
            priority: Priority::Normal,
            spec: journal::store_text(
                self.blobs.as_ref(),
                tenant,
                serde_json::to_string(&spec).unwrap(),
            )
            .await
            .unwrap(),
            budget,
            webhook,
            idempotency: None,
            event: journal::prepare(self.blobs.as_ref(), tenant, &event)
                .await
                .unwrap(),
            job: NewJob {
                id: JobId::new(entropy),
                kind: JobKind::Plan,
                step: None,
                delivery: None,
                priority: Priority::Normal,
                delay_ms: 0,
            },
            blobs: vec![manifest],
        };
        self.store.submit(task).await.unwrap();
        id
    }

    pub async fn task(&self, id: &TaskId) -> Task {
        self.store
            .find_task(&self.tenant, id)
            .await
            .unwrap()
            .unwrap()
    }

    /// The task as soon as `holds` does.
    pub async fn until(&self, id: &TaskId, holds: impl Fn(&Task) -> bool) -> Task {
        let looked = async {
            loop {
                let task = self.task(id).await;
                if holds(&task) {
                    return task;
                }
                agent_core::ports::wake::Wake::task(
                    self.store.as_ref(),
                    id,
                    Duration::from_millis(20),
                )
                .await;
            }
        };
        if let Ok(task) = tokio::time::timeout(NEVER, looked).await {
            return task;
        }
        panic!(
            "the task never got there: {:#?}\n{:#?}",
            self.task(id).await,
            self.kinds(id).await
        )
    }

    pub async fn until_final(&self, id: &TaskId) -> Task {
        self.until(id, |task| task.state.is_final()).await
    }

    pub async fn until_waiting(&self, id: &TaskId) -> Task {
        self.until(id, |task| task.state == TaskState::Waiting)
            .await
    }

    /// Waits until a condition holds that is looked at whenever the task's log may have grown.
    async fn until_true<T>(&self, id: &TaskId, looked: impl AsyncFn() -> Option<T>) -> T {
        let search = async {
            loop {
                if let Some(found) = looked().await {
                    return found;
                }
                let wake: &dyn agent_core::ports::wake::Wake = self.store.as_ref();
                wake.task(id, Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(NEVER, search).await.unwrap()
    }

    /// Waits until the log is as wanted.
    pub async fn until_log(&self, id: &TaskId, holds: impl Fn(&[EventBody]) -> bool) {
        self.until_true(id, async || holds(&self.log(id).await).then_some(()))
            .await;
    }

    /// Waits until so many jobs of the task are in the queue and held by nobody.
    pub async fn until_free(&self, id: &TaskId, count: usize) {
        let is_free = |job: &QueuedJob| job.place == JobPlace::Ready;
        self.until_true(id, async || {
            let jobs = self.store.jobs(id);
            (jobs.iter().filter(|job| is_free(job)).count() == count).then_some(())
        })
        .await;
    }

    /// When a step's job looks again by itself, once that is later than `after_ms`.
    pub async fn until_delayed(&self, id: &TaskId, step: &StepId, after_ms: i64) -> i64 {
        self.until_true(id, async || {
            let jobs = self.store.jobs(id);
            let job = jobs.iter().find(|job| job.step.as_ref() == Some(step))?;
            match job.place {
                JobPlace::Delayed { until_ms } => (until_ms > after_ms).then_some(until_ms),
                JobPlace::Ready | JobPlace::Parked | JobPlace::Dead { .. } | JobPlace::Held(_) => {
                    None
                }
            }
        })
        .await
    }

    /// Where the task's jobs lie, as `why` reads it.
    pub async fn queue(&self, id: &TaskId) -> TaskQueue {
        self.store.task_queue(&self.tenant, id).await.unwrap()
    }

    pub async fn log(&self, id: &TaskId) -> Vec<EventBody> {
        let events = self
            .store
            .events_after(&self.tenant, id, 0, 10_000)
            .await
            .unwrap();
        let mut bodies = Vec::new();
        for (number, event) in (1..).zip(&events) {
            assert_eq!(event.seq, number, "the log has a gap");
            bodies.push(
                journal::read(self.blobs.as_ref(), &self.tenant, event)
                    .await
                    .unwrap(),
            );
        }
        bodies
    }

    pub async fn kinds(&self, id: &TaskId) -> Vec<&'static str> {
        self.log(id)
            .await
            .iter()
            .map(|body| body.kind().label())
            .collect()
    }

    /// A decision of the task's owner, as the API makes it.
    pub async fn owner(&self, id: &TaskId, input: Input) {
        loop {
            let task = self.task(id).await;
            let entropy: &dyn Entropy = self.entropy.as_ref();
            let decision = decide(&task, input.clone(), task.read_at_ms, entropy).unwrap();
            let right = Right::Owner(self.tenant.clone(), id.clone());
            let commit = prepare(
                self.blobs.as_ref(),
                &self.tenant,
                right,
                task.version,
                decision,
            )
            .await
            .unwrap();
            if agent_core::ports::store::Commits::transition(self.store.as_ref(), commit)
                .await
                .is_ok()
            {
                return;
            }
        }
    }
}
