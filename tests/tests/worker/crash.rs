//! A worker dies, or its database fails, at each commit of a task in turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use agent_core::budget::Budget;
use agent_core::event::EventBody;
use agent_core::id::{CallId, TaskId};
use agent_core::journal;
use agent_core::ports::blobs::Blobs;
use agent_core::task::TaskState;
use serde_json::json;

use crate::fakes::{FakeModels, Said};
use crate::faults::{Fault, FaultyStore};
use crate::flow::{finish, plan, report, step};
use crate::world::World;

/// A task with two steps, of which each makes two calls in one turn and one in the next.
fn models() -> Arc<FakeModels> {
    FakeModels::new(|job, turn| {
        let add = |line: &str| ("append", json!({"path": "f.txt", "line": line}));
        match (job, turn) {
            ("plan", _) => plan(&[
                step("one", &[], &json!([])),
                step("two", &["one"], &json!([])),
            ]),
            ("report", _) => report(),
            ("step one", 0) => Said::Calls(vec![add("1"), add("2")]),
            ("step two", 0) => Said::Calls(vec![add("3"), add("4")]),
            (_, 1) => Said::Calls(vec![("tell", json!({"text": "on the way"}))]),
            _ => finish("done"),
        }
    })
}

async fn content(world: &World, id: &TaskId) -> String {
    let task = world.task(id).await;
    let last = task
        .steps
        .iter()
        .rev()
        .find_map(|step| step.snapshot.clone())
        .unwrap();
    let manifest = agent_core::ports::workspaces::Workspaces::manifest(
        world.workspaces.as_ref(),
        &world.tenant,
        &last,
    )
    .await
    .unwrap();
    let blob = &manifest.0["f.txt"].blob;
    String::from_utf8(world.blobs.get(&world.tenant, &blob.hash).await.unwrap()).unwrap()
}

/// Every answer and every result stands in the log exactly once.
async fn assert_nothing_twice(world: &World, id: &TaskId) {
    let mut replies: BTreeMap<(String, Option<String>, u32), u32> = BTreeMap::new();
    let mut results: BTreeMap<CallId, u32> = BTreeMap::new();
    let events = agent_core::ports::store::Tasks::events_after(
        world.store.as_ref(),
        &world.tenant,
        id,
        0,
        10_000,
    )
    .await
    .unwrap();
    for event in &events {
        let step = event.step.as_ref().map(ToString::to_string);
        let body = journal::read(world.blobs.as_ref(), &world.tenant, event)
            .await
            .unwrap();
        if let EventBody::ModelReplied(reply) = body {
            *replies.entry((reply.job, step, reply.turn)).or_default() += 1;
        } else if let EventBody::ToolReturned(returned) = body {
            *results.entry(returned.call).or_default() += 1;
        }
    }
    assert_eq!((replies.len(), results.len()), (8, 6));
    assert!(
        replies
            .values()
            .chain(results.values())
            .all(|times| *times == 1),
        "{replies:?} {results:?}"
    );
}

async fn commits_of_a_quiet_run() -> u32 {
    let world = World::new(models()).await;
    let id = world.submit(Budget::default(), None).await;
    let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, 0);
    let worker = world.start_over(store.clone(), "worker-a");
    world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(content(&world, &id).await, "1\n2\n3\n4\n");
    store.count.load(Ordering::SeqCst)
}

async fn one_fault(fault: Fault, at: u32) {
    let world = World::new(models()).await;
    let id = world.submit(Budget::default(), None).await;
    let store = FaultyStore::new(world.store.clone(), fault, at);
    let mut worker = world.start_over(store.clone(), "worker-a");
    if matches!(fault, Fault::DieBefore | Fault::DieAfter) {
        store.died.notified().await;
        worker.kill().await;
        worker = world.start();
    }
    let task = world.until(&id, |task| task.state.is_final()).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Succeeded, "{fault:?} at {at}");
    assert_eq!(
        content(&world, &id).await,
        "1\n2\n3\n4\n",
        "{fault:?} at {at}"
    );
    assert_nothing_twice(&world, &id).await;
    let asked: u32 = world.models.asked().values().sum();
    let made = world.tools.made().len();
    assert!(
        asked <= 9 && made <= 7,
        "{fault:?} at {at}: only the call in flight may be made again, but {asked} questions, {made} calls"
    );
}

#[tokio::test]
async fn a_worker_that_dies_before_any_commit_costs_at_most_the_call_in_flight() {
    for at in 1..=commits_of_a_quiet_run().await {
        one_fault(Fault::DieBefore, at).await;
    }
}

#[tokio::test]
async fn a_worker_that_dies_after_any_commit_costs_nothing_that_was_committed() {
    for at in 1..=commits_of_a_quiet_run().await {
        one_fault(Fault::DieAfter, at).await;
    }
}

#[tokio::test]
async fn a_database_error_at_any_commit_is_survived_whether_or_not_the_commit_was_saved() {
    let commits = commits_of_a_quiet_run().await;
    let faults = (1..=commits).flat_map(|at| [(Fault::ErrorBefore, at), (Fault::ErrorAfter, at)]);
    // A job that met the error is given back for a second, so these run side by side.
    let runs: Vec<_> = faults
        .map(|(fault, at)| tokio::spawn(one_fault(fault, at)))
        .collect();
    for run in runs {
        run.await.unwrap();
    }
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_leaves_no_job_behind() {
    for at in 1..=4 {
        one_fault(Fault::ClaimLost, at).await;
    }
}

#[tokio::test]
async fn a_call_that_must_not_be_made_twice_is_told_to_the_model_as_unknown_after_a_crash() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("a", &[], &json!([]))]),
        ("report", _) => report(),
        (_, 0) => Said::Calls(vec![
            ("count_up", json!({"by": "1"})),
            ("tell", json!({"text": "counted"})),
        ]),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    // Commits: start, plan accepted, step claimed, reply with the first intent; the fifth is the result.
    let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, 5);
    let first = world.start_over(store.clone(), "worker-a");
    store.died.notified().await;
    first.kill().await;
    let second = world.start();
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    second.drain().await;
    let made: Vec<String> = world
        .tools
        .made()
        .into_iter()
        .map(|(tool, _)| tool)
        .collect();
    assert_eq!(made, ["count_up", "tell"]);
    assert!(world.kinds(&id).await.contains(&"tool.unknown"));
}

#[tokio::test]
async fn a_repeated_call_carries_the_key_of_the_first_attempt() {
    let world = World::new(models()).await;
    let id = world.submit(Budget::default(), None).await;
    let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, 5);
    let first = world.start_over(store.clone(), "worker-a");
    store.died.notified().await;
    first.kill().await;
    let second = world.start();
    world.until_final(&id).await;
    second.drain().await;
    let keys = world.tools.keys.lock().unwrap().clone();
    assert_eq!(keys[0], keys[1]);
    assert_eq!(
        keys.iter().collect::<std::collections::BTreeSet<_>>().len(),
        6
    );
}

#[tokio::test]
async fn another_worker_takes_over_when_the_first_falls_silent() {
    let world = World::new(models()).await;
    let id = world.submit(Budget::default(), None).await;
    let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, 6);
    let first = world.start_over(store.clone(), "worker-a");
    store.died.notified().await;
    first.kill().await;
    let second = world.start_over(world.store.clone(), "worker-b");
    world.store.shift_clock(16_000);
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    second.drain().await;
}
