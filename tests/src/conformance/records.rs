//! What is recorded for later and read by no verb: tool calls with effect, key and fence, and the names of blobs.

use agent_core::event::{EventKind, PreparedEvent};
use agent_core::id::CallId;
use agent_core::job::{Claim, JobAfter};
use agent_core::ports::store::{CallChange, CallState, NewTask};
use agent_core::ports::tool::EffectClass;

use crate::harness::{CallRecord, Harness};
use crate::samples;

fn intended(call: &CallId, claim: &Claim, effect: EffectClass) -> CallChange {
    CallChange::Intended {
        call: call.clone(),
        step: claim.step.clone(),
        tool: "shell".to_owned(),
        effect,
        key: format!("{call}-key"),
    }
}

fn settled(call: &CallId, state: CallState) -> CallChange {
    CallChange::Settled {
        call: call.clone(),
        state,
    }
}

fn record(call: &CallId, claim: &Claim, effect: EffectClass) -> CallRecord {
    (
        call.to_string(),
        claim.task.to_string(),
        claim.step.as_ref().map(ToString::to_string),
        "shell".to_owned(),
        effect.label().to_owned(),
        format!("{call}-key"),
        claim.fence.0,
        "intended".to_owned(),
        2,
        None,
    )
}

pub async fn a_tool_call_is_recorded_with_effect_key_and_fence_until_its_outcome_is_known(
    h: &mut Harness,
) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    worker.plan(&plan, 1, &*h.entropy).await;
    let claim = worker.claim_one().await;
    let calls = [(); 3].map(|()| CallId::new(&*h.entropy));
    let effects = [
        EffectClass::Once,
        EffectClass::Repeatable,
        EffectClass::Read,
    ];
    let of_each = || calls.iter().zip(effects);
    let mut commit = samples::append_note(&claim, "intended");
    commit.calls = of_each()
        .map(|(call, effect)| intended(call, &claim, effect))
        .collect();
    h.store.append(commit).await.unwrap();
    let mut expected: Vec<_> = of_each()
        .map(|(call, effect)| record(call, &claim, effect))
        .collect();
    assert_eq!(h.records().await.calls, expected);

    let states = [CallState::Returned, CallState::Failed, CallState::Unknown];
    let mut commit = samples::append_note(&claim, "settled");
    commit.calls = calls
        .iter()
        .zip(states)
        .map(|(call, state)| settled(call, state))
        .collect();
    h.store.append(commit).await.unwrap();
    let mut unknown = expected.swap_remove(2);
    (unknown.7, unknown.9) = ("unknown".to_owned(), Some(3));
    assert_eq!(h.records().await.calls, vec![unknown]);
}

pub async fn a_call_that_is_intended_again_gets_the_newer_fence_and_nothing_else(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let first = worker.claim_one().await;
    let call = CallId::new(&*h.entropy);
    let mut commit = samples::append_note(&first, "intended");
    commit.calls = vec![intended(&call, &first, EffectClass::Repeatable)];
    commit.job = JobAfter::Delay(0);
    h.store.append(commit).await.unwrap();
    let second = worker.claim_one().await;
    let mut commit = samples::append_note(&second, "again");
    commit.calls = vec![intended(&call, &second, EffectClass::Repeatable)];
    h.store.append(commit).await.unwrap();
    let mut expected = record(&call, &first, EffectClass::Repeatable);
    expected.6 = second.fence.0;
    assert_eq!(h.records().await.calls, vec![expected]);
}

pub async fn a_call_is_open_until_its_outcome_is_known(h: &mut Harness) {
    let task = h.submitted().await;
    let claim = h.worker("w").await.claim_one().await;
    let open = async |h: &Harness| h.store.task_queue(&h.tenant, &task).await.unwrap().calls;
    let calls = [(); 4].map(|()| CallId::new(&*h.entropy));
    let mut commit = samples::append_note(&claim, "intended");
    let each = calls.iter();
    commit.calls = each
        .map(|call| intended(call, &claim, EffectClass::Once))
        .collect();
    h.store.append(commit).await.unwrap();
    h.shift_clock(1_000).await;
    let mut commit = samples::append_note(&claim, "ended");
    let states = [CallState::Returned, CallState::Unknown, CallState::Unknown];
    let ended = calls[1..].iter().cloned().zip(states);
    commit.calls = ended
        .map(|(call, state)| CallChange::Settled { call, state })
        .collect();
    h.store.append(commit).await.unwrap();
    let found = open(h).await;
    let shown: Vec<_> = found.iter().map(|c| (&c.call, c.is_unknown)).collect();
    let wanted = [(&calls[0], false), (&calls[2], true), (&calls[3], true)];
    assert_eq!(shown, wanted);
    assert_eq!(
        (&found[0].tool, &found[0].step),
        (&"shell".to_owned(), &claim.step)
    );
    let events = h.store.events_after(&h.tenant, &task, 0, 10).await.unwrap();
    let times: Vec<i64> = found.iter().map(|c| c.since_ms).collect();
    assert_eq!(times, [events[1].at_ms; 3], "all were begun together");
    let last: Vec<i64> = found.iter().map(|c| c.last_begun_ms).collect();
    assert_eq!(last, times, "none was begun twice");
    // One is decided, another is made again.
    let mut commit = samples::owners(&h.task(&task).await);
    commit.settled = vec![(calls[2].clone(), CallState::Failed)];
    h.store.transition(commit).await.unwrap();
    let mut commit = samples::append_note(&claim, "again");
    commit.calls = vec![intended(&calls[3], &claim, EffectClass::Once)];
    h.store.append(commit).await.unwrap();
    let shown: Vec<_> = open(h)
        .await
        .into_iter()
        .map(|c| (c.call, c.is_unknown))
        .collect();
    assert_eq!(
        shown,
        [(calls[0].clone(), false), (calls[3].clone(), false)]
    );
    let stranger = h.stranger().await;
    let theirs = h.store.task_queue(&stranger, &task).await.unwrap();
    assert_eq!(theirs.calls, vec![]);
}

pub async fn a_call_that_is_made_again_was_begun_last_when_its_step_was_taken_up_again(
    h: &mut Harness,
) {
    let task = h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    worker.plan(&plan, 2, &*h.entropy).await;
    let claims = worker.claim(2).await;
    let (own, other) = (&claims[0], &claims[1]);
    let call = CallId::new(&*h.entropy);
    let mut commit = samples::append_note(own, "intended");
    commit.calls = vec![intended(&call, own, EffectClass::Repeatable)];
    let first = h.store.append(commit).await.unwrap().at_ms;
    let begun = async |h: &Harness| {
        let calls = h.store.task_queue(&h.tenant, &task).await.unwrap().calls;
        let of_each = calls.iter().map(|call| (call.since_ms, call.last_begun_ms));
        of_each.collect::<Vec<_>>()
    };
    h.shift_clock(1_000).await;
    let happens = async |h: &Harness, claim: &Claim, kind: EventKind| {
        let note = samples::step_note(claim.step.as_ref().unwrap(), "it happens");
        let mut commit = samples::append(claim);
        commit.events = vec![PreparedEvent { kind, ..note }];
        h.store.append(commit).await.unwrap().at_ms
    };
    happens(h, other, EventKind::StepResumed).await;
    happens(h, own, EventKind::NoteAdded).await;
    assert_eq!(begun(h).await, [(first, first)]);
    let again = happens(h, own, EventKind::StepResumed).await;
    assert!(again >= first + 1_000);
    assert_eq!(begun(h).await, [(first, again)]);
}

pub async fn every_kind_of_commit_records_the_blobs_that_it_names_for_its_tenant(h: &mut Harness) {
    let [submitted, appended, decided] = ["submitted", "appended", "decided"].map(samples::blob);
    let new = NewTask {
        blobs: vec![submitted.clone()],
        ..h.new_task()
    };
    h.submit(new).await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    let mut commit = samples::append(&claim);
    commit.blobs = vec![appended.clone(), submitted.clone()];
    h.store.append(commit).await.unwrap();
    let mut commit = samples::workers(&worker.task(&claim).await, &claim);
    commit.blobs = vec![decided.clone(), decided.clone()];
    h.store.transition(commit).await.unwrap();
    let mut refused = samples::append(&claim);
    refused.guard.fence.0 += 1;
    refused.blobs = vec![samples::blob("refused")];
    h.store.append(refused).await.unwrap_err();
    let named = [submitted, appended, decided];
    let expected = named.map(|blob| (h.tenant.to_string(), blob.hash.to_string()));
    assert_eq!(h.records().await.blobs, expected.into_iter().collect());
}
