//! Processes that meet on the same rows: whatever the order, each verb happens wholly or is refused.

use agent_core::job::{Claim, JobKind};
use agent_core::ports::store::StoreError;
use agent_core::task::TaskState;
use tokio::task::JoinSet;

use crate::harness::Harness;
use crate::samples;
use crate::worker::{LEASE_MS, PAST_LEASE_MS, Worker};

/// A task whose plan has given it `count` ready step jobs.
async fn planned(h: &Harness, planner: &Worker, count: u32) -> agent_core::id::TaskId {
    let task = h.submitted().await;
    let plan = planner.claim_one().await;
    planner.plan(&plan, count, &*h.entropy).await;
    task
}

pub async fn a_cancel_beside_claimers_leaves_no_job_behind(h: &mut Harness) {
    let planner = h.worker("planner").await;
    let claimers = [h.distant_worker("a").await, h.distant_worker("b").await];
    for round in 0..6 {
        let id = planned(h, &planner, 8).await;
        let mut cancel = samples::owners(&h.task(&id).await);
        cancel.task.state = TaskState::Cancelled;
        cancel.jobs.delete_work = true;
        cancel.jobs.stop_held = true;
        let (a, b, cancelled) = tokio::join!(
            claimers[0].claim(5),
            claimers[1].claim(5),
            h.store.transition(cancel)
        );
        cancelled.unwrap();
        let claims: Vec<Claim> = [a, b].concat();
        let held: Vec<_> = claims.iter().map(|c| (c.job.clone(), c.fence)).collect();
        let lost = h.store.lost(&held).await.unwrap();
        assert_eq!(lost.len(), held.len(), "round {round}");
        assert_eq!(claimers[0].claim(10).await, vec![], "round {round}");
        // Whoever came before the cancel tells of the end; whoever came after it has got nothing.
        let mut told: Vec<Claim> = Vec::new();
        for claimer in &claimers {
            told.extend(h.store.held(&claimer.life).await.unwrap());
        }
        assert_eq!(told.len(), claims.len(), "round {round}");
        for stop in told {
            assert_eq!(stop.kind, JobKind::Stop);
            h.store.finish(stop.guard()).await.unwrap();
        }
        for claim in &claims {
            let late = h.store.append(samples::append_note(claim, "late")).await;
            assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
        }
    }
}

pub async fn an_append_beside_a_reap_is_whole_or_refused(h: &mut Harness) {
    for round in 0..6 {
        let id = h.submitted().await;
        let worker = h.distant_worker(&format!("w{round}")).await;
        let claim = worker.claim_one().await;
        h.shift_clock(PAST_LEASE_MS).await;
        let mut commit = samples::append_note(&claim, "just in time, or too late");
        commit.charge.model_calls = 1;
        let (appended, reaped) = tokio::join!(worker.store.append(commit), h.store.reap(LEASE_MS));
        let known = matches!(appended, Ok(_) | Err(StoreError::Stale { .. }));
        assert!(known, "{appended:?}");
        let counted = u32::from(appended.is_ok());
        let task = h.task(&id).await;
        assert_eq!(task.spent.model_calls, i64::from(counted));
        assert_eq!(task.seq, 1 + i64::from(counted));
        // A reaper may pass over a job that is being written to; the next one takes it.
        let again = h.store.reap(LEASE_MS).await.unwrap();
        assert_eq!(reaped.unwrap() + again, 1, "round {round}");
        let next = h.worker("next").await;
        let claim = next.claim_one().await;
        assert_eq!((&claim.task, claim.crashes), (&id, 1));
        next.leave(&claim, agent_core::job::JobAfter::Delete).await;
    }
}

pub async fn commits_of_two_processes_on_the_same_tasks_all_succeed(h: &mut Harness) {
    const TASKS: usize = 6;
    const EACH: i64 = 10;
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        tasks.push(h.submitted().await);
    }
    let worker = h.worker("w").await;
    for plan in worker.claim(10).await {
        worker.plan(&plan, 2, &*h.entropy).await;
    }
    // Both steps of each task, side by side: one is written by each process.
    let claims = worker.claim(20).await;
    assert_eq!(claims.len(), 2 * TASKS);
    let there = h.another_handle().await;
    let mut commits = JoinSet::new();
    for (index, claim) in claims.into_iter().enumerate() {
        let handles = [h.store.clone(), there.clone()];
        commits.spawn(async move {
            for turn in 0..EACH {
                let commit = samples::append_note(&claim, &turn.to_string());
                handles[index % 2].append(commit).await.unwrap();
            }
        });
    }
    commits.join_all().await;
    for task in &tasks {
        let numbers: Vec<i64> = h.log(task).await.iter().map(|event| event.seq).collect();
        assert_eq!(numbers, (1..=1 + 2 * EACH).collect::<Vec<_>>());
    }
}
