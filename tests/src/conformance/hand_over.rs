//! A job that is made in the course of another one can be given to its worker at once, in the order of the queue.

use agent_core::job::{Claim, HandOver, JobAfter, JobKind, NewJob};
use agent_core::ports::store::{Committed, Right, StoreError};
use agent_core::task::Priority;

use crate::harness::Harness;
use crate::samples;
use crate::worker::Worker;

/// Ends a job with a new one that this worker wishes to go on with.
async fn end(h: &Harness, worker: &Worker, claim: &Claim) -> (Committed, Claim) {
    let job = samples::job(&*h.entropy, JobKind::Report);
    let right = Right::Job(claim.guard(), JobAfter::Delete);
    let mut commit = samples::transition(&h.task(&claim.task).await, right);
    commit.jobs.create = vec![job.clone()];
    commit.jobs.hand_over = Some(HandOver {
        job: job.id.clone(),
        to: worker.life.clone(),
    });
    let committed = h.store.transition(commit).await.unwrap();
    let owner = (&claim.tenant, &claim.task);
    (committed, Claim::handed_over(job, owner))
}

pub async fn a_job_that_is_handed_over_is_held_at_once_under_its_first_fence(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    let (committed, next) = end(h, &worker, &plan).await;
    assert!(committed.handed_over);
    assert_eq!(worker.claim(10).await, [], "nobody else gets it");
    let pair = (next.job.clone(), next.fence);
    assert_eq!(
        h.store.held(&worker.life).await.unwrap(),
        std::slice::from_ref(&next)
    );
    assert_eq!(h.store.lost(&[pair]).await.unwrap(), []);
    h.store.append(samples::append(&next)).await.unwrap();
    let (committed, last) = end(h, &worker, &next).await;
    assert!(committed.handed_over, "and the next one too");
    let late = h.store.append(samples::append(&next)).await.unwrap_err();
    assert!(matches!(late, StoreError::Stale { .. }), "{late}");
    h.store.finish(last.guard()).await.unwrap();
    assert_eq!(h.store.held(&worker.life).await.unwrap(), []);
}

pub async fn what_was_handed_over_is_taken_from_a_worker_that_died(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    let (_, next) = end(h, &worker, &plan).await;
    let again = Worker::begin(h.store.clone(), "w").await;
    let claim = again.claim_one().await;
    assert_eq!((&claim.job, claim.crashes), (&next.job, 1));
    assert!(claim.fence > next.fence);
    let late = h.store.append(samples::append(&next)).await.unwrap_err();
    assert!(matches!(late, StoreError::Stale { .. }), "{late}");
}

pub async fn nothing_is_handed_over_past_the_head_of_the_queue(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    let mut urgent = h.new_task();
    urgent.priority = Priority::High;
    urgent.job.priority = Priority::High;
    let urgent = h.submit(urgent).await;
    let (committed, next) = end(h, &worker, &plan).await;
    assert!(!committed.handed_over);
    let claims = worker.claim(10).await;
    let order: Vec<_> = claims.iter().map(|claim| claim.task.clone()).collect();
    assert_eq!(order, [urgent, plan.task]);
    assert_eq!(claims[1], next, "it was made ready as any other");
}

pub async fn a_begun_task_is_gone_on_with_before_tasks_that_wait_to_begin(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    let waiting = h.submitted().await;
    let (committed, _) = end(h, &worker, &plan).await;
    assert!(committed.handed_over);
    assert_eq!(worker.claim_one().await.task, waiting);
}

pub async fn nothing_is_handed_over_while_something_delayed_is_due(h: &mut Harness) {
    let delayed = h.submitted().await;
    let worker = h.worker("w").await;
    let first = worker.claim_one().await;
    worker.leave(&first, JobAfter::Delay(60_000)).await;
    h.submitted().await;
    let plan = worker.claim_one().await;
    h.shift_clock(60_001).await;
    let late = Worker::begin(h.store.clone(), "late").await;
    let (committed, _) = end(h, &late, &plan).await;
    assert!(!committed.handed_over);
    let claims = late.claim(10).await;
    assert!(claims.iter().any(|claim| claim.task == delayed));
}

pub async fn nothing_is_handed_to_a_life_that_is_over(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    let old = h.worker("other").await;
    let present = Worker::begin(h.store.clone(), "other").await;
    let (committed, next) = end(h, &old, &plan).await;
    assert!(!committed.handed_over);
    assert_eq!(h.store.held(&old.life).await.unwrap(), []);
    assert_eq!(present.claim_one().await, next);
}

pub async fn of_several_new_jobs_one_is_handed_over_and_the_others_are_ready(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    let jobs: Vec<NewJob> = (0..3)
        .map(|_| samples::job(&*h.entropy, JobKind::Report))
        .collect();
    let right = Right::Job(plan.guard(), JobAfter::Delete);
    let mut commit = samples::transition(&h.task(&plan.task).await, right);
    commit.jobs.create.clone_from(&jobs);
    commit.jobs.hand_over = Some(HandOver {
        job: jobs[0].id.clone(),
        to: worker.life.clone(),
    });
    assert!(h.store.transition(commit).await.unwrap().handed_over);
    let ready: Vec<_> = worker
        .claim(10)
        .await
        .into_iter()
        .map(|claim| claim.job)
        .collect();
    assert_eq!(ready, [jobs[1].id.clone(), jobs[2].id.clone()]);
}
