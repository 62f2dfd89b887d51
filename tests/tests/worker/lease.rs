//! The lease under load, and what a worker does without one.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use agent_core::budget::Budget;
use agent_core::job::Incarnation;
use agent_core::ports::store::StoreError;
use agent_core::task::TaskState;
use async_trait::async_trait;
use serde_json::json;
use tokio::sync::watch;
use worker::{Lifeline, OpenLifeline, SharedStore};

use crate::fakes::FakeModels;
use crate::flow::{finish, plan, report, step};
use crate::world::World;

const NEVER: Duration = Duration::from_secs(20);

/// Counts heartbeats that were answered, and can be made mute.
#[derive(Clone)]
struct Counted {
    inner: SharedStore,
    beats: Arc<(Mutex<u32>, Condvar)>,
    mute: Arc<Mutex<bool>>,
    epoch: watch::Sender<i64>,
}

impl Counted {
    fn of(world: &World) -> Self {
        Self {
            inner: SharedStore(world.store.clone()),
            beats: Arc::default(),
            mute: Arc::default(),
            epoch: watch::Sender::new(0),
        }
    }

    /// Blocks the thread until so many more heartbeats were answered. Says whether they were.
    fn block_for(&self, more: u32) -> bool {
        let (beats, changed) = self.beats.as_ref();
        let beats = beats.lock().unwrap();
        let wanted = *beats + more;
        let waited = changed.wait_timeout_while(beats, NEVER, |beats| *beats < wanted);
        !waited.unwrap().1.timed_out()
    }
}

#[async_trait]
impl OpenLifeline for Counted {
    async fn open(&self) -> Result<Box<dyn Lifeline>, StoreError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Lifeline for Counted {
    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError> {
        self.epoch.send_replace(who.epoch);
        if *self.mute.lock().unwrap() {
            return Err(StoreError::Unavailable("mute".into()));
        }
        self.inner.heartbeat(who, lease_ms).await?;
        let (beats, changed) = self.beats.as_ref();
        *beats.lock().unwrap() += 1;
        changed.notify_all();
        Ok(())
    }
}

/// The runtime of this test has one thread, and the model keeps it for longer than the lease.
#[tokio::test]
async fn a_worker_whose_threads_are_all_busy_keeps_its_lease() {
    let held: Arc<Mutex<Option<Counted>>> = Arc::default();
    let kept: Arc<Mutex<Vec<bool>>> = Arc::default();
    let (blocking, seen) = (Arc::clone(&held), Arc::clone(&kept));
    let models = FakeModels::new(move |job, _| match job {
        "plan" => {
            // Six beats, each a third of the lease after the one before.
            let lifeline = blocking.lock().unwrap().clone().unwrap();
            seen.lock().unwrap().push(lifeline.block_for(6));
            plan(&[step("one", &[], &json!([]))])
        }
        "report" => report(),
        _ => finish("done"),
    });
    let mut world = World::new(models).await;
    world.options.lease_ms = 300;
    let lifeline = Counted::of(&world);
    *held.lock().unwrap() = Some(lifeline.clone());
    world.lifeline = Some(Arc::new(lifeline));
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    let task = world.until(&id, |task| task.state.is_final()).await;
    assert_eq!(task.state, TaskState::Succeeded);
    assert_eq!(*kept.lock().unwrap(), [true]);
    // A second question for the plan would mean that the first life was lost.
    assert_eq!(world.models.asked()[&("plan".to_owned(), 0)], 1);
    running.drain().await;
}

#[tokio::test]
async fn a_worker_that_cannot_renew_its_lease_begins_a_new_life_and_finishes_the_task() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("one", &[], &json!([]))]),
        "report" => report(),
        _ => finish("done"),
    });
    let mut world = World::new(models).await;
    world.options.lease_ms = 300;
    let lifeline = Counted::of(&world);
    *lifeline.mute.lock().unwrap() = true;
    world.lifeline = Some(Arc::new(lifeline.clone()));
    let running = world.start();
    let mut epoch = lifeline.epoch.subscribe();
    let second = epoch.wait_for(|epoch| *epoch == 2);
    let begun = tokio::time::timeout(NEVER, second).await.unwrap();
    drop(begun.unwrap());
    *lifeline.mute.lock().unwrap() = false;
    let id = world.submit(Budget::default(), None).await;
    let task = world.until(&id, |task| task.state.is_final()).await;
    assert_eq!(task.state, TaskState::Succeeded);
    running.drain().await;
}
