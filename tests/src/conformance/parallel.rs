//! Steps of one task that end at once on different workers, with the product's own decisions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::decide::{Input, commit, decide};
use agent_core::id::{StepId, TenantId};
use agent_core::job::{Claim, JobAfter, JobKind};
use agent_core::plan::{Plan, StepSpec};
use agent_core::ports::blobs::{BlobError, Blobs};
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::{Right, Store, StoreError};
use agent_core::step::StepState;
use async_trait::async_trait;
use tokio::sync::Barrier;

use crate::harness::Harness;
use crate::worker::Worker;

#[derive(Default)]
struct Held(Mutex<BTreeMap<BlobHash, Vec<u8>>>);

#[async_trait]
impl Blobs for Held {
    async fn put(&self, _: &TenantId, bytes: Vec<u8>) -> Result<BlobRef, BlobError> {
        let blob = BlobRef {
            hash: BlobHash::of(&bytes),
            bytes: bytes.len() as u64,
        };
        self.0.lock().unwrap().insert(blob.hash.clone(), bytes);
        Ok(blob)
    }

    async fn get(&self, _: &TenantId, hash: &BlobHash) -> Result<Vec<u8>, BlobError> {
        let held = self.0.lock().unwrap();
        held.get(hash)
            .cloned()
            .ok_or_else(|| BlobError::Missing { hash: hash.clone() })
    }
}

/// Loads, decides and commits until the commit is saved; says how often the task had moved.
async fn settle(store: &dyn Store, entropy: &Seeded, claim: &Claim, input: Input) -> u32 {
    let blobs = Held::default();
    for moved in 0.. {
        let task = store.find_task(&claim.tenant, &claim.task).await;
        let task = task.unwrap().unwrap();
        let decision = decide(&task, input.clone(), task.read_at_ms, entropy).unwrap();
        let right = Right::Job(claim.guard(), decision.own_job);
        let prepared = commit::prepare(&blobs, &claim.tenant, right, task.version, decision);
        match store.transition(prepared.await.unwrap()).await {
            Ok(_) => return moved,
            // Gives way, so that the case's deadline holds whatever the store answers.
            Err(StoreError::VersionMoved { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
    unreachable!("the loop ends by returning");
}

fn plan_of(count: u32) -> Plan {
    let steps = (0..count).map(|n| StepSpec {
        key: format!("part-{n}"),
        title: format!("Part {n}"),
        instructions: "do it".to_owned(),
        depends_on: Vec::new(),
        acceptance: Vec::new(),
    });
    Plan {
        overview: "all at once".to_owned(),
        steps: steps.collect(),
    }
}

/// A running step on a worker of its own, with its own handle.
async fn begin_step(h: &Harness, index: u32) -> (Worker, Claim) {
    let worker = h.distant_worker(&format!("w{index}")).await;
    let claim = worker.claim(1).await.remove(0);
    let input = Input::Claimed {
        step: claim.step.clone(),
        begun: false,
        crashes: 0,
    };
    settle(&*worker.store, &h.entropy, &claim, input).await;
    (worker, claim)
}

async fn end_all_at_once(h: &Harness, count: u32, end: fn(u32, StepId) -> Input) -> Vec<JobKind> {
    let id = h.submitted().await;
    let planner = h.worker("planner").await;
    let plan = planner.claim_one().await;
    let claimed = Input::Claimed {
        step: None,
        begun: false,
        crashes: 0,
    };
    settle(&*h.store, &h.entropy, &plan, claimed).await;
    let accepted = Input::PlanAccepted {
        plan: plan_of(count),
    };
    settle(&*h.store, &h.entropy, &plan, accepted).await;
    let together = Arc::new(Barrier::new(usize::try_from(count).unwrap()));
    let mut endings = tokio::task::JoinSet::new();
    for index in 0..count {
        let (worker, claim) = begin_step(h, index).await;
        let (together, entropy) = (together.clone(), h.entropy.clone());
        let input = end(index, claim.step.clone().unwrap());
        endings.spawn(async move {
            together.wait().await;
            settle(&*worker.store, &entropy, &claim, input).await
        });
    }
    endings.join_all().await;
    let task = h.task(&id).await;
    assert!(
        task.steps.iter().all(|step| step.state.is_final()),
        "{task:?}"
    );
    let log = h.log(&id).await;
    let numbers: Vec<i64> = log.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=task.seq).collect::<Vec<_>>());
    let next = planner.claim(10).await;
    for claim in &next {
        planner.leave(claim, JobAfter::Delete).await;
    }
    next.iter().map(|claim| claim.kind).collect()
}

fn succeeded(index: u32, step: StepId) -> Input {
    Input::StepSucceeded {
        step,
        result: format!("part {index} is done"),
        label: agent_core::policy::Label::User,
    }
}

pub async fn two_steps_that_end_at_once_make_one_report_job(h: &mut Harness) {
    for _ in 0..5 {
        let jobs = end_all_at_once(h, 2, succeeded).await;
        assert_eq!(jobs, [JobKind::Report]);
    }
}

pub async fn eight_steps_that_end_at_once_make_one_report_job(h: &mut Harness) {
    let jobs = end_all_at_once(h, 8, succeeded).await;
    assert_eq!(jobs, [JobKind::Report]);
}

pub async fn a_failure_beside_a_success_makes_one_new_plan_job(h: &mut Harness) {
    let jobs = end_all_at_once(h, 2, |index, step| match index {
        0 => Input::StepFailed {
            step,
            reason: "no such file".to_owned(),
            label: agent_core::policy::Label::User,
        },
        _ => succeeded(index, step),
    });
    assert_eq!(jobs.await, [JobKind::Plan]);
    let query = agent_core::ports::store::TaskQuery {
        limit: 1,
        ..Default::default()
    };
    let listed = h.store.list_tasks(&h.tenant, &query).await.unwrap();
    let states = h.task(&listed[0].id).await.steps;
    let states: Vec<_> = states.into_iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Failed, StepState::Succeeded]);
}
