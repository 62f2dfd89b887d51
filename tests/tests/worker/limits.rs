//! Limits on what one worker does at the same time.

use agent_core::budget::Budget;
use agent_core::event::EventBody;
use agent_core::step::StepState;
use agent_core::task::TaskState;
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
    world
}

/// Waits until both steps have the model's answer, one of them holds and the other one waits for its turn.
async fn until_one_waits(world: &World, id: &agent_core::id::TaskId) {
    world.tools.holding.notified().await;
    world
        .until_log(id, |log| {
            let answered = |body: &&EventBody| matches!(body, EventBody::ModelReplied(reply) if reply.job == "step");
            log.iter().filter(answered).count() == 2
        })
        .await;
}

#[tokio::test]
async fn a_scarce_tool_is_called_by_one_step_after_the_other() {
    let world = two_that_hold().await;
    let running = world.start();
    let id = world.submit(Budget::default(), None).await;
    until_one_waits(&world, &id).await;
    assert_eq!(world.tools.made().len(), 1);
    let intents = |log: &[EventBody]| {
        let intended = |body: &&EventBody| matches!(body, EventBody::ToolIntended(_));
        log.iter().filter(intended).count()
    };
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
