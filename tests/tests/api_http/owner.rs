//! What an owner does to a task: cancel it, change its limits.

use std::sync::atomic::Ordering;

use agent_core::budget::Spend;
use agent_core::event::NewEvent;
use agent_core::job::JobAfter;
use agent_core::journal::prepare_all;
use agent_core::ports::store::{Append, Commits, Jobs};
use agent_core::ports::upkeep::Upkeep;
use agent_core::queue::{JobPlace, JobStopped, StoppedBy};
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_cancel_ends_the_task_and_repeating_it_changes_nothing() {
    let world = World::new().await;
    let task = world.task().await;
    let path = format!("/v1/tasks/{task}/cancel");
    let first = world.post(&path, &json!({"reason": "not needed"})).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let view = first.json();
    assert_eq!(view["state"], "cancelled");
    assert!(view["error"].as_str().unwrap().contains("not needed"));
    let again = world.post(&path, &json!({"reason": "another"})).await;
    assert_eq!((again.status, again.json()), (200, view));
}

/// Says for the worker that what it held is gone.
async fn tell(world: &World, task: &str) {
    let id = task.parse().unwrap();
    let queue = world.store.task_queue(&world.tenant, &id).await.unwrap();
    let JobPlace::Held(holder) = &queue.jobs[0].place else {
        panic!("no job is held");
    };
    let held = world.store.held(&holder.who).await.unwrap();
    let [stop] = &held[..] else {
        panic!("one job tells of its end: {held:?}");
    };
    let told = NewEvent {
        body: JobStopped {
            job: stop.job.clone(),
            by: StoppedBy::Worker,
            gone: true,
        }
        .into(),
        step: stop.step.clone(),
    };
    let mut commit = Append::of(stop.guard());
    commit.job = JobAfter::Delete;
    commit.events = prepare_all(world.blobs.as_ref(), &world.tenant, &[told])
        .await
        .unwrap();
    world.store.append(commit).await.unwrap();
}

#[tokio::test]
async fn a_receipt_says_what_is_awaited_and_later_what_is_gone() {
    let world = World::new().await;
    let task = world.task().await;
    let path = format!("/v1/tasks/{task}/cancel");
    world.get(&path).await.problem(404, "not_found");
    let claim = world.plan_and_begin().await;
    let answer = world.post(&format!("{path}?wait=0"), &json!({})).await;
    let receipt = answer.json()["cancel"].clone();
    let step = claim.step.unwrap();
    assert_eq!(receipt["complete"], false, "{receipt:#}");
    assert_eq!(receipt["stopped"][0]["kind"], "step");
    assert_eq!(receipt["stopped"][0]["step"]["id"], step.as_str());
    let gone = &receipt["gone"][0];
    assert_eq!(
        (&gone["proof"], &gone["worker"], &gone["job"]),
        (&json!("awaited"), &json!("w"), &json!(claim.job.as_str()))
    );
    assert_eq!(world.get(&path).await.json(), receipt);
    world
        .get(&format!("{path}?wait=soon"))
        .await
        .problem(400, "validation_failed");
    tell(&world, &task).await;
    let told = world.get(&path).await.json();
    assert_eq!(
        (&told["complete"], &told["gone"][0]["proof"]),
        (&json!(true), &json!("worker"))
    );
    assert_eq!(told["stopped"], receipt["stopped"]);
}

#[tokio::test]
async fn a_cancel_answers_as_soon_as_all_is_gone() {
    let world = World::new().await;
    let task = world.task().await;
    world.plan_and_begin().await;
    let path = format!("/v1/tasks/{task}/cancel?wait=60");
    let ask = world.ask("POST", &path);
    let cancel = tokio::spawn(ask.send(world.address));
    let cancelled = async {
        while world.get(&format!("/v1/tasks/{task}")).await.json()["state"] != "cancelled" {
            tokio::task::yield_now().await;
        }
    };
    let soon = std::time::Duration::from_secs(30);
    tokio::time::timeout(soon, cancelled).await.unwrap();
    tell(&world, &task).await;
    let answer = tokio::time::timeout(soon, cancel).await.unwrap().unwrap();
    assert_eq!(
        answer.json()["cancel"]["complete"],
        true,
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_cancel_needs_no_body_and_a_wrong_one_is_refused() {
    let world = World::new().await;
    let task = world.task().await;
    let path = format!("/v1/tasks/{task}/cancel");
    let answer = world.post(&path, &json!({"why": "x", "reason": 5})).await;
    assert_eq!(answer.faults(422, "validation_failed"), ["/reason", "/why"]);
    let answer = world
        .post(&path, &json!({"reason": "x".repeat(20_000)}))
        .await;
    answer.problem(413, "payload_too_large");
    let answer = world.ask("POST", &path).send(world.address).await;
    assert_eq!(answer.json()["state"], "cancelled");
}

#[tokio::test]
async fn a_task_that_moves_meanwhile_is_decided_again() {
    let world = World::new().await;
    let task = world.task().await;
    world.troubled.moves.store(3, Ordering::SeqCst);
    let answer = world
        .post(&format!("/v1/tasks/{task}/cancel"), &json!({}))
        .await;
    assert_eq!(answer.json()["state"], "cancelled");
}

#[tokio::test]
async fn a_task_that_never_rests_is_409_and_not_a_hang() {
    let world = World::new().await;
    let task = world.task().await;
    world.troubled.moves.store(u32::MAX, Ordering::SeqCst);
    let answer = world
        .post(&format!("/v1/tasks/{task}/cancel"), &json!({}))
        .await;
    answer.problem(409, "conflict");
}

#[tokio::test]
async fn a_raised_budget_changes_the_named_limits_and_lets_the_task_go_on() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    world.run_out(&claim).await;
    let path = format!("/v1/tasks/{task}/budget");
    let view = world.post(&path, &json!({"model_calls": 500})).await.json();
    assert_eq!(view["state"], "running", "{view}");
    assert_eq!(view["waiting"], Value::Null);
    assert_eq!(view["budget"]["model_calls"], 500);
    assert_eq!(view["budget"]["tokens"], 2_000_000);
    let seq = view["seq"].clone();
    // The same limits again change nothing.
    let again = world.post(&path, &json!({"model_calls": 500})).await.json();
    assert_eq!(again["seq"], seq);
}

#[tokio::test]
async fn limits_cannot_be_set_below_what_is_used() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let used = Spend {
        model_calls: 7,
        tokens: 900,
        ..Spend::default()
    };
    world.spend(&claim, used).await;
    let path = format!("/v1/tasks/{task}/budget");
    let asked = json!({"model_calls": 6, "tokens": 899, "tool_calls": 0});
    let answer = world.post(&path, &asked).await;
    let found = answer.faults(422, "validation_failed");
    assert_eq!(found, ["/model_calls", "/tokens"]);
    let answer = world
        .post(&path, &json!({"model_calls": 7, "tokens": 900}))
        .await;
    assert_eq!(answer.status, 200, "lowering to what is used is allowed");
}

#[tokio::test]
async fn a_budget_request_says_something_and_only_what_is_known() {
    let world = World::new().await;
    let task = world.task().await;
    let path = format!("/v1/tasks/{task}/budget");
    let answer = world.post(&path, &json!({})).await;
    assert_eq!(answer.faults(422, "validation_failed"), [""]);
    let answer = world.post(&path, &json!({"euros": 5, "tokens": 1.5})).await;
    assert_eq!(
        answer.faults(422, "validation_failed"),
        ["/tokens", "/euros"]
    );
    let answer = world
        .post(&path, &json!({"tokens": 2_000_000_000_u64}))
        .await;
    assert_eq!(answer.faults(422, "validation_failed"), ["/tokens"]);
    world
        .post(&format!("/v1/tasks/{task}/cancel"), &json!({}))
        .await;
    let answer = world.post(&path, &json!({"tokens": 5_000_000})).await;
    answer.problem(409, "conflict");
}

#[tokio::test]
async fn the_running_time_so_far_is_part_of_what_is_spent() {
    let world = World::new().await;
    let task = world.task().await;
    world.plan_and_begin().await;
    world.store.shift_clock(2500);
    let view = world.get(&format!("/v1/tasks/{task}")).await.json();
    assert_eq!(view["spent"]["wall_ms"], 2500, "{view}");
}
