//! `?wait=`: returns when the task ends or needs a person, and not before.

use std::time::Duration;

use api::Options;
use serde_json::Value;
use tokio::time::Instant;

use crate::world::World;

#[tokio::test]
async fn a_waiting_client_is_answered_as_soon_as_the_task_ends() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let path = format!("/v1/tasks/{task}?wait=15");
    let began = Instant::now();
    let (answer, ()) = tokio::join!(world.get(&path), world.end(&claim));
    let view = answer.json();
    assert_eq!(view["state"], "succeeded", "{view}");
    assert_eq!(view["result"]["answer"], "There are **42** words.");
    assert!(view["finished_at_ms"].is_i64());
    assert_eq!(view["plan"]["version"], 1);
    assert_eq!(view["plan"]["steps"][0]["key"], "count");
    assert_eq!(view["plan"]["steps"][0]["state"], "succeeded");
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "it waited to the end"
    );
    // A task that has ended is answered at once.
    let began = Instant::now();
    assert_eq!(world.get(&path).await.json(), view);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_wait_ends_with_the_task_as_it_is_when_its_time_is_over() {
    let world = World::new().await;
    let task = world.task().await;
    let began = Instant::now();
    let view = world.get(&format!("/v1/tasks/{task}?wait=1")).await.json();
    assert_eq!(view["state"], "queued");
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wait_ends_early_when_a_person_has_to_act() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let path = format!("/v1/tasks/{task}?wait=15");
    let (answer, ()) = tokio::join!(world.get(&path), world.run_out(&claim));
    let view = answer.json();
    assert_eq!(view["state"], "waiting", "{view}");
    assert_eq!(view["waiting"]["kind"], "budget");
    assert_eq!(view["waiting"]["until"], Value::Null);
}

#[tokio::test]
async fn a_bad_wait_is_refused() {
    let world = World::new().await;
    let task = world.task().await;
    for wait in [
        "wait=-1",
        "wait=61",
        "wait=soon",
        "wait=",
        "wiat=5",
        "wait=1&wait=2",
    ] {
        let answer = world.get(&format!("/v1/tasks/{task}?{wait}")).await;
        let found = answer.faults(400, "validation_failed");
        assert_eq!(found.len(), 1, "{wait}");
    }
}

#[tokio::test]
async fn too_many_waits_of_one_tenant_are_429_and_short_requests_go_on() {
    let options = Options {
        watchers_per_tenant_max: 1,
        ..Options::default()
    };
    let world = World::with(options).await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let stream = world.ask("GET", &format!("/v1/tasks/{task}/events"));
    let mut open = crate::client::Open::to(world.address).await;
    open.write(stream.header("accept", "text/event-stream"))
        .await;
    assert_eq!(open.head().await.0, 200);
    let answer = world.get(&format!("/v1/tasks/{task}?wait=5")).await;
    answer.problem(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(world.get(&format!("/v1/tasks/{task}")).await.status, 200);
    world.end(&claim).await;
}
