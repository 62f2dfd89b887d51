//! A worker dies while a call with an effect outside the sandbox is being made: nobody but the task's owner decides what
//! became of it.

use std::sync::Arc;

use agent_core::budget::Budget;
use agent_core::call::{CallDecided, CallDecision, CallHistory, Standing};
use agent_core::decide::{Input, decide};
use agent_core::event::EventBody;
use agent_core::id::TaskId;
use agent_core::ports::model::Message;
use agent_core::ports::upkeep::Upkeep;
use agent_core::task::{Task, TaskState, WaitKind};
use serde_json::json;
use worker::{Undecided, UnknownCall};

use crate::fakes::{FakeModels, Said};
use crate::faults::{Fault, FaultyStore};
use crate::flow::{finish, plan, report, step};
use crate::world::World;

fn models() -> Arc<FakeModels> {
    FakeModels::new(|job, turn| match (job, turn) {
        ("plan" | "replan", _) => {
            plan(&[step(if job == "plan" { "a" } else { "b" }, &[], &json!([]))])
        }
        ("report", _) => report(),
        ("step a", 0) => Said::Calls(vec![("send", json!({"body": "hunter2", "to": "x"}))]),
        _ => finish("done"),
    })
}

/// The commit that saves the result of the first call: start, plan accepted, step claimed and the reply with the intent
/// come before it.
const RESULT: u32 = 5;

/// A worker that died after the call was made and before its result was saved.
async fn cut_off(change: impl FnOnce(&mut World)) -> (World, TaskId) {
    let mut world = World::new(models()).await;
    change(&mut world);
    let id = world
        .submit(Budget::default(), Some("http://127.0.0.1:9/hook"))
        .await;
    die_at(&world, RESULT).await;
    (world, id)
}

async fn die_at(world: &World, commit: u32) {
    let store = FaultyStore::new(world.store.clone(), Fault::DieBefore, commit);
    let worker = world.start_over(store.clone(), "worker-a");
    store.died.notified().await;
    worker.kill().await;
}

/// The calls of which the store does not know how they ended, and whether it knows that nobody does.
async fn open_calls(world: &World, id: &TaskId) -> Vec<(String, bool)> {
    let queue = world.store.task_queue(&world.tenant, id).await.unwrap();
    let calls = queue.calls.into_iter();
    calls.map(|call| (call.tool, call.is_unknown)).collect()
}

fn sends(world: &World) -> usize {
    let made = world.tools.made();
    made.iter().filter(|(tool, _)| tool == "send").count()
}

/// The call that the task's owner is asked about.
async fn asked(world: &World, id: &TaskId) -> Option<CallHistory> {
    let log = world.log(id).await;
    let unknown = log.into_iter().rev().find_map(|body| {
        let EventBody::ToolUnknown(unknown) = body else {
            return None;
        };
        unknown.asked.then_some(unknown)
    })?;
    let mut history = CallHistory::of(unknown.call);
    let events = agent_core::ports::store::Tasks::events_after(
        world.store.as_ref(),
        &world.tenant,
        id,
        0,
        10_000,
    )
    .await
    .unwrap();
    for event in events {
        let public =
            agent_core::journal::load_json(world.blobs.as_ref(), &world.tenant, &event.public);
        let public = public.await.unwrap();
        history.push(&event.kind, event.step.as_ref(), &public);
    }
    Some(history)
}

async fn decision(world: &World, id: &TaskId, decision: CallDecision) -> Input {
    let history = asked(world, id).await.unwrap();
    Input::CallDecided {
        step: history.step.unwrap(),
        decided: CallDecided {
            call: history.call,
            tool: history.tool,
            decision,
            note: Some("I looked".to_owned()),
        },
    }
}

async fn until_asked(world: &World, id: &TaskId) -> Task {
    let task = world.until_waiting(id).await;
    let waiting = task.waiting.clone().unwrap();
    assert_eq!(waiting.kind, WaitKind::Approval);
    let call = asked(world, id).await.unwrap().call;
    for words in ["send", "(x)", call.as_str(), "errand decide", id.as_str()] {
        assert!(waiting.reason.contains(words), "{}", waiting.reason);
    }
    // Only what the tool itself says of a call may be shown.
    assert!(!waiting.reason.contains("hunter2"), "{}", waiting.reason);
    task
}

/// What the model was told about its call.
fn told(world: &World) -> String {
    let histories = world.models.histories.lock().unwrap();
    let mut messages = histories
        .iter()
        .rev()
        .flat_map(|(_, messages)| messages.iter().rev());
    let last = messages.find_map(|message| {
        let Message::Tool { text, .. } = message else {
            return None;
        };
        Some(text.clone())
    });
    last.unwrap_or_default()
}

#[tokio::test]
async fn the_task_waits_for_a_decision_and_tells_its_owner_and_the_call_is_not_made_again() {
    let (world, id) = cut_off(|_| ()).await;
    let worker = world.start();
    let task = until_asked(&world, &id).await;
    assert!(task.waiting.unwrap().until_ms.is_some());
    worker.drain().await;
    assert_eq!(sends(&world), 1);
    let kinds = world.kinds(&id).await;
    let unknown = kinds.iter().filter(|kind| **kind == "tool.unknown").count();
    assert_eq!(unknown, 1);
    assert!(kinds.contains(&"task.waiting"), "{kinds:?}");
    assert!(
        kinds.contains(&"delivery.attempted"),
        "the webhook is told that a person is needed: {kinds:?}"
    );
}

#[tokio::test]
async fn what_the_owner_decides_is_told_to_the_model_and_the_call_is_not_made_again() {
    for (what, words) in [
        (CallDecision::Done, "was done."),
        (CallDecision::NotDone, "was not done"),
    ] {
        let (world, id) = cut_off(|_| ()).await;
        let worker = world.start();
        until_asked(&world, &id).await;
        let open = [("send".to_owned(), true)];
        assert_eq!(open_calls(&world, &id).await, open);
        world.owner(&id, decision(&world, &id, what).await).await;
        assert_eq!(open_calls(&world, &id).await, vec![]);
        assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
        worker.drain().await;
        let told = told(&world);
        assert!(told.contains(words) && told.contains("I looked"), "{told}");
        assert_eq!(sends(&world), 1);
    }
}

#[tokio::test]
async fn a_call_that_its_owner_wants_repeated_is_made_again_with_the_same_key_and_a_higher_fence() {
    let (world, id) = cut_off(|_| ()).await;
    let worker = world.start();
    until_asked(&world, &id).await;
    let repeat = decision(&world, &id, CallDecision::Repeat).await;
    world.owner(&id, repeat).await;
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    worker.drain().await;
    let keys = world.tools.keys.lock().unwrap().clone();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    let fences = world.tools.fences.lock().unwrap().clone();
    assert!(fences[0] < fences[1], "{fences:?}");
    assert!(told(&world).contains("\nsent\n"), "{}", told(&world));
    assert_eq!(open_calls(&world, &id).await, vec![]);
}

#[tokio::test]
async fn a_repeat_that_is_cut_off_too_is_asked_about_again_and_not_made_a_third_time() {
    let (world, id) = cut_off(|_| ()).await;
    let worker = world.start();
    until_asked(&world, &id).await;
    worker.drain().await;
    let repeat = decision(&world, &id, CallDecision::Repeat).await;
    world.owner(&id, repeat).await;
    // Commits: step claimed, the new intent, the result.
    die_at(&world, 3).await;
    assert_eq!(sends(&world), 2);
    let worker = world.start();
    until_asked(&world, &id).await;
    worker.drain().await;
    assert_eq!(sends(&world), 2);
}

#[tokio::test]
async fn a_worker_that_dies_at_any_commit_around_the_question_asks_it_once_and_repeats_nothing() {
    // Commits of the second worker: step claimed, the question, the wait, and after the decision: step claimed, turn.
    for (fault, at) in [Fault::DieBefore, Fault::DieAfter]
        .into_iter()
        .flat_map(|fault| (1..=3).map(move |at| (fault, at)))
    {
        let (world, id) = cut_off(|_| ()).await;
        let store = FaultyStore::new(world.store.clone(), fault, at);
        let second = world.start_over(store.clone(), "worker-a");
        store.died.notified().await;
        second.kill().await;
        let third = world.start();
        until_asked(&world, &id).await;
        let done = decision(&world, &id, CallDecision::Done).await;
        world.owner(&id, done).await;
        let task = world.until_final(&id).await;
        third.drain().await;
        assert_eq!(task.state, TaskState::Succeeded, "{fault:?} at {at}");
        assert_eq!(sends(&world), 1, "{fault:?} at {at}");
        let kinds = world.kinds(&id).await;
        let asked = kinds.iter().filter(|kind| **kind == "tool.unknown").count();
        assert_eq!(asked, 1, "{fault:?} at {at}");
    }
}

#[tokio::test]
async fn a_second_decision_and_a_late_one_are_refused_and_change_nothing() {
    let (world, id) = cut_off(|_| ()).await;
    let worker = world.start();
    until_asked(&world, &id).await;
    worker.drain().await;
    let first = decision(&world, &id, CallDecision::Done).await;
    let second = decision(&world, &id, CallDecision::Repeat).await;
    world.owner(&id, first).await;
    let history = asked(&world, &id).await.unwrap();
    assert_eq!(
        history.standing,
        Some(Standing::Decided(CallDecision::Done))
    );
    assert!(
        history
            .closed(CallDecision::Repeat)
            .is_some_and(|why| why.contains("done"))
    );
    let task = world.task(&id).await;
    let refused = decide(
        &task,
        second.clone(),
        task.read_at_ms,
        world.entropy.as_ref(),
    );
    assert!(refused.is_err_and(|refused| refused.reason.contains("ready")));
    let worker = world.start();
    let task = world.until_final(&id).await;
    worker.drain().await;
    let late = decide(&task, second, task.read_at_ms, world.entropy.as_ref());
    assert!(late.is_err_and(|refused| refused.reason == "the task has ended"));
    assert_eq!(sends(&world), 1);
}

#[tokio::test]
async fn without_a_decision_in_time_the_model_is_told_that_the_outcome_is_unknown() {
    let (world, id) = cut_off(|world| world.options.unknown_call_deadline_ms = 60_000).await;
    let worker = world.start();
    until_asked(&world, &id).await;
    worker.drain().await;
    // A worker that comes too early waits for what is left of the time.
    world.store.shift_clock(61_000);
    let worker = world.start();
    assert_eq!(world.until_final(&id).await.state, TaskState::Succeeded);
    worker.drain().await;
    let told = told(&world);
    assert!(told.contains("outcome of this call is unknown"), "{told}");
    let history = asked(&world, &id).await.unwrap();
    assert_eq!(
        history.standing,
        Some(Standing::Decided(CallDecision::Undecided))
    );
    assert_eq!(sends(&world), 1);
}

#[tokio::test]
async fn without_a_decision_in_time_the_step_fails_where_the_operator_wants_that() {
    let (world, id) = cut_off(|world| {
        world.options.unknown_call_deadline_ms = 60_000;
        world.options.unknown_call_undecided = Undecided::Fail;
    })
    .await;
    let worker = world.start();
    until_asked(&world, &id).await;
    world.store.shift_clock(61_000);
    world.until_final(&id).await;
    worker.drain().await;
    assert!(world.kinds(&id).await.contains(&"step.failed"));
    assert_eq!(sends(&world), 1);
}

#[tokio::test]
async fn a_question_without_a_deadline_waits_for_ever() {
    let (world, id) = cut_off(|world| world.options.unknown_call_deadline_ms = 0).await;
    let worker = world.start();
    let task = until_asked(&world, &id).await;
    worker.drain().await;
    assert_eq!(task.waiting.unwrap().until_ms, None);
}

#[tokio::test]
async fn an_operator_can_have_the_model_told_at_once_or_the_step_fail_at_once() {
    for (choice, kind) in [
        (UnknownCall::TellModel, "step.succeeded"),
        (UnknownCall::Fail, "step.failed"),
    ] {
        let (world, id) = cut_off(|world| world.options.unknown_call_decision = choice).await;
        let worker = world.start();
        world.until_final(&id).await;
        worker.drain().await;
        let kinds = world.kinds(&id).await;
        assert!(kinds.contains(&kind), "{choice:?}: {kinds:?}");
        assert!(!kinds.contains(&"task.waiting"), "{choice:?}: {kinds:?}");
        assert_eq!(sends(&world), 1, "{choice:?}");
    }
}
