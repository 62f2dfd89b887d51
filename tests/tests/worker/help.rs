//! A call for a person: the step waits until they did what they were asked for, and the call comes after them.

use agent_core::call::CallDecision;
use agent_core::help::{HelpAsked, HelpFor};
use agent_core::id::TaskId;
use agent_core::policy::{Approvals, CallHeld, TaskPolicy};
use agent_core::task::{TaskState, WaitKind};
use serde_json::{Value, json};
use worker::Unapproved;

use crate::consent::{calling, decide, held, intents, made, submit, told};
use crate::world::World;

const NOTE: &str = "Log in as yourself.";

fn ask() -> (&'static str, Value) {
    ("ask", json!({ "note": NOTE }))
}

async fn until_asked(world: &World, id: &TaskId) -> CallHeld {
    let task = world.until_waiting(id).await;
    let waiting = task.waiting.unwrap();
    assert_eq!(waiting.kind, WaitKind::Approval);
    let held = held(world, id).await.pop().unwrap();
    for words in [
        "login",
        NOTE,
        "done|not_done",
        held.call.as_str(),
        id.as_str(),
    ] {
        assert!(waiting.reason.contains(words), "{}", waiting.reason);
    }
    held
}

#[tokio::test]
async fn the_call_waits_for_the_person_and_is_made_when_they_are_done_with_what_they_say() {
    let world = World::new(calling(vec![ask()])).await;
    let id = submit(&world).await;
    let worker = world.start();
    let held = until_asked(&world, &id).await;
    let wanted = HelpAsked {
        why: HelpFor::Login,
        note: NOTE.to_owned(),
    };
    assert_eq!((held.asked, held.help), (true, Some(wanted)));
    assert_eq!(made(&world, "ask"), 0);
    assert!(intents(&world, &id).await.is_empty());
    {
        let awaited = world.tools.awaited.lock().unwrap();
        let awaited: Vec<_> = awaited.iter().map(|call| &call.call).collect();
        assert_eq!(awaited, [&held.call], "what they need was kept");
    }
    decide(&world, &id, CallDecision::Done).await;
    let task = world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(task.state, TaskState::Succeeded);
    assert_eq!((made(&world, "ask"), task.spent.tool_calls), (1, 1));
    assert!(
        told(&world).contains("The person says: as agreed"),
        "{}",
        told(&world)
    );
}

#[tokio::test]
async fn a_person_who_could_not_help_is_told_of_and_the_call_is_not_made() {
    let world = World::new(calling(vec![ask()])).await;
    let id = submit(&world).await;
    let worker = world.start();
    until_asked(&world, &id).await;
    decide(&world, &id, CallDecision::NotDone).await;
    world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(made(&world, "ask"), 0);
    for words in ["No person helped", "says that it was not done", "as agreed"] {
        assert!(told(&world).contains(words), "{}", told(&world));
    }
}

#[tokio::test]
async fn nobody_who_comes_in_time_ends_the_wait_as_the_operator_wants() {
    for (undecided, kind) in [
        (Unapproved::Deny, "step.succeeded"),
        (Unapproved::Fail, "step.failed"),
    ] {
        let mut world = World::new(calling(vec![ask()])).await;
        world.options.approval_deadline_ms = 60_000;
        world.options.approval_undecided = undecided;
        let id = submit(&world).await;
        let worker = world.start();
        until_asked(&world, &id).await;
        world.store.shift_clock(61_000);
        world.until_final(&id).await;
        worker.drain().await;
        assert_eq!(made(&world, "ask"), 0);
        let kinds = world.kinds(&id).await;
        assert!(kinds.contains(&kind), "{undecided:?}: {kinds:?}");
    }
}

#[tokio::test]
async fn a_task_whose_owner_is_never_asked_gets_no_person_and_does_not_wait() {
    let mut world = World::new(calling(vec![ask()])).await;
    world.policy = TaskPolicy {
        approvals: Some(Approvals::Deny),
        ..TaskPolicy::default()
    };
    let id = submit(&world).await;
    let worker = world.start();
    world.until_final(&id).await;
    worker.drain().await;
    assert_eq!(made(&world, "ask"), 0);
    assert!(told(&world).contains("nobody is asked"), "{}", told(&world));
    assert!(world.tools.awaited.lock().unwrap().is_empty());
}
