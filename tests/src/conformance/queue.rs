//! The queue: who may claim what, in which order, exactly once.

use std::collections::BTreeSet;

use agent_core::id::JobId;
use agent_core::job::{Fence, Guard, JobAfter, JobKind, NewJob};
use agent_core::ports::store::{NewTask, Release, StoreError};
use tokio::task::JoinSet;

use crate::harness::Harness;
use crate::samples;

pub async fn jobs_are_claimed_oldest_first_and_no_more_than_asked_for(h: &mut Harness) {
    let mut tasks = Vec::new();
    for _ in 0..5 {
        tasks.push(h.submitted().await);
        h.shift_clock(10).await;
    }
    let worker = h.worker("w").await;
    let mut claimed = Vec::new();
    for at_most in [0, 2, 2, 2, 2] {
        let claims = worker.claim(at_most).await;
        assert!(claims.len() <= usize::try_from(at_most).unwrap());
        claimed.extend(claims.into_iter().map(|claim| claim.task));
    }
    assert_eq!(claimed, tasks);
}

pub async fn a_claimed_job_is_not_claimed_again(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    worker.claim_one().await;
    assert_eq!(worker.claim(10).await, vec![]);
    assert_eq!(h.distant_worker("x").await.claim(10).await, vec![]);
}

pub async fn a_delayed_job_is_claimed_when_its_time_has_come(h: &mut Harness) {
    let mut new = h.new_task();
    new.job.delay_ms = 60_000;
    h.submit(new).await;
    assert_eq!(h.worker("w").await.claim(10).await, vec![]);
    h.shift_clock(30_000).await;
    assert_eq!(h.worker("w").await.claim(10).await, vec![]);
    h.shift_clock(30_001).await;
    assert_eq!(h.worker("w").await.claim(10).await.len(), 1);
}

pub async fn the_fence_rises_at_every_claim(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let mut last = Fence(0);
    for _ in 0..3 {
        let claim = worker.claim_one().await;
        assert!(claim.fence > last, "{:?} after {last:?}", claim.fence);
        last = claim.fence;
        worker.leave(&claim, JobAfter::Delay(0)).await;
    }
}

pub async fn a_release_counts_as_an_attempt_only_when_it_is_charged(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    for (charged, attempts) in [(true, 0), (false, 1), (true, 1), (true, 2)] {
        let claim = worker.claim_one().await;
        assert_eq!((claim.attempts, claim.crashes), (attempts, 0));
        let how = Release {
            delay_ms: 0,
            charged,
        };
        h.store.release(&claim.guard(), how).await.unwrap();
    }
    assert_eq!(worker.claim_one().await.attempts, 3);
}

pub async fn a_released_job_stays_aside_for_its_delay(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    let how = Release {
        delay_ms: 10_000,
        charged: true,
    };
    h.store.release(&claim.guard(), how).await.unwrap();
    assert_eq!(worker.claim(10).await, vec![]);
    h.shift_clock(10_001).await;
    assert_eq!(worker.claim_one().await.job, claim.job);
}

pub async fn a_release_without_the_right_to_the_job_changes_nothing(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let old = worker.claim_one().await;
    worker.leave(&old, JobAfter::Delay(0)).await;
    let held = worker.claim_one().await;
    let stranger = Guard {
        tenant: h.stranger().await,
        ..held.guard()
    };
    let absent = Guard {
        job: JobId::new(&*h.entropy),
        ..held.guard()
    };
    let how = Release {
        delay_ms: 0,
        charged: true,
    };
    for guard in [old.guard(), stranger, absent] {
        let refused = h.store.release(&guard, how).await.unwrap_err();
        let known = matches!(refused, StoreError::Stale { .. } | StoreError::NotFound);
        assert!(known, "{refused:?}");
    }
    let refused = h.store.release(&old.guard(), how).await.unwrap_err();
    assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
    assert_eq!(worker.claim(10).await, vec![]);
    h.store
        .append(samples::append_note(&held, "held"))
        .await
        .unwrap();
}

pub async fn of_two_claimers_of_one_job_exactly_one_gets_it(h: &mut Harness) {
    let here = h.worker("here").await;
    let there = h.distant_worker("there").await;
    for round in 0..20 {
        let task = h.submitted().await;
        let (a, b) = tokio::join!(here.claim(5), there.claim(5));
        let both = [a, b].concat();
        assert_eq!(both.len(), 1, "round {round}: {both:?}");
        assert_eq!(both[0].task, task);
    }
}

pub async fn many_claimers_together_claim_each_job_once(h: &mut Harness) {
    const JOBS: usize = 200;
    let id = h.submitted().await;
    let first = h.worker("first").await;
    let plan = first.claim_one().await;
    let mut commit = samples::workers(&h.task(&id).await, &plan);
    let entropy = h.entropy.clone();
    commit.jobs.create = (0..JOBS)
        .map(|_| samples::job(&*entropy, JobKind::Housekeeping))
        .collect();
    let made: BTreeSet<_> = commit
        .jobs
        .create
        .iter()
        .map(|job| job.id.clone())
        .collect();
    h.store.transition(commit).await.unwrap();
    let handles = [h.store.clone(), h.another_handle().await];
    let mut claimers = JoinSet::new();
    for turn in 0..8 {
        let store = handles[turn % 2].clone();
        claimers.spawn(async move {
            let worker = crate::worker::Worker::begin(store, &format!("w{turn}")).await;
            let mut own = Vec::new();
            // A claimer may find nothing while others hold their locks, so it asks until all are gone.
            for _ in 0..JOBS {
                own.extend(worker.claim(7).await.into_iter().map(|claim| claim.job));
                tokio::task::yield_now().await;
            }
            own
        });
    }
    let claimed = claimers.join_all().await.concat();
    assert_eq!(claimed.len(), JOBS, "no job is claimed twice or left");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), made);
}

pub async fn lost_names_the_jobs_that_are_held_no_longer(h: &mut Harness) {
    for _ in 0..4 {
        h.submitted().await;
    }
    let worker = h.worker("w").await;
    let claims = worker.claim(4).await;
    worker.leave(&claims[0], JobAfter::Delete).await;
    worker.leave(&claims[1], JobAfter::Park).await;
    worker.leave(&claims[2], JobAfter::Delay(0)).await;
    let again = worker.claim_one().await;
    assert_eq!(again.job, claims[2].job);
    let held: Vec<_> = claims.iter().map(|c| (c.job.clone(), c.fence)).collect();
    let mut lost = h.store.lost(&held).await.unwrap();
    lost.sort();
    let mut expected: Vec<_> = claims[..3].iter().map(|c| c.job.clone()).collect();
    expected.sort();
    assert_eq!(lost, expected);
    let now = [(again.job, again.fence)];
    assert_eq!(h.store.lost(&now).await.unwrap(), vec![]);
    assert_eq!(h.store.lost(&[]).await.unwrap(), vec![]);
}

pub async fn jobs_of_all_tenants_are_in_one_queue_and_keep_their_owner(h: &mut Harness) {
    let own = h.submitted().await;
    let theirs = NewTask {
        tenant: h.stranger().await,
        ..h.new_task()
    };
    let stranger = theirs.tenant.clone();
    let other = h.submit(theirs).await;
    let claims = h.worker("w").await.claim(10).await;
    let seen: Vec<_> = claims.into_iter().map(|c| (c.tenant, c.task)).collect();
    assert_eq!(seen, vec![(h.tenant.clone(), own), (stranger, other)]);
}

pub async fn a_job_that_is_due_waits_its_turn_behind_older_ones(h: &mut Harness) {
    let mut delayed = h.new_task();
    delayed.job = NewJob {
        delay_ms: 1000,
        ..delayed.job
    };
    let oldest = h.submit(delayed).await;
    h.shift_clock(2000).await;
    let newer = h.submitted().await;
    let claims = h.worker("w").await.claim(10).await;
    let tasks: Vec<_> = claims.into_iter().map(|claim| claim.task).collect();
    assert_eq!(tasks, vec![oldest, newer]);
}
