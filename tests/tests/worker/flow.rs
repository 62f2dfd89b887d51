//! From goal to report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use agent_core::budget::Budget;
use agent_core::decide::Input;
use agent_core::event::EventBody;
use agent_core::job::JobKind;
use agent_core::ports::model::Message;
use agent_core::ports::store::StoreError;
use agent_core::ports::upkeep::Upkeep as _;
use agent_core::step::StepState;
use agent_core::task::{TaskResult, TaskState};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::watch;
use worker::Drained;

use crate::fakes::{FakeModels, Said};
use crate::faults::{Fault, FaultyStore, Weather};
use crate::world::World;

pub fn step(key: &str, depends_on: &[&str], acceptance: &Value) -> Value {
    json!({"key": key, "title": key, "instructions": "do it", "depends_on": depends_on, "acceptance": acceptance})
}

pub fn plan(steps: &[Value]) -> Said {
    Said::Json(json!({"overview": "so", "steps": steps}))
}

pub fn finish(result: &str) -> Said {
    Said::Calls(vec![("finish", json!({"result": result}))])
}

pub fn report() -> Said {
    Said::Json(json!({"answer": "All done.", "not_done": []}))
}

async fn result(world: &World, stored: Option<&agent_core::blob::Stored>) -> TaskResult {
    let text = agent_core::journal::load_text(world.blobs.as_ref(), &world.tenant, stored.unwrap())
        .await
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn what_the_end_of_a_job_releases_goes_on_at_once_without_being_claimed() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", 0) => plan(&[
            step("first", &[], &json!([])),
            step("second", &["first"], &json!([])),
        ]),
        ("step first" | "step second", 0) => finish("done"),
        ("report", 0) => report(),
        other => panic!("not asked for: {other:?}"),
    });
    let world = World::new(models).await;
    let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, 0);
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start_over(store.clone(), "worker-a");
    let task = world.until_final(&id).await;
    assert_eq!(worker.drain().await, Drained::Clean);
    assert_eq!(task.state, TaskState::Succeeded);
    let claimed = store.claimed.lock().unwrap().clone();
    assert_eq!(claimed, [JobKind::Plan], "two steps and the report follow");
}

/// Keeps back the answer to each transition until the worker has compared what it runs with the queue that the transition
/// left behind.
#[derive(Default)]
struct LookedAtMeanwhile {
    begun: AtomicU32,
    answered: watch::Sender<u32>,
}

#[async_trait]
impl Weather for LookedAtMeanwhile {
    async fn going(&self, verb: &'static str) -> Option<Fault> {
        if verb == "lost" {
            self.begun.fetch_add(1, Ordering::SeqCst);
        }
        None
    }

    async fn coming(&self, verb: &'static str, _refused: Option<&StoreError>) {
        let begun = self.begun.load(Ordering::SeqCst);
        match verb {
            "lost" => drop(self.answered.send_replace(begun)),
            "transition" => {
                let mut answered = self.answered.subscribe();
                let later = answered.wait_for(|looks| *looks > begun).await;
                drop(later.unwrap());
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_job_that_ended_itself_is_not_taken_for_one_that_was_taken_away() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("only", &[], &json!([]))]),
        "report" => report(),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let weather = Arc::new(LookedAtMeanwhile::default());
    let store = FaultyStore::under(world.store.clone(), weather, Fault::DieBefore, 0);
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start_over(store.clone(), "worker-a");
    let task = world.until_final(&id).await;
    worker.kill().await;
    assert_eq!(task.state, TaskState::Succeeded);
    let claimed = store.claimed.lock().unwrap().clone();
    assert_eq!(
        claimed,
        [JobKind::Plan],
        "the step and the report were handed over"
    );
}

#[tokio::test]
async fn a_goal_becomes_a_plan_steps_files_and_a_checked_report() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", 0) => plan(&[
            step(
                "left",
                &[],
                &json!([{"check": "file_contains", "path": "left.txt", "text": "l1"}]),
            ),
            step("right", &[], &json!([])),
            step(
                "join",
                &["left", "right"],
                &json!([{"check": "artifact_published", "name": "out"}]),
            ),
        ]),
        ("step left", 0) => Said::Calls(vec![
            ("append", json!({"path": "left.txt", "line": "l1"})),
            ("tell", json!({"text": "hello"})),
        ]),
        ("step right", 0) => {
            Said::Calls(vec![("append", json!({"path": "right.txt", "line": "r1"}))])
        }
        ("step join", 0) => Said::Calls(vec![("hand_over", json!({"name": "out"}))]),
        ("step left" | "step right" | "step join", 1) => finish("done"),
        ("report", 0) => report(),
        other => panic!("not asked for: {other:?}"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    let task = world.until_final(&id).await;
    assert_eq!(worker.drain().await, Drained::Clean);

    assert_eq!(task.state, TaskState::Succeeded);
    let verdicts = result(&world, task.result.as_ref()).await.criteria;
    assert!(
        verdicts.iter().all(|verdict| verdict.holds == Some(true)) && verdicts.len() == 2,
        "{verdicts:?}"
    );
    let joined = world.models.histories.lock().unwrap().clone();
    let (_, history) = joined.iter().find(|(job, _)| job == "step join").unwrap();
    let Message::User { text } = &history[1] else {
        panic!("no opening")
    };
    assert!(
        text.contains("left.txt (3 bytes)") && text.contains("right.txt (3 bytes)"),
        "{text}"
    );
    let kinds = world.kinds(&id).await;
    assert_eq!(
        kinds
            .iter()
            .filter(|kind| **kind == "task.finished")
            .count(),
        1
    );
    assert!(kinds.contains(&"note.added") && kinds.contains(&"artifact.published"));
}

#[tokio::test]
async fn tasks_submitted_while_no_worker_runs_are_done_when_one_comes() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("only", &[], &json!([]))]),
        "report" => report(),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(world.submit(Budget::default(), None).await);
    }
    let worker = world.start();
    for id in &ids {
        assert_eq!(world.until_final(id).await.state, TaskState::Succeeded);
    }
    worker.drain().await;
}

#[tokio::test]
async fn a_failed_step_leads_to_one_new_plan_and_then_to_an_honest_partial_result() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[
            step("good", &[], &json!([])),
            step("bad", &[], &json!([])),
            step("after", &["bad"], &json!([])),
        ]),
        "replan" => plan(&[step("bad-again", &["good"], &json!([]))]),
        "step good" => finish("found it"),
        "report" => Said::Json(json!({"answer": "Half of it.", "not_done": []})),
        _ => Said::Calls(vec![(
            "finish",
            json!({"result": "cannot", "failed": true}),
        )]),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Partial);
    let states: Vec<(String, StepState)> = task
        .steps
        .iter()
        .map(|step| (step.key.clone(), step.state))
        .collect();
    let expected = [
        ("good", StepState::Succeeded),
        ("bad", StepState::Failed),
        ("after", StepState::Skipped),
        ("bad-again", StepState::Failed),
    ];
    assert_eq!(states, expected.map(|(key, state)| (key.to_owned(), state)));
    assert_eq!(
        world
            .models
            .asked()
            .keys()
            .filter(|(job, _)| job == "replan")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_plan_with_faults_is_mended_once_by_the_planner() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", 0) => plan(&[step("a", &["b"], &json!([])), step("b", &["a"], &json!([]))]),
        ("plan", 1) => plan(&[step("a", &[], &json!([]))]),
        ("report", _) => report(),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    worker.drain().await;
}

#[tokio::test]
async fn a_planner_that_only_makes_faulty_plans_fails_the_task_with_the_faults() {
    let models = FakeModels::new(|_, _| plan(&[step("a", &["a"], &json!([]))]));
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Failed);
    assert!(task.error.unwrap().contains("depends on itself"));
}

#[tokio::test]
async fn a_model_that_only_talks_is_told_to_act_and_then_given_up() {
    let models = FakeModels::new(|job, _| match job {
        "plan" | "replan" => plan(&[step(
            if job == "plan" { "talk" } else { "talk-more" },
            &[],
            &json!([]),
        )]),
        "report" => {
            Said::Json(json!({"answer": "Nothing came of it.", "not_done": ["everything"]}))
        }
        _ => Said::Text("I would now do the work."),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(
        (task.state, task.error.as_deref()),
        (TaskState::Failed, Some("everything"))
    );
}

#[tokio::test]
async fn a_refuted_criterion_makes_the_result_partial_whatever_the_model_says() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step(
            "a",
            &[],
            &json!([{"check": "file_exists", "path": "report.md"}]),
        )]),
        "report" => report(),
        _ => finish("I wrote report.md"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Partial);
}

#[tokio::test]
async fn a_cancel_ends_the_running_call_and_nothing_goes_on() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([])), step("b", &["a"], &json!([]))]),
        _ => Said::Calls(vec![("hold", json!({}))]),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    world.tools.holding.notified().await;
    world
        .owner(&id, Input::CancelRequested { reason: None })
        .await;
    let dropped = async {
        while *world.tools.dropped.lock().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), dropped)
        .await
        .unwrap();
    worker.drain().await;
    let task = world.task(&id).await;
    assert_eq!(task.state, TaskState::Cancelled);
    assert!(
        task.steps
            .iter()
            .all(|step| step.state == StepState::Cancelled)
    );
    let kinds = world.kinds(&id).await;
    assert_eq!(kinds[kinds.len() - 2..], ["task.finished", "job.stopped"]);
}

#[tokio::test]
async fn a_worker_that_learns_of_a_cancel_at_its_next_commit_tells_of_the_end_too() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([]))]),
        _ => Said::Calls(vec![("hold", json!({}))]),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    world.tools.holding.notified().await;
    world
        .owner(&id, Input::CancelRequested { reason: None })
        .await;
    world.tools.gate.add_permits(1);
    let told = async {
        while world.kinds(&id).await.last() != Some(&"job.stopped") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), told)
        .await
        .unwrap();
    let queue = world.store.task_queue(&world.tenant, &id).await.unwrap();
    assert_eq!(queue.jobs, []);
    worker.drain().await;
}

#[tokio::test]
async fn a_drained_worker_hands_its_step_back_and_another_goes_on_from_the_last_turn() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("a", &[], &json!([]))]),
        ("report", _) => report(),
        ("step a", 0) => Said::Calls(vec![
            ("hold", json!({})),
            ("append", json!({"path": "f", "line": "x"})),
        ]),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let first = world.start();
    world.tools.holding.notified().await;
    first.stop.cancel();
    world.tools.gate.add_permits(1);
    assert_eq!(first.drain().await, Drained::Clean);
    assert_eq!(world.task(&id).await.state, TaskState::Running);
    let second = world.start();
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    second.drain().await;
    let made: Vec<String> = world
        .tools
        .made()
        .into_iter()
        .map(|(tool, _)| tool)
        .collect();
    assert_eq!(made, ["hold", "append"]);
    assert!(world.models.asked().values().all(|times| *times == 1));
    assert!(
        world
            .log(&id)
            .await
            .iter()
            .any(|body| matches!(body, EventBody::StepResumed(_)))
    );
}

#[tokio::test]
async fn a_second_signal_cuts_the_running_call_off_and_the_step_is_free_at_once() {
    let models = FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("a", &[], &json!([]))]),
        ("report", _) => report(),
        ("step a", 0) => Said::Calls(vec![("hold", json!({}))]),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let first = world.start();
    world.tools.holding.notified().await;
    first.at_once.cancel();
    assert_eq!(first.drain().await, Drained::Cut);
    assert_eq!(*world.tools.dropped.lock().unwrap(), 1);
    world.tools.gate.add_permits(1);
    let second = world.start_over(world.store.clone(), "worker-b");
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    second.drain().await;
}
