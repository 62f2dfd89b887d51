//! Leases: a life of a worker lasts as long as its heartbeat is fresh, and never comes back.

use agent_core::job::{Incarnation, JobAfter, WorkerName};
use agent_core::ports::store::{Room, StoreError};

use crate::harness::Harness;
use crate::samples;
use crate::worker::{LEASE_MS, PAST_LEASE_MS, Worker};

async fn assert_over(h: &Harness, life: &Incarnation) {
    let kept = h.store.heartbeat(life, LEASE_MS).await.unwrap_err();
    let claimed = h
        .store
        .claim(life, LEASE_MS, &Room::of(10))
        .await
        .unwrap_err();
    for refused in [kept, claimed] {
        let StoreError::LeaseLost { worker, epoch } = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((worker, epoch), (life.worker.0.clone(), life.epoch));
    }
}

pub async fn each_start_of_a_worker_is_a_new_epoch(h: &mut Harness) {
    let first = h.worker("a").await.life;
    let other = h.worker("b").await.life;
    let second = h.distant_worker("a").await.life;
    assert_eq!((first.epoch, other.epoch), (1, 1));
    assert_eq!(second.epoch, 2);
    assert_over(h, &first).await;
}

pub async fn a_new_life_makes_the_jobs_of_the_last_one_ready_at_once(h: &mut Harness) {
    let tasks = [h.submitted().await, h.submitted().await];
    let other = h.worker("b").await;
    let kept = other.claim(1).await.remove(0);
    assert_eq!(kept.task, tasks[0]);
    let first = h.worker("a").await;
    let old = first.claim_one().await;
    let second = h.worker("a").await;
    let new = second.claim_one().await;
    assert_eq!((&new.job, new.crashes), (&old.job, 1));
    assert!(new.fence > old.fence);
    let held = [(kept.job, kept.fence)];
    assert_eq!(h.store.lost(&held).await.unwrap(), vec![]);
    let late = h.store.append(samples::append_note(&old, "late")).await;
    assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
}

pub async fn a_heartbeat_keeps_the_lease(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    for _ in 0..3 {
        h.shift_clock(10_000).await;
        worker.heartbeat().await;
        assert_eq!(h.store.reap(LEASE_MS).await.unwrap(), 0);
    }
    h.store
        .append(samples::append_note(&claim, "held"))
        .await
        .unwrap();
    assert_eq!(worker.claim(10).await, vec![]);
}

pub async fn a_late_heartbeat_does_not_revive_a_lapsed_lease(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    h.shift_clock(PAST_LEASE_MS).await;
    // Before anybody has noticed that the lease lapsed.
    assert_over(h, &worker.life).await;
    // The refused heartbeat did not count: the life is still too old.
    assert_eq!(h.store.reap(LEASE_MS).await.unwrap(), 1);
    assert_over(h, &worker.life).await;
    // Nor does a longer lease bring back a life that was ended.
    let long_ms = 3_600_000;
    assert_eq!(h.store.reap(long_ms).await.unwrap(), 0);
    let kept = h.store.heartbeat(&worker.life, long_ms).await;
    assert!(
        matches!(kept, Err(StoreError::LeaseLost { .. })),
        "{kept:?}"
    );
    let claimed = h.store.claim(&worker.life, long_ms, &Room::of(10)).await;
    assert!(
        matches!(claimed, Err(StoreError::LeaseLost { .. })),
        "{claimed:?}"
    );
    let next = h.worker("x").await.claim_one().await;
    assert_eq!((next.job, next.crashes), (claim.job, 1));
}

pub async fn reaping_takes_the_jobs_of_silent_workers_only(h: &mut Harness) {
    let tasks = [h.submitted().await, h.submitted().await];
    let silent = h.worker("silent").await;
    let lost = silent.claim(1).await.remove(0);
    let alive = h.worker("alive").await;
    let kept = alive.claim_one().await;
    h.shift_clock(10_000).await;
    alive.heartbeat().await;
    h.shift_clock(6000).await;
    assert_eq!(h.store.reap(LEASE_MS).await.unwrap(), 1);
    assert_eq!(h.store.reap(LEASE_MS).await.unwrap(), 0);
    let held = [
        (kept.job.clone(), kept.fence),
        (lost.job.clone(), lost.fence),
    ];
    assert_eq!(h.store.lost(&held).await.unwrap(), vec![lost.job]);
    let next = alive.claim_one().await;
    assert_eq!((next.task, next.crashes), (tasks[0].clone(), 1));
    assert_eq!(kept.task, tasks[1]);
}

pub async fn the_old_holder_of_a_reaped_job_can_write_nothing(h: &mut Harness) {
    let task = h.submitted().await;
    let old = h.distant_worker("old").await;
    let stale = old.claim_one().await;
    h.shift_clock(PAST_LEASE_MS).await;
    assert_eq!(h.store.reap(LEASE_MS).await.unwrap(), 1);
    let new = h.worker("new").await;
    let held = new.claim_one().await;
    h.store
        .append(samples::append_note(&held, "new"))
        .await
        .unwrap();
    let late = old.store.append(samples::append_note(&stale, "late")).await;
    assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
    let decided = samples::workers(&h.task(&task).await, &stale);
    let late = old.store.transition(decided).await;
    assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
    assert_eq!(h.log(&task).await.len(), 2);
}

pub async fn a_reaped_worker_begins_again_and_works_on(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    worker.claim_one().await;
    h.shift_clock(PAST_LEASE_MS).await;
    assert_eq!(h.store.reap(LEASE_MS).await.unwrap(), 1);
    let again = h.worker("w").await;
    assert_eq!(again.life.epoch, 2);
    let claim = again.claim_one().await;
    assert_eq!(claim.crashes, 1, "one death counts once");
    again.heartbeat().await;
}

pub async fn every_death_of_a_holder_is_counted(h: &mut Harness) {
    h.submitted().await;
    for crashes in 0..4 {
        let claim = h.worker("w").await.claim_one().await;
        assert_eq!((claim.crashes, claim.attempts), (crashes, 0));
    }
    let last = h.worker("w").await;
    let claim = last.claim_one().await;
    assert_eq!(claim.crashes, 4);
    last.leave(&claim, JobAfter::Delay(0)).await;
    // A job that was given back in time is not counted as a crash.
    assert_eq!(h.worker("w").await.claim_one().await.crashes, 4);
}

pub async fn a_life_that_never_began_can_do_nothing(h: &mut Harness) {
    h.submitted().await;
    let unknown = Incarnation {
        worker: WorkerName("nobody".to_owned()),
        epoch: 1,
    };
    assert_over(h, &unknown).await;
    let mut future = h.worker("w").await.life;
    future.epoch += 1;
    assert_over(h, &future).await;
}

pub async fn reapers_side_by_side_take_each_job_once(h: &mut Harness) {
    for _ in 0..6 {
        h.submitted().await;
    }
    for name in ["a", "b", "c"] {
        assert_eq!(h.worker(name).await.claim(2).await.len(), 2);
    }
    h.shift_clock(PAST_LEASE_MS).await;
    let there = h.another_handle().await;
    let (a, b) = tokio::join!(h.store.reap(LEASE_MS), there.reap(LEASE_MS));
    assert!(a.unwrap() + b.unwrap() <= 6);
    h.store.reap(LEASE_MS).await.unwrap();
    let next = Worker::begin(there, "next").await;
    let claims = next.claim(10).await;
    assert_eq!(claims.len(), 6);
    assert!(claims.iter().all(|claim| claim.crashes == 1), "{claims:?}");
}

pub async fn time_comes_from_the_database_and_moves_with_it(h: &mut Harness) {
    let before = h.store.now_ms().await.unwrap();
    h.shift_clock(3_600_000).await;
    let there = h.another_handle().await;
    let after = there.now_ms().await.unwrap();
    assert!(after >= before + 3_600_000, "{before} {after}");
    let task = h.submitted().await;
    assert!(h.task(&task).await.created_at_ms >= after);
}

pub async fn a_life_can_ask_for_all_that_it_holds_and_nothing_else(h: &mut Harness) {
    for _ in 0..3 {
        h.submitted().await;
    }
    let worker = h.worker("w").await;
    let other = h.worker("x").await;
    let claims = worker.claim(2).await;
    other.claim_one().await;
    let mut held = h.store.held(&worker.life).await.unwrap();
    held.sort_by(|a, b| a.job.cmp(&b.job));
    let mut expected = claims;
    expected.sort_by(|a, b| a.job.cmp(&b.job));
    assert_eq!(held, expected);
    let next = h.worker("w").await;
    assert_eq!(h.store.held(&next.life).await.unwrap(), vec![]);
}
