//! What a cancel leaves of jobs that are held: each tells of its end once, by its holder or by whoever comes after it.

use agent_core::event::{EventKind, PreparedEvent};
use agent_core::job::{Claim, Fence, JobAfter, JobKind};
use agent_core::ports::store::{Append, StoreError};
use agent_core::queue::JobPlace;
use agent_core::task::TaskState;

use crate::harness::Harness;
use crate::samples;
use crate::worker::{LEASE_MS, PAST_LEASE_MS, Worker};

/// A cancel that spares what is held.
async fn cancel(h: &Harness, claim: &Claim) {
    let mut commit = samples::owners(&h.task(&claim.task).await);
    commit.task.state = TaskState::Cancelled;
    commit.jobs.delete_work = true;
    commit.jobs.stop_held = true;
    h.store.transition(commit).await.unwrap();
}

/// A task with a held, a parked and a ready step job, cancelled. Gives the claim that was held.
async fn cancelled(h: &Harness, worker: &Worker) -> Claim {
    h.submitted().await;
    let plan = worker.claim_one().await;
    worker.plan(&plan, 3, &*h.entropy).await;
    let claims = worker.claim(2).await;
    worker.leave(&claims[1], JobAfter::Park).await;
    cancel(h, &claims[0]).await;
    claims[0].clone()
}

/// What is held in the place of a claim that a cancel took away.
fn stopped(claim: &Claim) -> Claim {
    Claim {
        kind: JobKind::Stop,
        fence: Fence(claim.fence.0 + 1),
        attempts: 0,
        crashes: 0,
        ..claim.clone()
    }
}

/// The commit that tells of an end.
fn telling(claim: &Claim) -> Append {
    let told = PreparedEvent {
        kind: EventKind::JobStopped,
        step: claim.step.clone(),
        ..samples::note("told")
    };
    Append {
        events: vec![told],
        job: JobAfter::Delete,
        ..samples::append(claim)
    }
}

pub async fn what_is_held_at_a_cancel_stays_with_its_holder_until_it_is_told(h: &mut Harness) {
    let worker = h.worker("w").await;
    let claim = cancelled(h, &worker).await;
    let late = h.store.append(samples::append_note(&claim, "late")).await;
    assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
    let pair = [(claim.job.clone(), claim.fence)];
    assert_eq!(
        h.store.lost(&pair).await.unwrap(),
        std::slice::from_ref(&claim.job)
    );
    let stop = stopped(&claim);
    let held = h.store.held(&worker.life).await.unwrap();
    assert_eq!(held, std::slice::from_ref(&stop));
    assert_eq!(worker.claim(10).await, [], "nothing of it is work");
    let before = h.task(&claim.task).await;
    h.store.append(telling(&stop)).await.unwrap();
    let twice = h.store.append(telling(&stop)).await;
    assert!(matches!(twice, Err(StoreError::Stale { .. })), "{twice:?}");
    let after = h.task(&claim.task).await;
    assert_eq!(
        (after.state, after.version, after.seq),
        (TaskState::Cancelled, before.version, before.seq + 1)
    );
    let queue = h.store.task_queue(&h.tenant, &claim.task).await.unwrap();
    assert_eq!(queue.jobs, []);
}

pub async fn whoever_comes_after_a_dead_holder_tells_of_its_end(h: &mut Harness) {
    let worker = h.worker("w").await;
    let claim = cancelled(h, &worker).await;
    h.shift_clock(PAST_LEASE_MS).await;
    let next = h.worker("next").await;
    assert_eq!(h.store.reap(LEASE_MS).await.unwrap(), 1);
    let late = h.store.append(telling(&stopped(&claim))).await;
    assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
    let queue = h.store.task_queue(&h.tenant, &claim.task).await.unwrap();
    let places = queue.jobs.iter().map(|job| (job.kind, &job.place));
    let places: Vec<_> = places.collect();
    assert_eq!(places, [(Some(JobKind::Stop), &JobPlace::Ready)]);
    let taken_up = next.claim_one().await;
    let expected = Claim {
        fence: Fence(claim.fence.0 + 2),
        crashes: 1,
        ..stopped(&claim)
    };
    assert_eq!(taken_up, expected);
    h.store.append(telling(&taken_up)).await.unwrap();
    let queue = h.store.task_queue(&h.tenant, &claim.task).await.unwrap();
    assert_eq!(queue.jobs, []);
}

pub async fn a_cancel_leaves_what_tells_of_another_tasks_end_alone(h: &mut Harness) {
    let worker = h.worker("w").await;
    let first = cancelled(h, &worker).await;
    let second = cancelled(h, &worker).await;
    let mut expected = vec![stopped(&first), stopped(&second)];
    expected.sort_by(|a, b| a.job.cmp(&b.job));
    let mut held = h.store.held(&worker.life).await.unwrap();
    held.sort_by(|a, b| a.job.cmp(&b.job));
    assert_eq!(held, expected);
}
