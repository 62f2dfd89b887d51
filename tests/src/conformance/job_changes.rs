//! What a transition does to the jobs of its task: makes, deletes, wakes, and moves its own.

use agent_core::id::TaskId;
use agent_core::job::{Claim, JobAfter, JobKind, NewJob};
use agent_core::ports::store::{Right, StoreError};
use agent_core::task::Priority;

use crate::harness::Harness;
use crate::samples;
use crate::worker::Worker;

fn kinds(claims: &[Claim]) -> Vec<JobKind> {
    claims.iter().map(|claim| claim.kind).collect()
}

fn delivery_job(h: &Harness) -> NewJob {
    samples::job(&*h.entropy, JobKind::Deliver)
}

/// A task with a parked, a delayed and a held step job, and a delayed delivery.
async fn jobs_of_every_sort(h: &Harness) -> (TaskId, Worker, Vec<Claim>) {
    let id = h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    worker.plan(&plan, 3, &*h.entropy).await;
    let claims = worker.claim(10).await;
    worker.leave(&claims[0], JobAfter::Park).await;
    worker.leave(&claims[1], JobAfter::Delay(60_000)).await;
    let mut deliver = samples::owners(&h.task(&id).await);
    deliver.jobs.create = vec![NewJob {
        delay_ms: 60_000,
        ..delivery_job(h)
    }];
    h.store.transition(deliver).await.unwrap();
    (id, worker, claims)
}

pub async fn new_jobs_are_claimed_with_all_that_they_carry(h: &mut Harness) {
    let id = h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    let step = samples::step(&*h.entropy, 0);
    let task = h.task(&id).await;
    let mut commit = samples::transition(&task, Right::Job(plan.guard(), JobAfter::Delete));
    commit.new_steps = vec![step.clone()];
    let created = vec![
        crate::worker::step_job(&step.id, &*h.entropy),
        samples::job(&*h.entropy, JobKind::Report),
        delivery_job(h),
        samples::job(&*h.entropy, JobKind::Housekeeping),
    ];
    commit.jobs.create.clone_from(&created);
    h.store.transition(commit).await.unwrap();
    let claims = worker.claim(10).await;
    let seen = claims.iter().map(|claim| NewJob {
        id: claim.job.clone(),
        kind: claim.kind,
        step: claim.step.clone(),
        delivery: claim.delivery.clone(),
        priority: Priority::Normal,
        delay_ms: 0,
    });
    assert_eq!(seen.collect::<Vec<_>>(), created);
    for claim in claims {
        assert_eq!((claim.task, claim.tenant), (id.clone(), h.tenant.clone()));
    }
}

pub async fn deleting_the_work_spares_deliveries_and_new_jobs(h: &mut Harness) {
    let (id, worker, claims) = jobs_of_every_sort(h).await;
    let other = h.submitted().await;
    let mut commit = samples::owners(&h.task(&id).await);
    commit.jobs.delete_work = true;
    commit.jobs.create = vec![samples::job(&*h.entropy, JobKind::Report), delivery_job(h)];
    h.store.transition(commit).await.unwrap();
    let held: Vec<_> = claims.iter().map(|c| (c.job.clone(), c.fence)).collect();
    assert_eq!(h.store.lost(&held).await.unwrap().len(), 3);
    let claims = worker.claim(10).await;
    let (own, others): (Vec<_>, Vec<_>) = claims.into_iter().partition(|c| c.task == id);
    assert_eq!(kinds(&own), [JobKind::Report, JobKind::Deliver]);
    assert_eq!((others.len(), &others[0].task), (1, &other));
    h.shift_clock(60_001).await;
    let late = Worker::begin(h.store.clone(), "late").await;
    let left = late.claim(10).await;
    assert_eq!(kinds(&left), [JobKind::Deliver], "the delayed delivery");
}

pub async fn deleting_the_work_ends_the_job_that_it_is_done_under(h: &mut Harness) {
    let id = h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    let right = Right::Job(claim.guard(), JobAfter::Keep);
    let mut commit = samples::transition(&h.task(&id).await, right);
    commit.jobs.delete_work = true;
    h.store.transition(commit).await.unwrap();
    let held = [(claim.job.clone(), claim.fence)];
    assert_eq!(h.store.lost(&held).await.unwrap(), vec![claim.job]);
}

pub async fn a_job_that_is_taken_back_is_ready_and_its_fence_rises_whoever_had_it(h: &mut Harness) {
    let (id, worker, claims) = jobs_of_every_sort(h).await;
    let of = |claim: &Claim| claim.step.clone().unwrap();
    let mut commit = samples::owners(&h.task(&id).await);
    commit.jobs.take_back = vec![of(&claims[1]), of(&claims[2])];
    h.store.transition(commit).await.unwrap();
    let held = [(claims[2].job.clone(), claims[2].fence)];
    assert_eq!(
        h.store.lost(&held).await.unwrap(),
        vec![claims[2].job.clone()]
    );
    let late = h.store.append(samples::append_note(&claims[2], "late"));
    let late = late.await;
    assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
    let mut again = worker.claim(10).await;
    again.sort_by(|a, b| a.job.cmp(&b.job));
    let seen: Vec<_> = again.iter().map(|c| (&c.job, c.fence.0)).collect();
    let wanted = [&claims[1], &claims[2]].map(|c| (&c.job, c.fence.0 + 2));
    assert_eq!(seen, wanted);
    // Nothing is left of the delay, and the parked one stayed where it was.
    h.shift_clock(60_001).await;
    let later = Worker::begin(h.store.clone(), "later").await;
    let left = later.claim(10).await;
    assert_eq!(kinds(&left), [JobKind::Deliver]);
}

pub async fn waking_makes_what_was_put_aside_ready_and_spares_the_rest(h: &mut Harness) {
    let (id, worker, claims) = jobs_of_every_sort(h).await;
    let other = h.submitted().await;
    let others = worker.claim_one().await;
    assert_eq!(others.task, other);
    worker.leave(&others, JobAfter::Park).await;
    let mut commit = samples::owners(&h.task(&id).await);
    commit.jobs.wake = true;
    h.store.transition(commit).await.unwrap();
    let mut woken: Vec<_> = worker.claim(10).await.into_iter().map(|c| c.job).collect();
    woken.sort();
    let mut aside = vec![claims[0].job.clone(), claims[1].job.clone()];
    aside.sort();
    assert_eq!(woken, aside);
    // The third was held all the time and still is.
    let held = [(claims[2].job.clone(), claims[2].fence)];
    assert_eq!(h.store.lost(&held).await.unwrap(), vec![]);
}

pub async fn a_commit_that_wakes_others_does_not_wake_what_it_puts_aside_itself(h: &mut Harness) {
    let (id, worker, claims) = jobs_of_every_sort(h).await;
    let task = h.task(&id).await;
    let own = &claims[2];
    let right = Right::Job(own.guard(), JobAfter::Park);
    let mut commit = samples::transition(&task, right);
    commit.jobs.wake = true;
    commit.jobs.create = vec![NewJob {
        delay_ms: 60_000,
        ..samples::job(&*h.entropy, JobKind::Report)
    }];
    h.store.transition(commit).await.unwrap();
    let woken = worker.claim(10).await;
    assert_eq!(kinds(&woken), [JobKind::Step, JobKind::Step]);
    assert!(woken.iter().all(|claim| claim.job != own.job), "{woken:?}");
}

pub async fn what_becomes_of_the_job_is_part_of_the_transition(h: &mut Harness) {
    let id = h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    let then = async |claim: &Claim, after| {
        let task = h.task(&id).await;
        let commit = samples::transition(&task, Right::Job(claim.guard(), after));
        h.store.transition(commit).await.unwrap();
    };
    then(&claim, JobAfter::Keep).await;
    assert_eq!(worker.claim(10).await, vec![]);
    then(&claim, JobAfter::Delay(10_000)).await;
    assert_eq!(worker.claim(10).await, vec![]);
    h.shift_clock(10_001).await;
    let again = worker.claim_one().await;
    then(&again, JobAfter::Park).await;
    h.shift_clock(3_600_000).await;
    let later = Worker::begin(h.store.clone(), "later").await;
    assert_eq!(later.claim(10).await, vec![]);
    let mut wake = samples::owners(&h.task(&id).await);
    wake.jobs.wake = true;
    h.store.transition(wake).await.unwrap();
    let last = later.claim_one().await;
    then(&last, JobAfter::Delete).await;
    let held = [(last.job.clone(), last.fence)];
    assert_eq!(h.store.lost(&held).await.unwrap(), vec![last.job]);
}
