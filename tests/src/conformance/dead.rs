//! Where jobs lie, and the dead letters: set aside by a commit, listed, and requeued once.

use agent_core::delivery::{DeliveryPatch, DeliveryState};
use agent_core::id::{JobId, StepId, TaskId};
use agent_core::job::{Claim, JobAfter, JobKind};
use agent_core::ports::store::{Right, StoreError};
use agent_core::queue::{DeadId, DeadKind, DeadLetter, DeadQuery, JobPlace, Quarantine, QueuedJob};

use super::outcome::{Sent, sent};
use crate::harness::Harness;
use crate::samples;
use crate::worker::{PAST_LEASE_MS, Worker};

const ALL: DeadQuery = DeadQuery {
    kind: None,
    before_ms: None,
    after: None,
    limit: 100,
};

async fn jobs(h: &Harness, task: &TaskId) -> Vec<QueuedJob> {
    let queue = h.store.task_queue(&h.tenant, task).await;
    queue.unwrap().jobs
}

async fn dead(h: &Harness, query: &DeadQuery) -> Vec<DeadLetter> {
    h.store.list_dead(&h.tenant, query).await.unwrap()
}

/// A task whose plan has so many steps, all claimed.
async fn steps(h: &Harness, count: u32) -> (TaskId, Worker, Vec<Claim>) {
    let id = h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    worker.plan(&plan, count, &*h.entropy).await;
    let claims = worker.claim(10).await;
    (id, worker, claims)
}

async fn quarantine(h: &Harness, claim: &Claim) {
    let right = Right::Job(claim.guard(), JobAfter::Park);
    let mut commit = samples::transition(&h.task(&claim.task).await, right);
    commit.jobs.quarantine = Some(Quarantine {
        reason: "workers died".to_owned(),
        events: vec![3, 5],
    });
    h.store.transition(commit).await.unwrap();
}

async fn requeue(h: &Harness, task: &TaskId, job: &JobId) {
    let mut commit = samples::owners(&h.task(task).await);
    commit.jobs.requeue = Some(job.clone());
    h.store.transition(commit).await.unwrap();
}

async fn abandon(h: &Harness, sent: &Sent) {
    let mut commit = samples::append_note(&sent.claim, "the last attempt");
    commit.delivery = Some(DeliveryPatch {
        id: sent.delivery.id.clone(),
        attempts: 9,
        state: DeliveryState::Abandoned,
        error: Some("the receiver answered 500".to_owned()),
    });
    commit.job = JobAfter::Delete;
    h.store.append(commit).await.unwrap();
}

pub async fn the_jobs_of_a_task_are_shown_where_they_lie(h: &mut Harness) {
    let (id, worker, claims) = steps(h, 4).await;
    let other = h.submitted().await;
    worker.leave(&claims[0], JobAfter::Park).await;
    let until = worker.leave(&claims[1], JobAfter::Delay(60_000)).await;
    worker.leave(&claims[2], JobAfter::Delay(0)).await;
    h.shift_clock(4_000).await;
    let queue = h.store.task_queue(&h.tenant, &id).await.unwrap();
    let found = |claim: &Claim| queue.jobs.iter().find(|job| job.job == claim.job).unwrap();
    assert_eq!(queue.jobs.len(), 4);
    assert_eq!(found(&claims[0]).place, JobPlace::Parked);
    let JobPlace::Delayed { until_ms } = found(&claims[1]).place else {
        panic!("not delayed: {:?}", found(&claims[1]));
    };
    assert!((until_ms - until.at_ms - 60_000).abs() < 1_000);
    assert_eq!(found(&claims[2]).place, JobPlace::Ready);
    let held = found(&claims[3]);
    assert_eq!(
        (held.kind, &held.step),
        (Some(JobKind::Step), &claims[3].step)
    );
    let JobPlace::Held(holder) = &held.place else {
        panic!("not held: {held:?}");
    };
    assert_eq!((&holder.who, holder.is_over), (&worker.life, false));
    assert_eq!(holder.heartbeat_at_ms, queue.heartbeat_at_ms);
    let age_ms = queue.read_at_ms - holder.heartbeat_at_ms.unwrap();
    assert!((4_000..PAST_LEASE_MS).contains(&age_ms), "{age_ms}");
    // The other task's job is its own, and nothing is a stranger's.
    assert_eq!(jobs(h, &other).await.len(), 1);
    let stranger = h.stranger().await;
    let theirs = h.store.task_queue(&stranger, &id).await.unwrap();
    assert_eq!(theirs.jobs, vec![]);
}

pub async fn no_worker_is_heard_of_when_all_lives_are_over(h: &mut Harness) {
    let id = h.submitted().await;
    let heard = async |h: &Harness| {
        let queue = h.store.task_queue(&h.tenant, &id).await.unwrap();
        queue.heartbeat_at_ms.is_some()
    };
    assert!(!heard(h).await);
    let worker = h.worker("w").await;
    assert!(heard(h).await);
    h.shift_clock(PAST_LEASE_MS).await;
    assert!(heard(h).await, "silent, and not over yet");
    worker.store.reap(crate::worker::LEASE_MS).await.unwrap();
    assert!(!heard(h).await);
}

pub async fn a_job_that_is_set_aside_is_a_dead_letter_that_no_wake_makes_ready(h: &mut Harness) {
    let (id, worker, claims) = steps(h, 2).await;
    quarantine(h, &claims[0]).await;
    worker.leave(&claims[1], JobAfter::Park).await;
    let letters = dead(h, &ALL).await;
    let [letter] = &letters[..] else {
        panic!("one dead letter: {letters:?}");
    };
    let wanted = DeadLetter {
        id: DeadId::Job(claims[0].job.clone()),
        kind: DeadKind::Job,
        task: id.clone(),
        step: claims[0].step.clone(),
        job_kind: "step".to_owned(),
        reason: "workers died".to_owned(),
        events: vec![3, 5],
        crashes: 0,
        attempts: 0,
        since_ms: letter.since_ms,
    };
    assert_eq!(*letter, wanted);
    let found = h.store.find_dead(&h.tenant, &wanted.id).await.unwrap();
    assert_eq!(found, Some(wanted));
    let mut commit = samples::owners(&h.task(&id).await);
    commit.jobs.wake = true;
    h.store.transition(commit).await.unwrap();
    assert_eq!(worker.claim_one().await.job, claims[1].job);
    let shown = jobs(h, &id).await;
    let shown = shown.iter().find(|job| job.job == claims[0].job).unwrap();
    let place = JobPlace::Dead {
        kind: DeadKind::Job,
        reason: "workers died".to_owned(),
    };
    assert_eq!(shown.place, place);
}

pub async fn a_requeued_job_is_ready_and_its_deaths_are_forgotten(h: &mut Harness) {
    let id = h.submitted().await;
    let mut worker = h.worker("w").await;
    worker.claim_one().await;
    worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    assert_eq!(claim.crashes, 1);
    quarantine(h, &claim).await;
    assert_eq!(dead(h, &ALL).await[0].crashes, 1);
    assert_eq!(worker.claim(10).await, vec![]);
    requeue(h, &id, &claim.job).await;
    let again = worker.claim_one().await;
    assert_eq!((&again.job, again.crashes), (&claim.job, 0));
    assert_eq!(dead(h, &ALL).await, vec![]);
    // It is no dead letter any more: requeueing it again takes it from nobody.
    requeue(h, &id, &claim.job).await;
    assert_eq!(worker.claim(10).await, vec![]);
    let held = [(again.job.clone(), again.fence)];
    assert_eq!(h.store.lost(&held).await.unwrap(), vec![]);
}

pub async fn a_message_that_is_given_up_is_a_dead_letter_and_begins_again(h: &mut Harness) {
    let sent = sent(h).await;
    abandon(h, &sent).await;
    let letters = dead(h, &ALL).await;
    let id = DeadId::Delivery(sent.delivery.id.clone());
    let wanted = DeadLetter {
        id: id.clone(),
        kind: DeadKind::Delivery,
        task: sent.task.clone(),
        step: None,
        job_kind: "deliver".to_owned(),
        reason: "the receiver answered 500".to_owned(),
        events: vec![h.task(&sent.task).await.seq],
        crashes: 0,
        attempts: 9,
        since_ms: letters[0].since_ms,
    };
    assert_eq!(letters, vec![wanted]);
    let given_up = [(
        sent.delivery.id.clone(),
        "the receiver answered 500".to_owned(),
    )];
    let queue = h.store.task_queue(&h.tenant, &sent.task).await.unwrap();
    assert_eq!(queue.given_up, given_up);
    let job = JobId::new(&*h.entropy);
    let stranger = h.stranger().await;
    let foreign = h.store.requeue_dead(&stranger, &id, &job).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)), "{foreign:?}");
    h.store.requeue_dead(&h.tenant, &id, &job).await.unwrap();
    let twice = h
        .store
        .requeue_dead(&h.tenant, &id, &JobId::new(&*h.entropy))
        .await;
    assert!(matches!(twice, Err(StoreError::NotFound)), "{twice:?}");
    let claim = sent.worker.claim_one().await;
    assert_eq!((claim.job, claim.kind), (job, JobKind::Deliver));
    assert_eq!(claim.delivery, Some(sent.delivery.id.clone()));
    let found = h.store.find_delivery(&h.tenant, &sent.delivery.id).await;
    assert_eq!(found.unwrap().unwrap().attempts, 0);
}

pub async fn a_job_that_a_commit_set_aside_is_not_requeued_without_one(h: &mut Harness) {
    let (_, worker, claims) = steps(h, 1).await;
    quarantine(h, &claims[0]).await;
    let id = DeadId::Job(claims[0].job.clone());
    let refused = h
        .store
        .requeue_dead(&h.tenant, &id, &JobId::new(&*h.entropy))
        .await;
    assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    assert_eq!(dead(h, &ALL).await.len(), 1);
    assert_eq!(worker.claim(10).await, vec![]);
}

pub async fn dead_letters_come_in_pages_and_by_kind_and_age(h: &mut Harness) {
    let (_, _, claims) = steps(h, 3).await;
    for claim in &claims {
        quarantine(h, claim).await;
        h.shift_clock(10).await;
    }
    let late = sent(h).await;
    abandon(h, &late).await;
    let all: Vec<(i64, DeadId)> = dead(h, &ALL)
        .await
        .into_iter()
        .map(|letter| (letter.since_ms, letter.id))
        .collect();
    let mut wanted: Vec<DeadId> = claims.iter().map(|c| DeadId::Job(c.job.clone())).collect();
    wanted.push(DeadId::Delivery(late.delivery.id.clone()));
    wanted.reverse();
    let ids: Vec<DeadId> = all.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(ids, wanted);
    let mut paged = Vec::new();
    let mut query = DeadQuery { limit: 3, ..ALL };
    loop {
        let page = dead(h, &query).await;
        let Some(last) = page.last() else { break };
        query.after = Some((last.since_ms, last.id.clone()));
        paged.extend(page.into_iter().map(|letter| letter.id));
    }
    assert_eq!(paged, wanted);
    let of_kind = DeadQuery {
        kind: Some(DeadKind::Job),
        ..ALL
    };
    assert_eq!(dead(h, &of_kind).await.len(), 3);
    let older = DeadQuery {
        before_ms: Some(all[1].0),
        ..ALL
    };
    let older: Vec<DeadId> = dead(h, &older).await.into_iter().map(|l| l.id).collect();
    assert_eq!(older, wanted[2..]);
    let stranger = h.stranger().await;
    assert_eq!(h.store.list_dead(&stranger, &ALL).await.unwrap(), vec![]);
}

pub async fn dead_letters_go_with_the_work_of_their_task_and_messages_stay(h: &mut Harness) {
    let late = sent(h).await;
    abandon(h, &late).await;
    let (id, worker, claims) = steps(h, 2).await;
    let ids: Vec<StepId> = claims.iter().filter_map(|c| c.step.clone()).collect();
    quarantine(h, &claims[0]).await;
    quarantine(h, &claims[1]).await;
    let mut commit = samples::owners(&h.task(&id).await);
    commit.jobs.take_back = vec![ids[0].clone()];
    h.store.transition(commit).await.unwrap();
    let left: Vec<Option<StepId>> = dead(h, &ALL).await.into_iter().map(|l| l.step).collect();
    assert_eq!(left, [Some(ids[1].clone()), None]);
    assert_eq!(worker.claim_one().await.job, claims[0].job);
    for task in [&id, &late.task] {
        let mut commit = samples::owners(&h.task(task).await);
        commit.jobs.delete_work = true;
        h.store.transition(commit).await.unwrap();
    }
    let left: Vec<DeadKind> = dead(h, &ALL).await.into_iter().map(|l| l.kind).collect();
    assert_eq!(left, [DeadKind::Delivery]);
    assert_eq!(worker.claim(10).await, vec![]);
}

pub async fn a_job_that_cannot_be_worked_on_is_a_dead_letter_until_it_is_requeued(h: &mut Harness) {
    let (id, worker, claims) = steps(h, 1).await;
    let claim = &claims[0];
    let reason = "task.state of task_1 is corrupt";
    h.store.set_aside(&claim.guard(), reason).await.unwrap();
    let twice = h.store.set_aside(&claim.guard(), reason).await;
    assert!(matches!(twice, Err(StoreError::Stale { .. })), "{twice:?}");
    let letters = dead(h, &ALL).await;
    let wanted = DeadLetter {
        id: DeadId::Job(claim.job.clone()),
        kind: DeadKind::Unreadable,
        task: id.clone(),
        step: claim.step.clone(),
        job_kind: "step".to_owned(),
        reason: reason.to_owned(),
        events: vec![],
        crashes: 0,
        attempts: 0,
        since_ms: letters[0].since_ms,
    };
    assert_eq!(letters, vec![wanted]);
    let place = JobPlace::Dead {
        kind: DeadKind::Unreadable,
        reason: reason.to_owned(),
    };
    assert_eq!(jobs(h, &id).await[0].place, place);
    assert_eq!(worker.claim(10).await, vec![]);
    let unused = JobId::new(&*h.entropy);
    let requeued = h.store.requeue_dead(&h.tenant, &letters[0].id, &unused);
    requeued.await.unwrap();
    let again = worker.claim_one().await;
    assert_eq!((again.job, again.fence.0), (claim.job.clone(), 2));
    assert_eq!(dead(h, &ALL).await, vec![]);
}

pub async fn a_dead_letter_goes_with_a_task_that_is_removed(h: &mut Harness) {
    let late = sent(h).await;
    abandon(h, &late).await;
    h.shift_clock(2 * 24 * 3_600_000).await;
    assert_eq!(dead(h, &ALL).await.len(), 1);
    assert_eq!(h.store.retire(3_600_000, 10).await.unwrap(), 1);
    assert_eq!(dead(h, &ALL).await, vec![]);
}
