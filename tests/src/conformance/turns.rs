//! The order of claims: priority, then turns between tenants, then age.

use agent_core::id::{TaskId, TenantId};
use agent_core::job::{Claim, JobAfter, JobKind};
use agent_core::ports::store::{NewTask, Room};
use agent_core::task::Priority;

use crate::harness::Harness;
use crate::samples;
use crate::worker::LEASE_MS;

/// Submits tasks of one tenant.
async fn submit(h: &Harness, tenant: &TenantId, count: usize) -> Vec<TaskId> {
    let mut tasks = Vec::new();
    for _ in 0..count {
        let new = NewTask {
            tenant: tenant.clone(),
            ..h.new_task()
        };
        tasks.push(h.submit(new).await);
    }
    tasks
}

fn tasks(claims: &[Claim]) -> Vec<TaskId> {
    claims.iter().map(|claim| claim.task.clone()).collect()
}

async fn with_priority(h: &Harness, priority: Priority) -> TaskId {
    let mut new = h.new_task();
    new.priority = priority;
    new.job.priority = priority;
    h.submit(new).await
}

pub async fn a_higher_priority_is_claimed_first_whatever_the_age(h: &mut Harness) {
    let low = with_priority(h, Priority::Low).await;
    let normal = with_priority(h, Priority::Normal).await;
    let high = with_priority(h, Priority::High).await;
    assert_eq!(h.task(&low).await.priority, Priority::Low);
    assert_eq!(h.task(&high).await.priority, Priority::High);
    let claims = h.worker("w").await.claim(10).await;
    assert_eq!(tasks(&claims), vec![high, normal, low]);
}

pub async fn a_tenant_of_weight_two_gets_two_jobs_for_one_of_another(h: &mut Harness) {
    h.store.weigh(&h.tenant, 2);
    let heavy = submit(h, &h.tenant, 6).await;
    let light = submit(h, &h.stranger().await, 6).await;
    let claims = tasks(&h.worker("w").await.claim(6).await);
    let of = |own: &[TaskId]| claims.iter().filter(|task| own.contains(task)).count();
    assert_eq!((of(&heavy), of(&light)), (4, 2));
    let early = heavy[..4].iter().chain(&light[..2]);
    assert!(early.into_iter().all(|task| claims.contains(task)));
}

pub async fn a_tenant_with_many_jobs_lets_others_pass_in_turns(h: &mut Harness) {
    let busy = submit(h, &h.tenant, 10).await;
    let worker = h.worker("w").await;
    assert_eq!(tasks(&worker.claim(4).await), busy[..4]);
    let other = submit(h, &h.stranger().await, 2).await;
    let claims = worker.claim(4).await;
    let expected = vec![
        busy[4].clone(),
        other[0].clone(),
        busy[5].clone(),
        other[1].clone(),
    ];
    assert_eq!(tasks(&claims), expected);
}

pub async fn a_tenant_that_was_idle_saved_up_no_turns(h: &mut Harness) {
    let worker = h.worker("w").await;
    let stranger = h.stranger().await;
    submit(h, &stranger, 1).await;
    submit(h, &h.tenant, 20).await;
    assert_eq!(worker.claim(21).await.len(), 21);
    let own = submit(h, &h.tenant, 2).await;
    let others = submit(h, &stranger, 2).await;
    let claims = worker.claim(4).await;
    let expected = vec![
        own[0].clone(),
        others[0].clone(),
        own[1].clone(),
        others[1].clone(),
    ];
    assert_eq!(tasks(&claims), expected);
}

pub async fn a_task_that_was_begun_goes_on_before_the_tenants_next_one(h: &mut Harness) {
    let own = submit(h, &h.tenant, 3).await;
    let worker = h.worker("w").await;
    let plan = worker.claim(1).await.remove(0);
    let mut commit = samples::workers(&h.task(&own[0]).await, &plan);
    commit.jobs.create = vec![samples::job(&*h.entropy, JobKind::Report)];
    h.store.transition(commit).await.unwrap();
    let claims = worker.claim(10).await;
    assert_eq!(
        tasks(&claims),
        vec![own[0].clone(), own[1].clone(), own[2].clone()]
    );
    assert_eq!(claims[0].kind, JobKind::Report);
}

pub async fn jobs_that_come_back_together_take_turns_with_other_tenants(h: &mut Harness) {
    let own = submit(h, &h.tenant, 4).await;
    let worker = h.worker("w").await;
    for claim in worker.claim(4).await {
        worker.leave(&claim, JobAfter::Delay(1_000)).await;
    }
    h.shift_clock(1_001).await;
    let other = submit(h, &h.stranger().await, 2).await;
    let claims = worker.claim(4).await;
    let seen = tasks(&claims);
    for task in &other {
        assert!(seen.contains(task), "{seen:?} of {own:?} and {other:?}");
    }
}

pub async fn a_job_that_is_handed_back_at_once_keeps_its_turn(h: &mut Harness) {
    let own = submit(h, &h.tenant, 3).await;
    let worker = h.worker("w").await;
    let first = worker.claim(1).await.remove(0);
    worker.leave(&first, JobAfter::Delay(0)).await;
    assert_eq!(tasks(&worker.claim(3).await), own);
}

pub async fn a_tenant_without_room_is_passed_over_and_waits(h: &mut Harness) {
    let own = submit(h, &h.tenant, 5).await;
    let stranger = h.stranger().await;
    let other = submit(h, &stranger, 3).await;
    let worker = h.worker("w").await;
    let claim = async |room: Room| {
        let claims = h.store.claim(&worker.life, LEASE_MS, &room).await;
        let mut tasks = tasks(&claims.unwrap());
        tasks.sort();
        tasks
    };
    let each = Room {
        jobs: 10,
        of_tenants: Vec::new(),
        of_others: 2,
    };
    let expected = [&own[..2], &other[..2]].concat();
    assert_eq!(claim(each).await, expected);
    let own_is_full = Room {
        jobs: 10,
        of_tenants: vec![(h.tenant.clone(), 0), (stranger, 1)],
        of_others: 2,
    };
    assert_eq!(claim(own_is_full).await, other[2..]);
    assert_eq!(claim(Room::of(10)).await, own[2..]);
}

/// What waits in the queue when a worker starts again must not stand behind what comes later.
pub async fn turns_survive_a_restart_of_the_worker(h: &mut Harness) {
    let first = submit(h, &h.tenant, 4).await;
    let worker = h.worker("w").await;
    worker.claim(2).await;
    let later = h.another_handle().await;
    let worker = crate::worker::Worker::begin(later, "w").await;
    let new = submit(h, &h.tenant, 1).await;
    let claims = worker.claim(10).await;
    assert_eq!(tasks(&claims), [first, new].concat());
}
