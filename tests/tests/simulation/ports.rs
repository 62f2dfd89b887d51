//! What the workers of a run work with: a store behind a network, a model that thinks, and tools whose effects are written
//! down as they begin. All delays and faults are drawn from the seed.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_core::job::Fence;
use agent_core::ports::model::{ModelFailure, ModelReply, ModelRequest, Models};
use agent_core::ports::store::{Jobs, Store, StoreError};
use agent_core::ports::tool::{ToolBox, ToolCall, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use chaos::random::Random;
use serde_json::Value;
use store_memory::MemoryStore;
use tokio::time::sleep;
use worker::{Beating, Lifeline, OpenLifeline, SharedStore};

use crate::effects::Effect;
use crate::fakes::{FakeModels, FakeTools};
use crate::faults::{Fault, Weather};
use crate::history::History;

/// The longest way of a call to the store, and of its answer.
const WAY_MS_MAX: usize = 15;
/// The longest thought of the model.
const THOUGHT_MS_MAX: usize = 400;
/// The longest that a call takes before its effect begins.
const BEFORE_MS_MAX: usize = 200;
/// The longest that it takes afterwards.
const AFTER_MS_MAX: usize = 300;
/// Of so many calls to the store one meets an error, of as many commits one ends the process.
const ONE_IN: usize = 60;

/// What the parts of a run share.
pub struct Shared {
    pub random: Mutex<Random>,
    pub history: Arc<History>,
    pub effects: Mutex<Vec<Effect>>,
    /// How long the run lasts so far.
    pub now_ms: AtomicI64,
    /// Calls that went anywhere, so that the simulation sees when little happens.
    pub calls: AtomicI64,
    /// Until then the store gives no processes an answer.
    pub silent_until_ms: AtomicI64,
    /// Whether nothing goes wrong any more.
    pub is_calm: AtomicBool,
    /// Answers of commits that were lost.
    pub lost_answers: AtomicI64,
}

impl Shared {
    pub fn below(&self, end: usize) -> usize {
        self.random.lock().unwrap().below(end)
    }

    pub fn ms_below(&self, end: usize) -> u64 {
        u64::try_from(self.below(end)).unwrap()
    }

    pub fn now(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    pub fn note(&self, who: &str, what: &str) {
        self.history.note(self.now(), who, what);
    }

    /// Something takes its time.
    async fn take(&self, ms_max: usize) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let ms = self.ms_below(ms_max);
        sleep(Duration::from_millis(ms)).await;
    }

    fn fault(&self, verb: &str) -> Option<Fault> {
        if self.is_calm.load(Ordering::SeqCst) {
            return None;
        }
        if self.now() < self.silent_until_ms.load(Ordering::SeqCst) {
            return Some(Fault::ErrorBefore);
        }
        let is_commit = matches!(verb, "append" | "transition");
        match self.below(ONE_IN) {
            0 => Some(Fault::ErrorBefore),
            1 => {
                self.lost_answers
                    .fetch_add(i64::from(is_commit), Ordering::SeqCst);
                Some(Fault::ErrorAfter)
            }
            2 if is_commit && self.below(2) == 0 => Some(Fault::DieBefore),
            2 if is_commit => Some(Fault::DieAfter),
            _ => None,
        }
    }
}

/// The network between one process and the store.
pub struct Network {
    pub shared: Arc<Shared>,
    pub process: &'static str,
}

#[async_trait]
impl Weather for Network {
    async fn going(&self, verb: &'static str) -> Option<Fault> {
        self.shared.take(WAY_MS_MAX).await;
        let fault = self.shared.fault(verb);
        let what = format!(
            "{verb} {}",
            fault.map_or_else(String::new, |fault| format!("{fault:?}"))
        );
        self.shared.note(self.process, what.trim_end());
        fault
    }

    async fn coming(&self, verb: &'static str, refused: Option<&StoreError>) {
        self.shared.take(WAY_MS_MAX).await;
        if let Some(refused) = refused {
            self.shared
                .note(self.process, &format!("{verb} was answered: {refused}"));
        }
    }
}

/// A heartbeat that runs among the other tasks of its process: so it stops when they do.
pub struct InProcess(pub SharedStore);

#[async_trait]
impl OpenLifeline for InProcess {
    async fn open(&self) -> Result<Box<dyn Lifeline>, StoreError> {
        self.0.open().await
    }

    fn run(&self, heartbeat: Beating) -> std::io::Result<()> {
        tokio::spawn(heartbeat);
        Ok(())
    }
}

impl InProcess {
    pub fn of(store: &Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self(SharedStore(Arc::clone(store))))
    }
}

/// A model that thinks.
pub struct Thinking {
    pub shared: Arc<Shared>,
    pub process: &'static str,
    pub inner: Arc<FakeModels>,
}

#[async_trait]
impl Models for Thinking {
    async fn ask(&self, request: ModelRequest) -> Result<ModelReply, ModelFailure> {
        self.shared.note(self.process, "asks the model");
        self.shared.take(THOUGHT_MS_MAX).await;
        self.inner.ask(request).await
    }
}

/// Tools of one process. A call takes a while before its effect begins, and a while after it.
pub struct Recorded {
    pub shared: Arc<Shared>,
    pub process: &'static str,
    pub store: Arc<MemoryStore>,
    pub inner: Arc<FakeTools>,
    /// Calls that have been begun and have had no effect yet.
    pub on_the_way: Arc<AtomicI64>,
}

/// A call that has had no effect yet.
struct OnTheWay<'a>(&'a AtomicI64);

impl<'a> OnTheWay<'a> {
    fn of(count: &'a AtomicI64) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for OnTheWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Recorded {
    async fn effect(&self, call: &ToolCall) -> Effect {
        let jobs = self.store.jobs(&call.place.task);
        let job = jobs
            .into_iter()
            .find(|job| job.step.as_ref() == Some(&call.place.step));
        let is_held = match job {
            Some(job) => {
                let lost = self.store.lost(&[(job.job, Fence(call.fence))]).await;
                lost.unwrap().is_empty()
            }
            None => false,
        };
        let calls = self.store.calls();
        let recorded = calls.iter().find(|row| row.call == call.call);
        Effect {
            step: call.place.step.clone(),
            tool: call.tool.clone(),
            key: call.key.clone(),
            fence: call.fence,
            is_stale: !is_held,
            is_open: recorded.is_some_and(|row| row.settled.is_none()),
        }
    }
}

#[async_trait]
impl ToolBox for Recorded {
    fn specs(&self) -> &[ToolSpec] {
        self.inner.specs()
    }

    fn summary(&self, tool: &str, arguments: &Value) -> String {
        self.inner.summary(tool, arguments)
    }

    async fn run(&self, call: &ToolCall) -> Result<ToolOutcome, ToolError> {
        let on_the_way = OnTheWay::of(&self.on_the_way);
        self.shared.take(BEFORE_MS_MAX).await;
        drop(on_the_way);
        let effect = self.effect(call).await;
        self.shared.note(self.process, &format!("{effect:?}"));
        self.shared.effects.lock().unwrap().push(effect);
        let outcome = self.inner.run(call).await;
        self.shared.take(AFTER_MS_MAX).await;
        outcome
    }
}
