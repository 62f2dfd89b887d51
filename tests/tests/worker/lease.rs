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
use worker::{Drained, Lifeline, OpenLifeline, SharedStore};

use crate::fakes::{FakeModels, Said};
use crate::flow::{finish, plan, report, step};
use crate::world::World;

const NEVER: Duration = Duration::from_secs(20);

/// Counts heartbeats that were answered, and can be made mute.
#[derive(Clone)]
struct Counted {
    /// Lifelines that were let go.
    gone: Arc<(Mutex<u32>, Condvar)>,
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
            gone: Arc::default(),
            mute: Arc::default(),
            epoch: watch::Sender::new(0),
        }
    }

    /// Blocks the thread until so many more heartbeats were answered. Says whether they were.
    fn block_for(&self, more: u32) -> bool {
        block_for(&self.beats, more)
    }

    /// Blocks the thread until the heartbeat ended. Says whether it did.
    fn block_until_gone(&self) -> bool {
        block_for(&self.gone, 1)
    }
}

fn block_for((number, changed): &(Mutex<u32>, Condvar), more: u32) -> bool {
    let before = number.lock().unwrap();
    let goal = *before + more;
    let after = changed.wait_timeout_while(before, NEVER, |number| *number < goal);
    !after.unwrap().1.timed_out()
}

/// What the heartbeat holds while it beats.
struct Line(Counted);

impl Drop for Line {
    fn drop(&mut self) {
        let (gone, changed) = self.0.gone.as_ref();
        *gone.lock().unwrap() += 1;
        changed.notify_all();
    }
}

#[async_trait]
impl OpenLifeline for Counted {
    async fn open(&self) -> Result<Box<dyn Lifeline>, StoreError> {
        Ok(Box::new(Line(self.clone())))
    }
}

#[async_trait]
impl Lifeline for Line {
    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError> {
        let counted = &self.0;
        counted.epoch.send_replace(who.epoch);
        if *counted.mute.lock().unwrap() {
            return Err(StoreError::Unavailable("mute".into()));
        }
        counted.inner.heartbeat(who, lease_ms).await?;
        let (beats, changed) = counted.beats.as_ref();
        *beats.lock().unwrap() += 1;
        changed.notify_all();
        Ok(())
    }
}

type Shared<T> = Arc<Mutex<T>>;

/// A worker whose model keeps the one thread of the runtime once, by `block`. What `block` said is pushed to the list.
async fn blocked(block: fn(&Counted) -> bool) -> (World, Shared<Vec<bool>>) {
    let held: Shared<Option<Counted>> = Arc::default();
    let said: Shared<Vec<bool>> = Arc::default();
    let (lifeline, list) = (Arc::clone(&held), Arc::clone(&said));
    let models = FakeModels::new(move |job, _| match job {
        "plan" => {
            if let Some(lifeline) = lifeline.lock().unwrap().take() {
                list.lock().unwrap().push(block(&lifeline));
            }
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
    (world, said)
}

#[tokio::test]
async fn a_worker_whose_threads_are_all_busy_keeps_its_lease() {
    // Six beats, each a third of the lease after the one before.
    let (world, said) = blocked(|lifeline| lifeline.block_for(6)).await;
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    let task = world.until(&id, |task| task.state.is_final()).await;
    assert_eq!(task.state, TaskState::Succeeded);
    assert_eq!(*said.lock().unwrap(), [true]);
    // A second question for the plan would mean that the first life was lost.
    assert_eq!(world.models.asked()[&("plan".to_owned(), 0)], 1);
    running.drain().await;
}

#[tokio::test]
async fn a_worker_that_no_longer_looks_for_jobs_lets_its_lease_lapse() {
    let (world, said) = blocked(Counted::block_until_gone).await;
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    let task = world.until(&id, |task| task.state.is_final()).await;
    // It comes to again, begins a new life and finishes what it was kept from.
    assert_eq!(task.state, TaskState::Succeeded);
    assert_eq!(*said.lock().unwrap(), [true]);
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

/// A worker that is asked to stop while the database is silent has not crashed.
#[tokio::test]
async fn a_stop_while_the_lease_is_lost_charges_nobody() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("one", &[], &json!([]))]),
        ("report", _) => report(),
        (_, 0) => Said::Calls(vec![("hold", json!({}))]),
        _ => finish("done"),
    });
    let mut world = World::new(models).await;
    world.options.lease_ms = 300;
    let lifeline = Counted::of(&world);
    world.lifeline = Some(Arc::new(lifeline.clone()));
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    world.tools.holding.notified().await;
    *lifeline.mute.lock().unwrap() = true;
    // The call goes on until the lease is lost, which comes before the end of the drain.
    assert_eq!(running.drain().await, Drained::Clean);
    *lifeline.mute.lock().unwrap() = false;
    world.tools.gate.add_permits(1);
    let next = world.start();
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    next.drain().await;
    let kinds = world.kinds(&id).await;
    assert!(!kinds.contains(&"job.recovered"), "{kinds:?}");
}

/// The database falls silent again and again while one long call runs. Nothing crashed, so the step is not to blame.
#[tokio::test]
async fn a_job_whose_worker_loses_its_lease_again_and_again_is_not_set_aside() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("one", &[], &json!([]))]),
        ("report", _) => report(),
        (_, 0) => Said::Calls(vec![("hold", json!({}))]),
        _ => finish("done"),
    });
    let mut world = World::new(models).await;
    world.options.lease_ms = 300;
    let lifeline = Counted::of(&world);
    world.lifeline = Some(Arc::new(lifeline.clone()));
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    let losses = i64::from(world.options.crashes_max) + 1;
    for lost in 1..=losses {
        world.tools.holding.notified().await;
        *lifeline.mute.lock().unwrap() = true;
        let mut epoch = lifeline.epoch.subscribe();
        let next = epoch.wait_for(|epoch| *epoch > lost);
        drop(tokio::time::timeout(NEVER, next).await.unwrap().unwrap());
        *lifeline.mute.lock().unwrap() = false;
    }
    world.tools.holding.notified().await;
    world.tools.gate.add_permits(1);
    let task = world.until_final(&id).await;
    assert_eq!(task.state, TaskState::Succeeded);
    running.drain().await;
}
