//! Appends: a turn's progress under a fence. They never move the version, and a refused one leaves no trace.

use agent_core::blob::BlobHash;
use agent_core::budget::Spend;
use agent_core::id::TaskId;
use agent_core::job::{Claim, Fence, JobAfter};
use agent_core::ports::store::{Append, NewTask, StoreError};

use crate::harness::Harness;
use crate::samples;
use crate::worker::{PAST_LEASE_MS, Worker, of_task};

async fn claimed(h: &Harness) -> (TaskId, Worker, Claim) {
    let task = h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    (task, worker, claim)
}

/// Everything that an append could change, so that "nothing" can be checked whole.
async fn assert_refused(h: &Harness, task: &TaskId, commit: Append) -> StoreError {
    let (mut before, log) = (h.task(task).await, h.log(task).await);
    let refused = h.store.append(commit).await.unwrap_err();
    let after = h.task(task).await;
    before.read_at_ms = after.read_at_ms;
    assert_eq!(after, before);
    assert_eq!(h.log(task).await, log);
    let artifacts = h.store.artifacts(&h.tenant, task).await.unwrap();
    assert_eq!(artifacts, vec![]);
    refused
}

fn full(h: &Harness, claim: &Claim) -> Append {
    let mut commit = samples::append_note(claim, "refused");
    commit.charge = Spend::MODEL_CALL;
    commit.artifacts = vec![samples::artifact(&*h.entropy, "a.txt", "a")];
    commit.job = JobAfter::Delete;
    commit
}

pub async fn an_append_adds_events_and_charges_and_leaves_the_version(h: &mut Harness) {
    let (task, _, claim) = claimed(h).await;
    h.shift_clock(1000).await;
    let before = h.task(&task).await;
    let mut commit = samples::append(&claim);
    commit.events = vec![samples::note("one"), samples::note("two")];
    commit.charge = Spend {
        model_calls: 1,
        tool_calls: 2,
        tokens: 300,
        wall_ms: 0,
    };
    let committed = h.store.append(commit.clone()).await.unwrap();
    assert_eq!(committed.seq, 3);
    assert_eq!(committed.version, before.version);
    assert_eq!(committed.spent, commit.charge);
    assert_eq!(committed.budget, before.budget);
    assert_eq!(committed.running_since_ms, None);
    assert!(committed.at_ms >= before.read_at_ms);
    let after = h.task(&task).await;
    assert_eq!((after.seq, after.version), (3, before.version));
    assert_eq!(after.spent, commit.charge);
    assert_eq!(after.state, before.state);
    assert_eq!(after.updated_at_ms, committed.at_ms);
}

pub async fn a_refund_takes_back_what_was_charged(h: &mut Harness) {
    let (task, _, claim) = claimed(h).await;
    for charge in [Spend::tool_calls(3), Spend::tool_calls(2).refund()] {
        let mut commit = samples::append(&claim);
        commit.charge = charge;
        h.store.append(commit).await.unwrap();
    }
    assert_eq!(h.task(&task).await.spent, Spend::tool_calls(1));
}

pub async fn an_append_without_events_charges_and_adds_no_number(h: &mut Harness) {
    let (task, _, claim) = claimed(h).await;
    let mut commit = samples::append(&claim);
    commit.charge = Spend::MODEL_CALL;
    let committed = h.store.append(commit).await.unwrap();
    assert_eq!((committed.seq, committed.spent.model_calls), (1, 1));
    assert_eq!(h.log(&task).await.len(), 1);
}

pub async fn a_snapshot_moves_its_own_step_only(h: &mut Harness) {
    let (task, worker, plan) = claimed(h).await;
    let steps = worker.plan(&plan, 2, &*h.entropy).await;
    let claims = worker.claim(10).await;
    let own = claims
        .iter()
        .find(|claim| claim.step.as_ref() == Some(&steps[1]));
    let manifest = BlobHash::of(b"manifest");
    let mut commit = samples::append(own.unwrap());
    commit.snapshot = Some((steps[1].clone(), manifest.clone()));
    h.store.append(commit).await.unwrap();
    let after = h.task(&task).await;
    let snapshots: Vec<_> = after.steps.into_iter().map(|step| step.snapshot).collect();
    assert_eq!(snapshots, vec![None, Some(manifest)]);
}

pub async fn an_append_under_an_old_fence_changes_nothing(h: &mut Harness) {
    let (task, worker, old) = claimed(h).await;
    worker.leave(&old, JobAfter::Delay(0)).await;
    let new = worker.claim_one().await;
    assert!(new.fence > old.fence);
    let refused = assert_refused(h, &task, full(h, &old)).await;
    let StoreError::Stale { job, presented } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((job, presented), (old.job.clone(), old.fence));
    let mut future = full(h, &new);
    future.guard.fence = Fence(new.fence.0 + 1);
    let refused = assert_refused(h, &task, future).await;
    assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
    h.store
        .append(samples::append_note(&new, "held"))
        .await
        .unwrap();
}

pub async fn an_append_for_a_job_that_nobody_holds_changes_nothing(h: &mut Harness) {
    let (task, worker, claim) = claimed(h).await;
    worker.leave(&claim, JobAfter::Park).await;
    let refused = assert_refused(h, &task, full(h, &claim)).await;
    assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
}

pub async fn an_append_for_a_job_that_is_gone_changes_nothing(h: &mut Harness) {
    let (task, worker, claim) = claimed(h).await;
    worker.leave(&claim, JobAfter::Delete).await;
    let refused = assert_refused(h, &task, full(h, &claim)).await;
    assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
}

pub async fn an_append_by_a_worker_that_was_reaped_changes_nothing(h: &mut Harness) {
    let (task, _, claim) = claimed(h).await;
    h.shift_clock(PAST_LEASE_MS).await;
    assert_eq!(h.store.reap(crate::worker::LEASE_MS).await.unwrap(), 1);
    let refused = assert_refused(h, &task, full(h, &claim)).await;
    assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
}

pub async fn an_append_to_an_unknown_or_foreign_task_finds_nothing(h: &mut Harness) {
    let (task, _, claim) = claimed(h).await;
    let mut unknown = full(h, &claim);
    unknown.guard.task = TaskId::new(&*h.entropy);
    let refused = assert_refused(h, &task, unknown).await;
    assert!(matches!(refused, StoreError::NotFound), "{refused:?}");
    let mut foreign = full(h, &claim);
    foreign.guard.tenant = h.stranger().await;
    let refused = assert_refused(h, &task, foreign).await;
    assert!(matches!(refused, StoreError::NotFound), "{refused:?}");
}

pub async fn a_job_of_one_task_gives_no_right_to_another(h: &mut Harness) {
    let (own, _, claim) = claimed(h).await;
    let other = h.submitted().await;
    let mut commit = full(h, &claim);
    commit.guard.task = other.clone();
    let refused = assert_refused(h, &other, commit).await;
    assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
    let theirs = NewTask {
        tenant: h.stranger().await,
        ..h.new_task()
    };
    let mut commit = full(h, &claim);
    (commit.guard.tenant, commit.guard.task) = (theirs.tenant.clone(), theirs.id.clone());
    h.submit(theirs).await;
    let refused = assert_refused(h, &own, commit).await;
    assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
}

pub async fn what_becomes_of_the_job_is_part_of_the_append(h: &mut Harness) {
    let (task, worker, claim) = claimed(h).await;
    worker.leave(&claim, JobAfter::Keep).await;
    assert_eq!(worker.claim(10).await, vec![]);
    let held = [(claim.job.clone(), claim.fence)];
    assert_eq!(h.store.lost(&held).await.unwrap(), vec![]);
    worker.leave(&claim, JobAfter::Delay(5000)).await;
    assert_eq!(worker.claim(10).await, vec![]);
    h.shift_clock(5001).await;
    let again = worker.claim_one().await;
    assert_eq!(again.job, claim.job);
    // Being put aside is neither a retry nor a crash.
    assert_eq!((again.attempts, again.crashes), (0, 0));
    worker.leave(&again, JobAfter::Park).await;
    h.shift_clock(5001).await;
    assert_eq!(worker.claim(10).await, vec![]);
    let mut wake = samples::owners(&h.task(&task).await);
    wake.jobs.wake = true;
    h.store.transition(wake).await.unwrap();
    let woken = worker.claim_one().await;
    worker.leave(&woken, JobAfter::Delete).await;
    let held = [(woken.job.clone(), woken.fence)];
    assert_eq!(h.store.lost(&held).await.unwrap(), vec![woken.job]);
}

pub async fn appends_of_parallel_steps_never_refuse_each_other(h: &mut Harness) {
    let (task, worker, plan) = claimed(h).await;
    worker.plan(&plan, 2, &*h.entropy).await;
    let claims = of_task(&worker.claim(10).await, &task);
    for turn in 0..3 {
        for claim in &claims {
            let commit = samples::append_note(claim, &turn.to_string());
            h.store.append(commit).await.unwrap();
        }
    }
    assert_eq!(h.task(&task).await.seq, 7);
}

pub async fn a_job_that_leaves_nothing_in_the_log_ends_without_touching_its_task(h: &mut Harness) {
    let (task, worker, plan) = claimed(h).await;
    worker.plan(&plan, 3, &*h.entropy).await;
    h.shift_clock(1000).await;
    let claims = worker.claim(3).await;
    let before = h.task(&task).await;
    let mut endings = tokio::task::JoinSet::new();
    for (place, claim) in claims.iter().enumerate() {
        let mut guard = claim.guard();
        if place == 1 {
            guard.fence = Fence(claim.fence.0 + 1);
        }
        let store = h.store.clone();
        endings.spawn(async move { (place, store.finish(guard).await) });
    }
    while let Some(ended) = endings.join_next().await {
        let (place, answer) = ended.unwrap();
        if place == 1 {
            assert!(
                matches!(answer, Err(StoreError::Stale { .. })),
                "{answer:?}"
            );
        } else {
            answer.unwrap();
        }
    }
    let mut after = h.task(&task).await;
    after.read_at_ms = before.read_at_ms;
    assert_eq!(after, before);
    let held: Vec<_> = claims
        .iter()
        .map(|claim| (claim.job.clone(), claim.fence))
        .collect();
    let lost = h.store.lost(&held).await.unwrap();
    assert_eq!(lost, vec![claims[0].job.clone(), claims[2].job.clone()]);
    let again = h.store.finish(claims[0].guard()).await.unwrap_err();
    assert!(matches!(again, StoreError::Stale { .. }), "{again:?}");
    let mut foreign = claims[1].guard();
    foreign.tenant = h.stranger().await;
    let foreign = h.store.finish(foreign).await.unwrap_err();
    assert!(matches!(foreign, StoreError::NotFound), "{foreign:?}");
}
