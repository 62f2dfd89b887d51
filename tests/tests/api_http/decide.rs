//! What an owner decides about a call whose outcome is unknown: once, in time, and only where something is to be decided.

use agent_core::id::CallId;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::{World, bearing};

async fn decide(world: &World, task: &str, call: &CallId, body: &Value) -> Answer {
    let path = format!("/v1/tasks/{task}/calls/{call}/decision");
    world.post(&path, body).await
}

async fn log(world: &World, task: &str) -> Vec<Value> {
    let page = world.get(&format!("/v1/tasks/{task}/events")).await.json();
    page["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_decision_lets_the_task_go_on_and_stands_in_its_log() {
    for decision in ["done", "not_done", "repeat"] {
        let world = World::new().await;
        let task = world.task().await;
        let claim = world.plan_and_begin().await;
        let call = world.ask_about_a_call(&claim).await;
        let waiting = world.get(&format!("/v1/tasks/{task}")).await.json();
        assert_eq!(waiting["waiting"]["kind"], "approval", "{waiting}");
        let body = json!({"decision": decision, "note": "I looked"});
        let answer = decide(&world, &task, &call, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let view = answer.json();
        assert_eq!(
            (&view["state"], &view["waiting"]),
            (&json!("running"), &Value::Null)
        );
        assert_eq!(view["plan"]["steps"][0]["state"], "ready");
        let events = log(&world, &task).await;
        let decided = events
            .iter()
            .find(|event| event["kind"] == "call.decided")
            .unwrap();
        let wanted = json!({"call": call.as_str(), "tool": "send", "decision": decision, "note": "I looked"});
        assert_eq!(decided["data"], wanted);
        let next = world.claim().await;
        assert_eq!(next.step, claim.step, "the step has a job again");
    }
}

#[tokio::test]
async fn a_second_decision_is_refused_says_what_was_decided_and_changes_nothing() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let call = world.ask_about_a_call(&claim).await;
    let first = decide(&world, &task, &call, &json!({"decision": "done"})).await;
    assert_eq!(first.status, 200);
    let before = log(&world, &task).await.len();
    for decision in ["done", "repeat"] {
        let again = decide(&world, &task, &call, &json!({"decision": decision})).await;
        let problem = again.problem(409, "conflict");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .ends_with("decided before: done")
        );
    }
    assert_eq!(log(&world, &task).await.len(), before);
}

#[tokio::test]
async fn of_two_decisions_at_once_one_counts() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let call = world.ask_about_a_call(&claim).await;
    let (done, repeat) = (json!({"decision": "done"}), json!({"decision": "repeat"}));
    let (one, other) = tokio::join!(
        decide(&world, &task, &call, &done),
        decide(&world, &task, &call, &repeat),
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn a_call_that_waits_for_no_decision_cannot_be_decided() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let call = world.intend(&claim).await;
    let done = json!({"decision": "done"});
    let early = decide(&world, &task, &call, &done).await;
    let problem = early.problem(409, "conflict");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("is being made"),
        "{problem}"
    );
    let unheard_of = CallId::new(world.entropy.as_ref());
    decide(&world, &task, &unheard_of, &done)
        .await
        .problem(404, "not_found");
    let path = format!("/v1/tasks/{task}/calls/nonsense/decision");
    world.post(&path, &done).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_decision_after_the_task_has_ended_is_refused() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let call = world.ask_about_a_call(&claim).await;
    let path = format!("/v1/tasks/{task}/cancel");
    assert_eq!(world.post(&path, &json!({})).await.status, 200);
    let late = decide(&world, &task, &call, &json!({"decision": "done"})).await;
    let problem = late.problem(409, "conflict");
    assert!(
        problem["detail"].as_str().unwrap().contains("cancelled"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_decision_is_one_of_three_and_nothing_else() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let call = world.ask_about_a_call(&claim).await;
    for (body, faults) in [
        (json!({}), vec!["/decision"]),
        (json!({"decision": "undecided"}), vec!["/decision"]),
        (
            json!({"decision": "done", "note": 5, "why": 1}),
            vec!["/note", "/why"],
        ),
    ] {
        let answer = decide(&world, &task, &call, &body).await;
        assert_eq!(answer.faults(422, "validation_failed"), faults, "{body}");
    }
    let long = json!({"decision": "done", "note": "x".repeat(2_001)});
    decide(&world, &task, &call, &long)
        .await
        .problem(413, "payload_too_large");
}

#[tokio::test]
async fn nobody_decides_about_the_calls_of_another_tenant() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let call = world.ask_about_a_call(&claim).await;
    let path = format!("/v1/tasks/{task}/calls/{call}/decision");
    let ask = bearing(&world.stranger().await, "POST", &path);
    let ask = ask.body("application/json", r#"{"decision": "done"}"#);
    ask.send(world.address).await.problem(404, "not_found");
}
