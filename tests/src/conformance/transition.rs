//! Transitions: decisions from the whole task, under its version; a refused one leaves no trace.

use agent_core::blob::BlobHash;
use agent_core::budget::{Budget, Spend};
use agent_core::id::TaskId;
use agent_core::job::{Claim, JobAfter};
use agent_core::ports::store::{NewTask, Right, StepChange, StoreError, Transition};
use agent_core::step::{Step, StepState};
use agent_core::task::{Task, TaskState, WaitKind, Waiting};
use tokio::task::JoinSet;

use crate::harness::Harness;
use crate::samples;
use crate::worker::{PAST_LEASE_MS, Worker};

async fn claimed(h: &Harness) -> (TaskId, Worker, Claim) {
    let task = h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    (task, worker, claim)
}

/// A commit that would change everything it can.
fn full(h: &Harness, task: &Task, right: Right) -> Transition {
    let mut commit = samples::transition(task, right);
    commit.task.state = TaskState::Failed;
    commit.task.error = Some("refused".to_owned());
    commit.charge = Spend::MODEL_CALL;
    commit.new_steps = vec![samples::step(&*h.entropy, 9)];
    commit.events = vec![samples::note("refused")];
    commit.jobs.delete_work = true;
    commit
}

async fn assert_refused(h: &Harness, task: &TaskId, commit: Transition) -> StoreError {
    let (mut before, log) = (h.task(task).await, h.log(task).await);
    let refused = h.store.transition(commit).await.unwrap_err();
    let after = h.task(task).await;
    before.read_at_ms = after.read_at_ms;
    assert_eq!(after, before);
    assert_eq!(h.log(task).await, log);
    refused
}

pub async fn a_transition_replaces_the_task_and_raises_the_version_by_one(h: &mut Harness) {
    let (id, _, claim) = claimed(h).await;
    let before = h.task(&id).await;
    let mut commit = samples::workers(&before, &claim);
    commit.task.state = TaskState::Waiting;
    commit.task.waiting = Some(Waiting {
        kind: WaitKind::Provider,
        until_ms: Some(before.read_at_ms + 5000),
        reason: "the provider asks to come back later".to_owned(),
    });
    commit.task.budget = Budget {
        model_calls: 1,
        tool_calls: 2,
        tokens: 3,
        wall_ms: 4,
    };
    commit.task.plan_version = 2;
    commit.task.replans = 1;
    commit.task.running_since_ms = Some(before.read_at_ms);
    commit.charge = Spend {
        model_calls: 0,
        tool_calls: 0,
        tokens: 7,
        wall_ms: 70,
    };
    commit.events = vec![samples::note("one"), samples::note("two")];
    let change = commit.task.clone();
    let committed = h.store.transition(commit.clone()).await.unwrap();
    let after = h.task(&id).await;
    let expected = Task {
        state: change.state,
        waiting: change.waiting,
        budget: change.budget,
        plan_version: 2,
        replans: 1,
        running_since_ms: change.running_since_ms,
        version: before.version + 1,
        seq: before.seq + 2,
        spent: commit.charge,
        updated_at_ms: committed.at_ms,
        read_at_ms: after.read_at_ms,
        ..before
    };
    assert_eq!(after, expected);
    assert_eq!(
        (committed.seq, committed.version, committed.spent),
        (after.seq, after.version, after.spent)
    );
    assert_eq!(committed.budget, after.budget);
    assert_eq!(committed.running_since_ms, after.running_since_ms);
}

pub async fn what_is_not_set_any_more_is_cleared(h: &mut Harness) {
    let (id, _, claim) = claimed(h).await;
    let mut wait = samples::workers(&h.task(&id).await, &claim);
    wait.task.state = TaskState::Waiting;
    wait.task.running_since_ms = Some(1);
    wait.task.waiting = Some(Waiting {
        kind: WaitKind::Budget,
        until_ms: None,
        reason: "no budget is left".to_owned(),
    });
    h.store.transition(wait).await.unwrap();
    let mut run = samples::workers(&h.task(&id).await, &claim);
    run.task.state = TaskState::Running;
    run.task.waiting = None;
    run.task.running_since_ms = None;
    h.store.transition(run).await.unwrap();
    let after = h.task(&id).await;
    assert_eq!((after.waiting, after.running_since_ms), (None, None));
}

pub async fn new_steps_are_stored_whole_and_listed_by_ordinal(h: &mut Harness) {
    let (id, _, claim) = claimed(h).await;
    let mut commit = samples::workers(&h.task(&id).await, &claim);
    let first = samples::step(&*h.entropy, 0);
    let second = Step {
        depends_on: vec![first.id.clone()],
        state: StepState::Blocked,
        title: "Zweiter Schritt – 第二步".to_owned(),
        ..samples::step(&*h.entropy, 1)
    };
    commit.new_steps = vec![second.clone(), first.clone()];
    h.store.transition(commit).await.unwrap();
    assert_eq!(h.task(&id).await.steps, vec![first, second]);
}

pub async fn a_steps_state_wait_and_outcome_change_and_no_other_steps(h: &mut Harness) {
    let (id, worker, plan) = claimed(h).await;
    let ids = worker.plan(&plan, 3, &*h.entropy).await;
    let before = h.task(&id).await;
    let waiting = Waiting {
        kind: WaitKind::Input,
        until_ms: None,
        reason: "which currency?".to_owned(),
    };
    let outcome = samples::inline(r#"{"result":"12 rows","error":null}"#);
    let files = BlobHash::of(b"files");
    let mut commit = samples::owners(&before);
    commit.steps = vec![
        StepChange {
            id: ids[2].clone(),
            state: StepState::Waiting,
            waiting: Some(waiting.clone()),
            outcome: None,
            snapshot: None,
        },
        StepChange {
            id: ids[0].clone(),
            state: StepState::Succeeded,
            waiting: None,
            outcome: Some(outcome.clone()),
            snapshot: Some(files.clone()),
        },
    ];
    h.store.transition(commit).await.unwrap();
    let mut expected = before.steps;
    expected[2].state = StepState::Waiting;
    expected[2].waiting = Some(waiting);
    expected[0].state = StepState::Succeeded;
    expected[0].outcome = Some(outcome);
    expected[0].snapshot = Some(files);
    assert_eq!(h.task(&id).await.steps, expected);
}

pub async fn a_task_that_ends_keeps_its_result_and_the_time_of_its_end(h: &mut Harness) {
    let (id, _, claim) = claimed(h).await;
    h.shift_clock(3000).await;
    let before = h.task(&id).await;
    let mut commit = samples::workers(&before, &claim);
    commit.task.state = TaskState::Partial;
    commit.task.result = Some(samples::inline(r#"{"answer":"half of it"}"#));
    commit.task.error = Some("the other half".to_owned());
    let committed = h.store.transition(commit).await.unwrap();
    let after = h.task(&id).await;
    assert_eq!(after.finished_at_ms, Some(committed.at_ms));
    assert_eq!(
        after.result,
        Some(samples::inline(r#"{"answer":"half of it"}"#))
    );
    assert_eq!(after.error.as_deref(), Some("the other half"));
    assert!(committed.at_ms >= before.created_at_ms + 3000);
}

pub async fn a_transition_from_an_old_version_changes_nothing(h: &mut Harness) {
    let (id, _, claim) = claimed(h).await;
    let old = h.task(&id).await;
    h.store.transition(samples::owners(&old)).await.unwrap();
    for right in [
        Right::Job(claim.guard(), JobAfter::Delete),
        Right::Owner(h.tenant.clone(), id.clone()),
    ] {
        let refused = assert_refused(h, &id, full(h, &old, right)).await;
        let StoreError::VersionMoved { task, presented } = refused else {
            panic!("{refused:?}");
        };
        assert_eq!((task, presented), (id.clone(), old.version));
    }
    let held = [(claim.job, claim.fence)];
    assert_eq!(h.store.lost(&held).await.unwrap(), vec![]);
}

pub async fn the_fence_is_checked_before_the_version(h: &mut Harness) {
    let (id, _, claim) = claimed(h).await;
    let old = h.task(&id).await;
    h.store.transition(samples::owners(&old)).await.unwrap();
    h.shift_clock(PAST_LEASE_MS).await;
    h.store.reap(crate::worker::LEASE_MS).await.unwrap();
    let right = Right::Job(claim.guard(), JobAfter::Delete);
    for task in [old, h.task(&id).await] {
        let refused = assert_refused(h, &id, full(h, &task, right.clone())).await;
        assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
    }
}

pub async fn a_transition_of_an_unknown_or_foreign_task_finds_nothing(h: &mut Harness) {
    let (id, _, claim) = claimed(h).await;
    let stranger = h.stranger().await;
    let unknown = TaskId::new(&*h.entropy);
    let task = h.task(&id).await;
    let mut foreign = claim.guard();
    foreign.tenant = stranger.clone();
    let mut nowhere = claim.guard();
    nowhere.task = unknown.clone();
    for right in [
        Right::Owner(stranger, id.clone()),
        Right::Owner(h.tenant.clone(), unknown),
        Right::Job(foreign, JobAfter::Delete),
        Right::Job(nowhere, JobAfter::Delete),
    ] {
        let refused = assert_refused(h, &id, full(h, &task, right)).await;
        assert!(matches!(refused, StoreError::NotFound), "{refused:?}");
    }
}

pub async fn appends_in_between_do_not_make_a_decision_old(h: &mut Harness) {
    let (id, _, claim) = claimed(h).await;
    let read = h.task(&id).await;
    h.store
        .append(samples::append_note(&claim, "n"))
        .await
        .unwrap();
    let mut commit = samples::workers(&read, &claim);
    commit.events = vec![samples::note("decided")];
    let committed = h.store.transition(commit).await.unwrap();
    assert_eq!((committed.seq, committed.version), (3, read.version + 1));
}

pub async fn the_owner_needs_no_job(h: &mut Harness) {
    let id = h.submitted().await;
    let mut commit = samples::owners(&h.task(&id).await);
    commit.task.state = TaskState::Cancelled;
    commit.jobs.delete_work = true;
    h.store.transition(commit).await.unwrap();
    assert_eq!(h.task(&id).await.state, TaskState::Cancelled);
    assert_eq!(h.worker("w").await.claim(10).await, vec![]);
}

pub async fn of_concurrent_decisions_from_one_version_exactly_one_is_saved(h: &mut Harness) {
    let id = h.submitted().await;
    let read = h.task(&id).await;
    let handles = [h.store.clone(), h.another_handle().await];
    let mut decisions = JoinSet::new();
    for turn in 0..12 {
        let store = handles[turn % 2].clone();
        let mut commit = samples::owners(&read);
        commit.events = vec![samples::note(&turn.to_string())];
        decisions.spawn(async move { store.transition(commit).await });
    }
    let answers = decisions.join_all().await;
    let saved = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(saved, 1, "{answers:?}");
    for answer in answers.into_iter().filter_map(Result::err) {
        assert!(
            matches!(answer, StoreError::VersionMoved { .. }),
            "{answer:?}"
        );
    }
    let after = h.task(&id).await;
    assert_eq!((after.version, after.seq), (read.version + 1, 2));
}

pub async fn another_tenants_task_of_the_same_shape_is_untouched(h: &mut Harness) {
    let own = h.submitted().await;
    let theirs = NewTask {
        tenant: h.stranger().await,
        ..h.new_task()
    };
    let (stranger, other) = (theirs.tenant.clone(), theirs.id.clone());
    h.submit(theirs).await;
    let mut commit = samples::owners(&h.task(&own).await);
    commit.task.state = TaskState::Cancelled;
    commit.jobs.delete_work = true;
    h.store.transition(commit).await.unwrap();
    let task = h.store.find_task(&stranger, &other).await.unwrap();
    assert_eq!(task.unwrap().state, TaskState::Queued);
    assert_eq!(h.worker("w").await.claim_one().await.task, other);
}
