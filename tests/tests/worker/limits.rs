//! Limits on what one worker does at the same time.

use std::sync::atomic::{AtomicU32, Ordering};

use agent_core::budget::Budget;
use agent_core::event::EventBody;
use agent_core::explain::{Cause, explain};
use agent_core::id::TaskId;
use agent_core::ports::blobs::Blobs as _;
use agent_core::ports::store::Health;
use agent_core::step::{Step, StepState};
use agent_core::task::{TaskState, WaitKind, Waiting};
use serde_json::json;

use crate::fakes::{FakeModels, Said};
use crate::flow::{finish, plan, report, step};
use crate::world::World;

/// Two steps side by side, each of which holds the only line.
async fn two_that_hold() -> World {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("one", &[], &json!([])), step("two", &[], &json!([]))]),
        ("report", _) => report(),
        (_, 0) => Said::Calls(vec![("hold", json!({}))]),
        _ => finish("done"),
    });
    let mut world = World::new(models).await;
    world.options.tool_calls_at_once = [("hold".to_owned(), 1)].into();
    // Nobody gives up waiting unless a test says so.
    world.options.tool_patience_ms = 3_600_000;
    world
}

/// Two steps, each of which holds the only line, beside tasks that have none, on a worker with two places. A step gives its
/// place back as soon as it finds the line held.
async fn two_that_hold_and_give_way() -> World {
    let plans = AtomicU32::new(0);
    let models = FakeModels::new(move |job, turn| match (job, turn) {
        ("plan", _) if plans.fetch_add(1, Ordering::SeqCst) == 0 => {
            plan(&[step("one", &[], &json!([])), step("two", &[], &json!([]))])
        }
        ("plan", _) => plan(&[step("other", &[], &json!([]))]),
        ("report", _) => report(),
        ("step one" | "step two", 0) => Said::Calls(vec![("hold", json!({}))]),
        _ => finish("done"),
    });
    let mut world = World::new(models).await;
    world.options.tool_calls_at_once = [("hold".to_owned(), 1)].into();
    world.options.tool_patience_ms = 1;
    world.options.concurrency = 2;
    // The clock is moved; that is no reason to think a worker dead.
    world.options.lease_ms = 24 * 3_600_000;
    world
}

/// The step that waits for a place, with its job, once it does.
async fn until_given_back(world: &World, id: &TaskId) -> (Waiting, i64) {
    let is_waiting = |step: &&Step| step.state == StepState::Waiting;
    let task = world
        .until(id, |task| task.steps.iter().any(|step| is_waiting(&step)))
        .await;
    let step = task.steps.iter().find(is_waiting).unwrap();
    let until_ms = world.until_delayed(id, &step.id, 0).await;
    (step.waiting.clone().unwrap(), until_ms)
}

#[tokio::test]
async fn a_step_that_waits_for_a_scarce_tool_gives_its_place_to_other_jobs() {
    let world = two_that_hold_and_give_way().await;
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    let (waiting, until_ms) = until_given_back(&world, &id).await;
    assert_eq!(waiting.kind, WaitKind::Capacity);
    assert_eq!(
        waiting.reason,
        "waits for a place of tool hold (limit 1 on this worker)"
    );
    // The call that waits is neither in the log nor charged.
    let task = world.task(&id).await;
    assert_eq!((task.state, task.spent.tool_calls), (TaskState::Running, 1));
    assert_eq!(intents(&world.log(&id).await), 1);
    let queue = world.queue(&id).await;
    let why = explain(&task, &queue, 15_000);
    let why = why.iter().find(|reason| reason.until_ms.is_some()).unwrap();
    assert_eq!((why.cause, why.until_ms), (Cause::Capacity, Some(until_ms)));
    assert_eq!((why.attempts, why.crashes), (0, 0));
    assert!(
        why.explanation.contains("waits for a place of tool hold"),
        "{why:?}"
    );
    // One of the worker's two places is taken by the step that holds. Another task needs one.
    let other = world.submit(Budget::default(), None).await;
    let other = world.until_final(&other).await;
    assert_eq!(other.state, TaskState::Succeeded);
    assert_eq!(world.tools.made().len(), 1);
    world.tools.gate.add_permits(2);
    world.until_final(&id).await;
    running.drain().await;
}

#[tokio::test]
async fn a_step_that_gave_way_is_called_back_when_a_place_is_free() {
    let mut world = two_that_hold_and_give_way().await;
    // A wait for a place is none in vain.
    world.options.trouble_waits_max = 0;
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    let (_, until_ms) = until_given_back(&world, &id).await;
    world.tools.holding.notified().await;
    world.tools.gate.add_permits(1);
    world.tools.holding.notified().await;
    let now_ms = world.store.now_ms().await.unwrap();
    assert!(now_ms < until_ms, "it came only by itself");
    world.tools.gate.add_permits(1);
    let task = world.until_final(&id).await;
    assert_eq!(task.state, TaskState::Succeeded);
    assert_eq!(task.spent.tool_calls, 2);
    assert_eq!(world.tools.made().len(), 2);
    let waits = |body: &&EventBody| matches!(body, EventBody::StepWaiting(_));
    assert_eq!(world.log(&id).await.iter().filter(waits).count(), 1);
    running.drain().await;
}

#[tokio::test]
async fn a_step_that_looks_for_a_place_again_and_finds_none_writes_nothing_into_the_log() {
    let world = two_that_hold_and_give_way().await;
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    let (waiting, until_ms) = until_given_back(&world, &id).await;
    let before = world.log(&id).await.len();
    world.store.shift_clock(60_000);
    let task = world.task(&id).await;
    let waits = |step: &&Step| step.waiting.as_ref() == Some(&waiting);
    let step = task.steps.iter().find(waits).unwrap().id.clone();
    world.until_delayed(&id, &step, until_ms).await;
    assert_eq!(world.log(&id).await.len(), before);
    world.tools.gate.add_permits(2);
    let task = world.until_final(&id).await;
    assert_eq!(task.state, TaskState::Succeeded);
    running.drain().await;
}

#[tokio::test]
async fn a_step_that_found_no_place_finds_one_on_another_worker() {
    let world = two_that_hold_and_give_way().await;
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    until_given_back(&world, &id).await;
    world.tools.holding.notified().await;
    let other = world.start_over(world.store.clone(), "worker-b");
    // Whichever of the two takes it up, it is the other worker that has a place at last.
    while world.tools.made().len() < 2 {
        world.store.shift_clock(60_000);
        let heard = world.tools.holding.notified();
        let _ = tokio::time::timeout(std::time::Duration::from_millis(100), heard).await;
    }
    world.tools.gate.add_permits(2);
    let task = world.until_final(&id).await;
    assert_eq!(task.state, TaskState::Succeeded);
    running.drain().await;
    other.drain().await;
}

/// Waits until both steps have the model's answer, one of them holds and the other one waits for its turn.
async fn until_one_waits(world: &World, id: &TaskId) {
    world.tools.holding.notified().await;
    world
        .until_log(id, |log| {
            let answered = |body: &&EventBody| matches!(body, EventBody::ModelReplied(reply) if reply.job == "step");
            log.iter().filter(answered).count() == 2
        })
        .await;
}

fn intents(log: &[EventBody]) -> usize {
    let intended = |body: &&EventBody| matches!(body, EventBody::ToolIntended(_));
    log.iter().filter(intended).count()
}

#[tokio::test]
async fn a_scarce_tool_is_called_by_one_step_after_the_other() {
    let world = two_that_hold().await;
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    until_one_waits(&world, &id).await;
    assert_eq!(world.tools.made().len(), 1);
    // The call that waits for its turn is not in the log, or a crash would make its outcome unknown.
    assert_eq!(intents(&world.log(&id).await), 1);
    world.tools.gate.add_permits(1);
    world.tools.holding.notified().await;
    assert_eq!(world.tools.made().len(), 2);
    world.tools.gate.add_permits(1);
    let task = world.until(&id, |task| task.state.is_final()).await;
    assert_eq!(task.state, TaskState::Succeeded);
    running.drain().await;
}

#[tokio::test]
async fn a_step_that_waits_for_a_scarce_tool_is_handed_back_at_once_when_the_worker_drains() {
    let world = two_that_hold().await;
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    until_one_waits(&world, &id).await;
    running.stop.cancel();
    // The one that holds is let go only when the other has been handed back.
    world.until_free(&id, 1).await;
    world.tools.gate.add_permits(2);
    running.drain().await;
    let again = world.start();
    let task = world.until(&id, |task| task.state.is_final()).await;
    assert_eq!(task.state, TaskState::Succeeded);
    assert!(
        task.steps
            .iter()
            .all(|step| step.state == StepState::Succeeded)
    );
    assert_eq!(world.tools.made().len(), 2, "nothing was made twice");
    again.drain().await;
}

#[tokio::test]
async fn a_tenant_runs_no_more_jobs_at_once_than_it_may_and_does_not_keep_others_from_theirs() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("one", &[], &json!([]))]),
        ("report", _) => report(),
        (_, 0) => Said::Calls(vec![("hold", json!({}))]),
        _ => finish("done"),
    });
    let mut world = World::new(models).await;
    world.options.tenant_jobs_at_once = 2;
    world.options.concurrency = 10;
    let mut own = Vec::new();
    for _ in 0..5 {
        own.push(world.submit(Budget::default(), None).await);
    }
    let running = world.start();
    for _ in 0..2 {
        world.tools.holding.notified().await;
    }
    let other = world.submit_for_another(Budget::default()).await;
    world.tools.holding.notified().await;
    assert_eq!(
        world.tools.made().len(),
        3,
        "two of its own and the other's"
    );
    world.tools.gate.add_permits(6);
    for id in &own {
        world.until_final(id).await;
    }
    let state = world.state_of_another(&other).await;
    assert_eq!(state, TaskState::Succeeded);
    running.drain().await;
}

#[tokio::test]
async fn a_step_that_needs_a_browser_waits_without_a_lease_until_one_is_free() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("look", &[], &json!([]))]),
        ("report", _) => report(),
        (_, 0) => Said::Calls(vec![("browse", json!({}))]),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    world.tools.no_browser.store(true, Ordering::SeqCst);
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    let (waiting, until_ms) = until_given_back(&world, &id).await;
    assert_eq!(
        waiting.reason,
        "waits for a place of tool browse (limit 3 on this worker)"
    );
    // As long as there is none, nothing is noted, charged or intended.
    let before = world.log(&id).await.len();
    world.store.shift_clock(60_000);
    let step = world.task(&id).await.steps[0].id.clone();
    world.until_delayed(&id, &step, until_ms).await;
    assert_eq!(world.log(&id).await.len(), before);
    assert_eq!(world.task(&id).await.spent.tool_calls, 0);
    world.tools.no_browser.store(false, Ordering::SeqCst);
    world.store.shift_clock(60_000);
    let task = world.until_final(&id).await;
    assert_eq!(
        (task.state, task.spent.tool_calls),
        (TaskState::Succeeded, 1)
    );
    // What it did there can be looked at again.
    let log = world.log(&id).await;
    let acted = log.iter().find_map(|body| {
        let EventBody::BrowserActed(acted) = body else {
            return None;
        };
        Some(acted.clone())
    });
    let acted = acted.unwrap();
    let picture = acted.image.unwrap().blob;
    assert_eq!(
        (acted.action, acted.tool),
        ("open".to_owned(), "browse".to_owned())
    );
    assert_eq!(world.tools.made().len(), 1);
    let kept = world.blobs.get(&task.tenant, &picture.hash).await.unwrap();
    assert_eq!(kept, b"a picture");
    running.drain().await;
}
