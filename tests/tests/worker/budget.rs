//! Budgets: a task that has used one up waits, and goes on when it is raised.

use agent_core::budget::Budget;
use agent_core::decide::Input;
use agent_core::task::{TaskState, WaitKind};
use serde_json::json;

use crate::fakes::{FakeModels, Said};
use crate::flow::{finish, plan, report, step};
use crate::world::World;

fn models() -> std::sync::Arc<FakeModels> {
    FakeModels::new(|job, turn| match (job, turn) {
        ("plan", _) => plan(&[step("a", &[], &json!([]))]),
        ("report", _) => report(),
        (_, 0) => Said::Calls(vec![
            ("append", json!({"path": "f", "line": "1"})),
            ("append", json!({"path": "f", "line": "2"})),
        ]),
        _ => finish("done"),
    })
}

async fn waits_and_goes_on(short: Budget) {
    let world = World::new(models()).await;
    let id = world.submit(short, None).await;
    let worker = world.start();
    let waiting = world.until_waiting(&id).await;
    let why = waiting.waiting.unwrap();
    assert_eq!((why.kind, why.until_ms), (WaitKind::Budget, None));
    assert!(why.reason.contains("raise it"), "{}", why.reason);
    let (spent, limit) = (waiting.spent, short);
    assert!(
        u64::try_from(spent.model_calls).unwrap() <= limit.model_calls,
        "{spent:?}"
    );
    assert!(
        u64::try_from(spent.tool_calls).unwrap() <= limit.tool_calls,
        "{spent:?}"
    );
    world
        .owner(
            &id,
            Input::BudgetRaised {
                budget: Budget::default(),
            },
        )
        .await;
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Succeeded);
    assert_eq!(
        (
            task.spent.model_calls,
            task.spent.tool_calls,
            task.spent.tokens
        ),
        (4, 2, 40)
    );
    assert_eq!(world.tools.made().len(), 2, "no call was made twice");
    assert!(
        world.models.asked().values().all(|times| *times == 1),
        "no question was put twice"
    );
}

#[tokio::test]
async fn every_number_of_model_calls_stops_the_task_there_and_not_for_good() {
    for model_calls in 0..4 {
        waits_and_goes_on(Budget {
            model_calls,
            ..Budget::default()
        })
        .await;
    }
}

#[tokio::test]
async fn every_number_of_tool_calls_stops_the_task_there_and_not_for_good() {
    for tool_calls in 0..2 {
        waits_and_goes_on(Budget {
            tool_calls,
            ..Budget::default()
        })
        .await;
    }
}

#[tokio::test]
async fn tokens_stop_the_task_at_the_answer_that_reaches_the_limit() {
    for tokens in [1, 15, 25] {
        waits_and_goes_on(Budget {
            tokens,
            ..Budget::default()
        })
        .await;
    }
}

#[tokio::test]
async fn time_in_which_no_worker_was_there_is_free() {
    let world = World::new(models()).await;
    let id = world
        .submit(
            Budget {
                wall_ms: 3_600_000,
                ..Budget::default()
            },
            None,
        )
        .await;
    let store =
        crate::faults::FaultyStore::new(world.store.clone(), crate::faults::Fault::DieBefore, 5);
    let first = world.start_over(store.clone(), "worker-a");
    store.died.notified().await;
    first.kill().await;
    // A night passes.
    world.store.shift_clock(8 * 3_600_000);
    let second = world.start();
    let task = world.until_final(&id).await;
    second.drain().await;
    assert_eq!(task.state, TaskState::Succeeded);
    assert!(task.spent.wall_ms < 60_000, "{:?}", task.spent);
}

#[tokio::test]
async fn a_question_that_could_not_be_sent_is_not_charged() {
    use agent_core::ports::model::{FailureClass, ModelFailure};
    let models = FakeModels::new(|_, _| {
        Said::Failure(ModelFailure {
            class: FailureClass::Unreachable,
            status: None,
            message: "no model is configured".to_owned(),
            retryable: true,
            retry_after_ms: None,
            attempts: 0,
            tokens_all_attempts: 0,
        })
    });
    let world = World::new(models).await;
    let id = world
        .submit(
            Budget {
                model_calls: 1,
                ..Budget::default()
            },
            None,
        )
        .await;
    let worker = world.start();
    let waiting = world.until_waiting(&id).await;
    worker.drain().await;
    assert_eq!(
        (waiting.waiting.unwrap().kind, waiting.spent.model_calls),
        (WaitKind::Provider, 0)
    );
}
