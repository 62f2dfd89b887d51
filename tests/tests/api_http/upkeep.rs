//! Why a task is where it is, and the dead letters.

use agent_core::decide::{Input, SetAside};
use agent_core::id::CallId;
use agent_core::ports::store::{CallChange, Commits};
use agent_core::ports::tool::EffectClass;
use agent_core::queue::Quarantine;
use errand_tests::samples;
use serde_json::json;

use crate::world::{World, bearing};

async fn reasons(world: &World, task: &str) -> Vec<(String, String, bool)> {
    let answer = world.get(&format!("/v1/tasks/{task}/why")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let view = answer.json();
    let rows = view["reasons"].as_array().unwrap().iter();
    rows.map(|row| {
        assert!(
            row["explanation"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        assert!(row["advice"].as_str().is_some_and(|text| !text.is_empty()));
        (
            row["what"].as_str().unwrap().to_owned(),
            row["cause"].as_str().unwrap().to_owned(),
            row["passes"].as_bool().unwrap(),
        )
    })
    .collect()
}

fn one(what: &str, cause: &str, passes: bool) -> Vec<(String, String, bool)> {
    vec![(what.to_owned(), cause.to_owned(), passes)]
}

#[tokio::test]
async fn why_says_that_no_worker_runs_then_who_holds_it_then_what_it_waits_for() {
    let world = World::new().await;
    let task = world.task().await;
    assert_eq!(
        reasons(&world, &task).await,
        one("plan", "no_worker", false)
    );
    let claim = world.plan_and_begin().await;
    assert_eq!(reasons(&world, &task).await, one("step", "held", true));
    let view = world.get(&format!("/v1/tasks/{task}/why")).await.json();
    assert_eq!(view["reasons"][0]["holder"]["worker"], "w");
    world.store.shift_clock(20_000);
    assert_eq!(
        reasons(&world, &task).await,
        one("step", "holder_silent", true)
    );
    world.run_out(&claim).await;
    assert_eq!(reasons(&world, &task).await, one("step", "budget", false));
    world
        .post(&format!("/v1/tasks/{task}/cancel"), &json!({}))
        .await;
    assert_eq!(reasons(&world, &task).await, vec![]);
    let foreign = bearing(
        &world.stranger().await,
        "GET",
        &format!("/v1/tasks/{task}/why"),
    );
    foreign.send(world.address).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_job_that_was_set_aside_is_listed_explained_and_requeued_once() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let aside = SetAside {
        job: claim.job.clone(),
        kind: claim.kind,
        crashes: 3,
        found: Quarantine {
            reason: "a worker died 3 times".to_owned(),
            events: vec![4],
        },
    };
    let step = claim.step.clone();
    world
        .decided(&claim, Input::Quarantined { step, aside })
        .await;
    assert_eq!(
        reasons(&world, &task).await,
        one("step", "quarantined", false)
    );
    let page = world.get("/v1/dead").await.json();
    let letter = &page["data"][0];
    assert_eq!(letter["id"], claim.job.as_str());
    assert_eq!(
        (&letter["kind"], &letter["task"]),
        (&json!("job"), &json!(task))
    );
    assert_eq!(letter["events"], json!([4]));
    let none = world.get("/v1/dead?kind=delivery").await.json();
    assert_eq!(none["data"], json!([]));

    let path = format!("/v1/dead/{}/requeue", claim.job);
    let stranger = world.stranger().await;
    let foreign = bearing(&stranger, "POST", &path).send(world.address).await;
    foreign.problem(404, "not_found");
    let done = world.ask("POST", &path).send(world.address).await;
    assert_eq!(done.json()["requeued"], json!([claim.job.as_str()]));
    world
        .ask("POST", &path)
        .send(world.address)
        .await
        .problem(404, "not_found");
    let again = world.claim().await;
    assert_eq!((again.job, again.crashes), (claim.job, 0));
}

#[tokio::test]
async fn many_are_requeued_at_once_by_kind() {
    let world = World::new().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        world.task().await;
        let claim = world.claim().await;
        let aside = SetAside {
            job: claim.job.clone(),
            kind: claim.kind,
            crashes: 3,
            found: Quarantine {
                reason: "a worker died 3 times".to_owned(),
                events: Vec::new(),
            },
        };
        world
            .decided(&claim, Input::Quarantined { step: None, aside })
            .await;
        jobs.push(claim.job.to_string());
    }
    let body = json!({"kind": "delivery"});
    let none = world.post("/v1/dead/requeue", &body).await.json();
    assert_eq!(none, json!({"requeued": [], "more": false}));
    let body = json!({"kind": "x", "y": 1});
    let faults = world.post("/v1/dead/requeue", &body).await;
    assert_eq!(faults.faults(422, "validation_failed"), ["/kind", "/y"]);
    let done = world
        .post("/v1/dead/requeue", &json!({"kind": "job"}))
        .await;
    let mut done: Vec<String> = serde_json::from_value(done.json()["requeued"].clone()).unwrap();
    done.sort();
    assert_eq!(done, jobs);
    assert_eq!(world.get("/v1/dead").await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_call_in_flight_is_named_and_is_still_shown_when_its_task_was_cancelled() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    let call = CallId::new(world.entropy.as_ref());
    let mut commit = samples::append_note(&claim, "about to send");
    commit.calls = vec![CallChange::Intended {
        call: call.clone(),
        step: claim.step.clone(),
        tool: "send".to_owned(),
        effect: EffectClass::Once,
        key: "k".to_owned(),
    }];
    world.store.append(commit).await.unwrap();
    let path = format!("/v1/tasks/{task}/why");
    let view = world.get(&path).await.json();
    let reason = &view["reasons"][0];
    assert_eq!(
        (&reason["what"], &reason["cause"]),
        (&json!("step"), &json!("held"))
    );
    assert_eq!(reason["call"]["id"], call.as_str());
    assert_eq!(reason["call"]["tool"], "send");
    world
        .post(&format!("/v1/tasks/{task}/cancel"), &json!({}))
        .await;
    assert_eq!(reasons(&world, &task).await, one("call", "cut_off", true));
    let view = world.get(&path).await.json();
    assert_eq!(view["reasons"][0]["call"]["id"], call.as_str());
}
