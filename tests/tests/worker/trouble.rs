//! Trouble outside: a provider that is down, an answer that cannot be used.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use agent_core::budget::Budget;
use agent_core::ports::model::{FailureClass, ModelFailure};
use agent_core::step::StepState;
use agent_core::task::{Task, TaskState, WaitKind};
use serde_json::json;

use crate::fakes::{FakeModels, MemoryBlobs, Said};
use crate::flow::{finish, plan, report, step};
use crate::world::World;

fn failure(class: FailureClass, message: &str) -> Said {
    Said::Failure(failed(class, message))
}

fn failed(class: FailureClass, message: &str) -> ModelFailure {
    ModelFailure {
        class,
        status: None,
        message: message.to_owned(),
        retryable: true,
        retry_after_ms: None,
        attempts: 1,
        tokens_all_attempts: 0,
    }
}

#[tokio::test]
async fn a_provider_that_is_down_makes_the_task_wait_with_the_reason_and_go_on_afterwards() {
    let failures = Arc::new(AtomicU32::new(0));
    let counted = failures.clone();
    let models = FakeModels::new(move |job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([]))]),
        "report" => report(),
        _ if counted.fetch_add(1, Ordering::SeqCst) < 2 => failure(
            FailureClass::Unreachable,
            "connection refused by 127.0.0.1:9",
        ),
        _ => finish("done"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    let waiting = world.until_waiting(&id).await.waiting.unwrap();
    assert_eq!(waiting.kind, WaitKind::Provider);
    assert!(
        waiting.reason.contains("connection refused") && waiting.until_ms.is_some(),
        "{waiting:?}"
    );
    world.store.shift_clock(10_000);
    world
        .until(&id, |_| failures.load(Ordering::SeqCst) >= 2)
        .await;
    world.until_waiting(&id).await;
    world.store.shift_clock(20_000);
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Succeeded);
}

#[tokio::test]
async fn a_provider_that_stays_down_fails_the_task_at_last_and_says_why() {
    let models = FakeModels::new(|_, _| {
        failure(FailureClass::InvalidResponse, "the endpoint answered HTML")
    });
    let mut world = World::new(models).await;
    world.options.trouble_waits_max = 3;
    world.options.trouble_pause_min_ms = 10;
    world.options.trouble_pause_max_ms = 20;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Failed);
    let error = task.error.unwrap();
    assert!(
        error.contains("answered HTML") && error.contains("after 3 waits"),
        "{error}"
    );
}

#[tokio::test]
async fn a_blob_store_that_is_away_makes_tasks_wait_however_long_and_fails_none() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([]))]),
        "report" => report(),
        _ => finish("done"),
    });
    let mut world = World::new(models).await;
    world.options.trouble_waits_max = 2;
    world.options.trouble_pause_min_ms = 5;
    world.options.trouble_pause_max_ms = 10;
    let id = world.submit(Budget::default(), None).await;
    world.blobs.away.store(true, Ordering::SeqCst);
    let worker = world.start();
    // Far more moves than two waits are.
    let waits = |task: &Task| task.version > 15 && task.state == TaskState::Waiting;
    let waiting = world.until(&id, waits).await.waiting.unwrap();
    assert_eq!(waiting.kind, WaitKind::Capacity);
    assert!(
        waiting
            .reason
            .contains("blob store is unavailable: the disk is full"),
        "{waiting:?}"
    );
    world.blobs.away.store(false, Ordering::SeqCst);
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Succeeded);
    // The plan, the step's one turn and the report: nothing was asked while the blob store was away.
    assert_eq!(task.spent.model_calls, 3);
}

#[tokio::test]
async fn what_a_job_reads_first_may_be_away_for_long_and_the_task_waits_and_says_so() {
    let blobs: Arc<OnceLock<Arc<MemoryBlobs>>> = Arc::default();
    let known = Arc::clone(&blobs);
    let models = FakeModels::new(move |job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([]))]),
        "report" => report(),
        _ => {
            known.get().unwrap().away.store(true, Ordering::SeqCst);
            finish("done")
        }
    });
    let mut world = World::new(models).await;
    // Too long to be kept in a row, so that each job has to fetch it.
    world.goal = "x".repeat(40_000);
    world.options.trouble_pause_min_ms = 5;
    world.options.trouble_pause_max_ms = 10;
    assert!(blobs.set(Arc::clone(&world.blobs)).is_ok());
    let id = world.submit(Budget::default(), None).await;
    world.blobs.away.store(true, Ordering::SeqCst);
    let worker = world.start();
    for asked in [0, 2] {
        let jobs_before = |task: &Task| {
            let done = task
                .steps
                .iter()
                .all(|step| step.state == StepState::Succeeded);
            done && (asked == 0) == task.steps.is_empty()
        };
        let first = world
            .until(&id, |task| {
                task.state == TaskState::Waiting && jobs_before(task)
            })
            .await;
        // It is tried and waits again: two moves each time.
        let again =
            |task: &Task| task.state == TaskState::Waiting && task.version >= first.version + 4;
        let waiting = world.until(&id, again).await.waiting.unwrap();
        assert_eq!(waiting.kind, WaitKind::Capacity);
        assert!(waiting.reason.contains("the disk is full"), "{waiting:?}");
        assert_eq!(world.models.asked().values().sum::<u32>(), asked);
        world.blobs.away.store(false, Ordering::SeqCst);
    }
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Succeeded);
    assert_eq!(task.spent.model_calls, 3);
}

#[tokio::test]
async fn a_report_that_cannot_be_written_still_ends_the_task_with_what_was_found() {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([]))]),
        "report" => Said::Failure(ModelFailure {
            tokens_all_attempts: 7,
            ..failed(FailureClass::Refusal, "I would rather not")
        }),
        _ => finish("the treasure is under the tree"),
    });
    let world = World::new(models).await;
    let id = world.submit(Budget::default(), None).await;
    let worker = world.start();
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Partial);
    // Ten of the plan, ten of the step.
    assert_eq!(task.spent.tokens, 27);
    let text =
        agent_core::journal::load_text(world.blobs.as_ref(), &world.tenant, &task.result.unwrap())
            .await
            .unwrap();
    assert!(
        text.contains("under the tree") && text.contains("I would rather not"),
        "{text}"
    );
}
