//! Jobs on which workers die: they are set aside, others go on, and a requeue lets them go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agent_core::budget::Budget;
use agent_core::decide::Input;
use agent_core::event::EventBody;
use agent_core::id::{JobId, TaskId};
use agent_core::job::WorkerName;
use agent_core::ports::store::{Jobs, Room};
use agent_core::ports::upkeep::Upkeep;
use agent_core::queue::{DeadId, DeadKind, DeadLetter, DeadQuery};
use agent_core::step::StepState;
use agent_core::task::{TaskState, WaitKind};
use serde_json::json;

use crate::fakes::{FakeModels, Said};
use crate::faults::{Fault, FaultyStore};
use crate::flow::{finish, plan, report, step};
use crate::world::World;

const ALL: DeadQuery = DeadQuery {
    kind: None,
    before_ms: None,
    after: None,
    limit: 100,
};

async fn dead(world: &World) -> Vec<DeadLetter> {
    world.store.list_dead(&world.tenant, &ALL).await.unwrap()
}

/// Starts workers that are killed in the call that holds, until the task waits. Says how many died.
async fn kill_until_waiting(world: &World, id: &TaskId) -> u32 {
    for died in 0..20 {
        let worker = world.start();
        let waits = tokio::select! {
            () = world.tools.holding.notified() => false,
            _ = world.until_waiting(id) => true,
        };
        worker.kill().await;
        if waits {
            return died;
        }
    }
    panic!("twenty workers died and nothing was set aside");
}

#[tokio::test]
async fn a_step_that_kills_every_worker_is_set_aside_while_others_go_on_and_a_requeue_lets_it_go_on()
 {
    let healed = Arc::new(AtomicBool::new(false));
    let is_healed = healed.clone();
    let models = FakeModels::new(move |job, _| match job {
        "plan" => plan(&[
            step("deadly", &[], &json!([])),
            step("fine", &[], &json!([])),
            step("after", &["fine"], &json!([])),
        ]),
        "report" => report(),
        "step deadly" if !is_healed.load(Ordering::SeqCst) => {
            Said::Calls(vec![("hold", json!({}))])
        }
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    kill_until_waiting(&world, &id).await;

    let task = world.task(&id).await;
    let waiting = task.waiting.clone().unwrap();
    assert_eq!(waiting.kind, WaitKind::Input);
    assert!(waiting.reason.contains("errand dead list"), "{waiting:?}");
    let states: Vec<(&str, StepState)> = task
        .steps
        .iter()
        .map(|step| (step.key.as_str(), step.state))
        .collect();
    let wanted = [
        ("deadly", StepState::Waiting),
        ("fine", StepState::Succeeded),
        ("after", StepState::Succeeded),
    ];
    assert_eq!(states, wanted);
    let letters = dead(&world).await;
    let [letter] = &letters[..] else {
        panic!("one dead letter: {letters:?}");
    };
    assert_eq!((letter.kind, &letter.task), (DeadKind::Job, &id));
    assert_eq!(letter.step.as_ref(), Some(&task.steps[0].id));
    assert!(letter.reason.contains("tool.intended"), "{letter:?}");
    assert!(
        letter.crashes >= 3 && !letter.events.is_empty(),
        "{letter:?}"
    );
    let log = world.log(&id).await;
    let told = log.iter().any(|body| {
        matches!(body, EventBody::JobQuarantined(found) if found.last_events == letter.events)
    });
    assert!(told, "{log:?}");

    // A raised budget is no reason to let it kill again.
    let budget = Budget {
        model_calls: 1_000,
        ..Budget::default()
    };
    world.owner(&id, Input::BudgetRaised { budget }).await;
    let worker = world.start();
    assert_eq!(world.task(&id).await.state, TaskState::Waiting);

    healed.store(true, Ordering::SeqCst);
    let DeadId::Job(job) = letter.id.clone() else {
        panic!("a job: {letter:?}");
    };
    let step = letter.step.clone();
    world.tools.gate.add_permits(1);
    world.owner(&id, Input::Requeued { step, job }).await;
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    worker.drain().await;
    assert_eq!(dead(&world).await, vec![]);
}

#[tokio::test]
async fn a_step_that_gets_further_with_each_worker_is_never_set_aside() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("long", &[], &json!([]))]),
        ("report", _) => report(),
        ("step long", 0..9) => Said::Calls(vec![(
            "append",
            json!({"path": "f", "line": turn.to_string()}),
        )]),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let mut died = 0;
    // Each of these workers dies six commits after it began: the step gets one turn further each time.
    for _ in 0..6 {
        let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, 6);
        let worker = world.start_over(store.clone(), "worker-a");
        tokio::select! {
            () = store.died.notified() => died += 1,
            _ = world.until_final(&id) => {}
        }
        worker.kill().await;
    }
    assert!(died > 3, "{died}");
    let worker = world.start();
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    worker.drain().await;
    assert_eq!(dead(&world).await, vec![]);
}

/// A worker dies on everything that is ready, so many times.
async fn die(world: &World, times: u32) {
    for _ in 0..times {
        let name = WorkerName("worker-a".to_owned());
        let life = world.store.begin(&name).await.unwrap();
        let claims = world
            .store
            .claim(&life, 15_000, &Room::of(10))
            .await
            .unwrap();
        assert!(!claims.is_empty());
    }
}

#[tokio::test]
async fn a_plan_job_that_kills_every_worker_is_set_aside_and_can_be_requeued() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([]))]),
        "report" => report(),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    die(&world, 3).await;
    let worker = world.start();
    let task = world.until_waiting(&id).await;
    assert_eq!(task.waiting.unwrap().kind, WaitKind::Input);
    let letters = dead(&world).await;
    assert_eq!((letters.len(), letters[0].crashes), (1, 3));
    let DeadId::Job(job) = letters[0].id.clone() else {
        panic!("a job: {letters:?}");
    };
    world.owner(&id, Input::Requeued { step: None, job }).await;
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    worker.drain().await;
}

#[tokio::test]
async fn a_plan_that_gets_further_with_each_worker_is_never_set_aside() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", 0) => plan(&[step("a", &["nowhere"], &json!([]))]),
        ("plan", _) => plan(&[step("a", &[], &json!([]))]),
        ("report", _) => report(),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    // Twice before its first commit, once after the planner's first answer was saved, and once more.
    for commit in [1, 1, 3, 1] {
        let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, commit);
        let worker = world.start_over(store.clone(), "worker-a");
        store.died.notified().await;
        worker.kill().await;
    }
    let worker = world.start();
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    worker.drain().await;
    assert_eq!(dead(&world).await, vec![]);
    let noted: Vec<u32> = world
        .log(&id)
        .await
        .into_iter()
        .filter_map(|body| {
            let EventBody::JobRecovered(recovered) = body else {
                return None;
            };
            Some(recovered.crashes)
        })
        .collect();
    assert_eq!(noted, [2, 4]);
}

async fn until_dead(world: &World, count: usize) -> Vec<DeadLetter> {
    let found = async {
        loop {
            let letters = dead(world).await;
            if letters.len() == count {
                return letters;
            }
            tokio::task::yield_now().await;
        }
    };
    let at_most = std::time::Duration::from_secs(20);
    tokio::time::timeout(at_most, found).await.unwrap()
}

#[tokio::test]
async fn a_job_whose_task_cannot_be_read_is_set_aside_and_others_go_on() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([]))]),
        "report" => report(),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let damaged = world.submit(Budget::default(), None).await;
    let fine = world.submit(Budget::default(), None).await;
    let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, 0);
    store.damaged.lock().unwrap().insert(damaged.to_string());
    let worker = world.start_over(store.clone(), "worker-a");
    assert_eq!(world.until_final(&fine).await.state, TaskState::Succeeded);
    let letter = until_dead(&world, 1).await.remove(0);
    assert_eq!(
        (letter.kind, &letter.task),
        (DeadKind::Unreadable, &damaged)
    );
    let told = format!("task.state of {damaged} is corrupt");
    assert_eq!(letter.reason, told);
    // It lies where it is until somebody has mended the row.
    store.damaged.lock().unwrap().clear();
    let unused = JobId::new(world.entropy.as_ref());
    let requeued = world.store.requeue_dead(&world.tenant, &letter.id, &unused);
    requeued.await.unwrap();
    assert_eq!(
        world.until_final(&damaged).await.state,
        TaskState::Succeeded
    );
    worker.drain().await;
}

#[tokio::test]
async fn a_step_whose_files_cannot_be_read_is_set_aside_and_goes_on_once_they_can() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([]))]),
        "report" => report(),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    world.blobs.spoilt.store(true, Ordering::SeqCst);
    let worker = world.start();
    let task = world.until_waiting(&id).await;
    let letter = until_dead(&world, 1).await.remove(0);
    assert!(letter.reason.contains("is corrupt"), "{letter:?}");
    assert_eq!(task.steps[0].state, StepState::Waiting);
    let waiting = task.waiting.unwrap();
    assert_eq!(waiting.kind, WaitKind::Input);
    assert!(waiting.reason.contains("errand dead requeue"));
    assert_eq!(task.replans, 0, "nothing was decided without them");
    world.blobs.spoilt.store(false, Ordering::SeqCst);
    let DeadId::Job(job) = letter.id else {
        panic!("a job was set aside: {letter:?}");
    };
    let step = letter.step;
    world.owner(&id, Input::Requeued { step, job }).await;
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    worker.drain().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_set_aside() {
    let world = World::new(FakeModels::new(|_, _| report())).await;
    let id = world
        .submit(Budget::default(), Some("http://127.0.0.1:9/nobody"))
        .await;
    world
        .owner(&id, Input::CancelRequested { reason: None })
        .await;
    let queue = world.store.task_queue(&world.tenant, &id).await.unwrap();
    let message = queue.jobs.into_iter().find_map(|job| job.delivery).unwrap();
    let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, 0);
    store.damaged.lock().unwrap().insert(message.to_string());
    let worker = world.start_over(store, "worker-a");
    let letter = until_dead(&world, 1).await.remove(0);
    worker.drain().await;
    assert_eq!(letter.kind, DeadKind::Unreadable);
    assert_eq!(letter.job_kind, "deliver");
    assert!(letter.reason.contains("is corrupt"), "{letter:?}");
}

#[tokio::test]
async fn a_message_that_kills_every_worker_is_a_dead_letter_and_is_not_tried() {
    let world = World::new(FakeModels::new(|_, _| report())).await;
    let id = world
        .submit(Budget::default(), Some("http://127.0.0.1:9/nobody"))
        .await;
    world
        .owner(&id, Input::CancelRequested { reason: None })
        .await;
    die(&world, 3).await;
    let worker = world.start();
    let letter = until_dead(&world, 1).await.remove(0);
    worker.drain().await;
    assert_eq!((letter.kind, letter.crashes), (DeadKind::Delivery, 3));
    assert!(letter.reason.contains("died 3 times"), "{letter:?}");
    let again = JobId::new(world.entropy.as_ref());
    let requeued = world.store.requeue_dead(&world.tenant, &letter.id, &again);
    requeued.await.unwrap();
    assert_eq!(dead(&world).await, vec![]);
}
