//! A simulated process: one worker with a runtime of its own, whose time goes on only when the simulation lets it.
//!
//! Dropping the runtime is `kill -9`. A process that is asleep is not run at all, and finds on waking up that its clock went
//! on, as after `SIGSTOP`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use agent_core::ports::store::Store;
use tokio::runtime::Runtime;
use tokio::time::{advance, sleep};

use crate::fakes::{FakeTools, MemoryWorkspaces};
use crate::faults::{Fault, FaultyStore};
use crate::ports::{InProcess, Network, Recorded, Shared, Thinking};
use crate::world::{Running, World};

pub struct Process {
    runtime: Runtime,
    store: Arc<FaultyStore>,
    pub running: Running,
    /// Since when it is asleep, and until when.
    asleep: Option<(i64, i64)>,
    on_the_way: Arc<AtomicI64>,
}

impl Process {
    /// Starts a worker.
    pub fn start(world: &World, shared: &Arc<Shared>, name: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let network = Network {
            shared: Arc::clone(shared),
            process: name,
        };
        let store = FaultyStore::under(
            world.store.clone(),
            Arc::new(network),
            Fault::ErrorBefore,
            0,
        );
        let mut parts = world.parts(store.clone());
        parts.models = Arc::new(Thinking {
            shared: Arc::clone(shared),
            process: name,
            inner: world.models.clone(),
        });
        let on_the_way = Arc::new(AtomicI64::new(0));
        // Each machine has folders of its own.
        let workspaces = Arc::new(MemoryWorkspaces {
            blobs: world.blobs.clone(),
            places: std::sync::Mutex::default(),
        });
        parts.tools = Arc::new(Recorded {
            shared: Arc::clone(shared),
            process: name,
            store: world.store.clone(),
            inner: FakeTools::new(workspaces.clone()),
            on_the_way: Arc::clone(&on_the_way),
        });
        parts.workspaces = workspaces;
        parts.lifeline = InProcess::of(&(store.clone() as Arc<dyn Store>));
        shared.note(name, "starts");
        let running = {
            let _inside = runtime.enter();
            world.run(parts, name)
        };
        Self {
            runtime,
            store,
            running,
            asleep: None,
            on_the_way,
        }
    }

    /// Whether a call has been begun that has had no effect yet.
    pub fn is_about_to_act(&self) -> bool {
        self.on_the_way.load(Ordering::SeqCst) > 0
    }

    /// Stops it until a moment.
    pub fn fall_asleep(&mut self, now_ms: i64, until_ms: i64) {
        let since_ms = self.asleep.map_or(now_ms, |(since_ms, _)| since_ms);
        self.asleep = Some((since_ms, until_ms));
    }

    pub fn is_asleep(&self) -> bool {
        self.asleep.is_some()
    }

    /// Wakes it up if its time has come.
    pub fn wake(&mut self, now_ms: i64) {
        let Some((since_ms, until_ms)) = self.asleep else {
            return;
        };
        if until_ms <= now_ms {
            self.asleep = None;
            let slept = u64::try_from(now_ms - since_ms).unwrap();
            self.runtime.block_on(advance(Duration::from_millis(slept)));
        }
    }

    /// Lets it work for a while. Says whether it died.
    pub fn work(&mut self, ms: u64) -> bool {
        if self.is_asleep() {
            return false;
        }
        let store = &self.store;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = store.died.notified() => true,
                () = sleep(Duration::from_millis(ms)) => false,
            }
        })
    }
}
