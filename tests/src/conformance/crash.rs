//! A process that dies between two commits: what was committed is there, and nothing else.

use agent_core::budget::Spend;
use agent_core::job::JobAfter;
use agent_core::ports::store::Right;
use agent_core::task::TaskState;

use crate::harness::Harness;
use crate::samples;

pub async fn after_a_crash_between_append_and_transition_only_the_append_is_there(h: &mut Harness) {
    let id = h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    let mut commit = samples::append_note(&claim, "committed");
    commit.charge = Spend::MODEL_CALL;
    commit.artifacts = vec![samples::artifact(&*h.entropy, "a.txt", "a")];
    h.store.append(commit).await.unwrap();
    let before = h.task(&id).await;
    // The decision that would have followed is made, and lost with the process.
    let right = Right::Job(claim.guard(), JobAfter::Delete);
    let mut lost = samples::transition(&before, right);
    lost.task.state = TaskState::Failed;
    drop(worker);
    h.reopen().await;

    let mut after = h.task(&id).await;
    after.read_at_ms = before.read_at_ms;
    assert_eq!(after, before);
    assert_eq!(h.log(&id).await.len(), 2);
    let artifacts = h.store.artifacts(&h.tenant, &id).await.unwrap();
    assert_eq!(artifacts.len(), 1);
    let again = h.worker("w").await;
    let next = again.claim_one().await;
    assert_eq!((&next.job, next.crashes), (&claim.job, 1));
    let late = h.store.transition(lost).await;
    assert!(
        late.is_err(),
        "a decision under the dead life's fence is refused"
    );
}

pub async fn after_a_crash_the_whole_transition_is_there(h: &mut Harness) {
    let id = h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    let steps = worker.plan(&plan, 3, &*h.entropy).await;
    let before = h.task(&id).await;
    drop(worker);
    h.reopen().await;
    let mut after = h.task(&id).await;
    after.read_at_ms = before.read_at_ms;
    assert_eq!(after, before);
    let again = h.worker("w").await;
    let claims = again.claim(10).await;
    let ready: Vec<_> = claims.into_iter().filter_map(|claim| claim.step).collect();
    assert_eq!(ready, steps);
}
