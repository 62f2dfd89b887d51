//! Removing finished tasks, chores that one worker at a time does, and the doom of blobs that nothing names.

use agent_core::delivery::{NewDelivery, NewWebhook};
use agent_core::id::{DeliveryId, TaskId, WebhookId};
use agent_core::job::{JobAfter, JobKind, NewJob};
use agent_core::ports::housekeeping::{Chore, ChoreLease, OwnedHash};
use agent_core::ports::store::{CallChange, Idempotency, NewTask, Right, StoreError, Submitted};
use agent_core::ports::tool::EffectClass;
use agent_core::secret::Sealed;
use agent_core::task::TaskState;

use crate::harness::Harness;
use crate::samples;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// Submits this task and finishes it, with a step, a tool call, an artifact, notes and named blobs.
async fn finished(h: &Harness, new: NewTask) -> TaskId {
    let worker = h.worker("w").await;
    let id = h.submit(new).await;
    let plan = worker.claim_one().await;
    worker.plan(&plan, 1, &*h.entropy).await;
    let claim = worker.claim_one().await;
    let mut commit = samples::append_note(&claim, "working");
    commit.artifacts = vec![samples::artifact(&*h.entropy, "a.txt", "a")];
    commit.blobs = vec![samples::blob("a"), samples::blob(id.as_str())];
    commit.calls = vec![CallChange::Intended {
        call: agent_core::id::CallId::new(&*h.entropy),
        step: claim.step.clone(),
        tool: "shell".to_owned(),
        effect: EffectClass::Repeatable,
        key: "key".to_owned(),
    }];
    h.store.append(commit).await.unwrap();
    let task = h.task(&id).await;
    let right = Right::Job(claim.guard(), JobAfter::Delete);
    let mut end = samples::transition(&task, right);
    end.task.state = TaskState::Succeeded;
    end.events = vec![samples::note("ended")];
    if let Some(webhook) = &task.webhook {
        let delivery = DeliveryId::new(&*h.entropy);
        end.deliveries = vec![NewDelivery {
            id: delivery.clone(),
            webhook: webhook.clone(),
            kind: "task.succeeded".to_owned(),
            body: "{}".to_owned(),
        }];
        end.jobs.create = vec![NewJob {
            delivery: Some(delivery),
            ..samples::job(&*h.entropy, JobKind::Deliver)
        }];
    }
    h.store.transition(end).await.unwrap();
    id
}

fn with_webhook(h: &Harness) -> NewTask {
    let webhook = NewWebhook {
        id: WebhookId::new(&*h.entropy),
        url: "https://example.com/hook".to_owned(),
        secret: Sealed(vec![1]),
    };
    NewTask {
        webhook: Some(webhook),
        ..h.new_task()
    }
}

async fn purge_all(h: &Harness) {
    while h.store.purge(2).await.unwrap() > 0 {}
}

async fn is_there(h: &Harness, id: &TaskId) -> bool {
    let found = h.store.find_task(&h.tenant, id).await;
    found.unwrap().is_some()
}

fn owned(h: &Harness, content: &str) -> OwnedHash {
    (h.tenant.clone(), samples::blob(content).hash)
}

pub async fn a_task_that_finished_long_ago_is_removed_with_all_that_belongs_to_it(h: &mut Harness) {
    let key = Idempotency {
        key: "once".to_owned(),
        request: samples::blob("request").hash,
    };
    let keyed = |h: &Harness| NewTask {
        idempotency: Some(key.clone()),
        ..h.new_task()
    };
    let old = finished(h, keyed(h)).await;
    h.shift_clock(2 * DAY_MS).await;
    let young = finished(h, h.new_task()).await;
    let running = h.submitted().await;

    assert_eq!(h.store.retire(24 * HOUR_MS, 10).await.unwrap(), 1);
    assert!(!is_there(h, &old).await, "gone at once");
    let artifacts = h.store.artifacts(&h.tenant, &old).await.unwrap();
    assert_eq!(artifacts, []);
    purge_all(h).await;
    assert_eq!(h.log(&old).await, []);
    let records = h.records().await;
    let of_old = |call: &&crate::harness::CallRecord| call.1 == old.as_str();
    assert!(records.calls.iter().find(of_old).is_none());
    assert_eq!(records.calls.len(), 1, "the young task's");

    for kept in [&young, &running] {
        assert!(is_there(h, kept).await);
    }
    assert_eq!(h.log(&young).await.len(), 3);
    let again = h.store.submit(keyed(h)).await.unwrap();
    assert_eq!(again, Submitted::Created, "its key is forgotten");
    assert_eq!(h.store.retire(24 * HOUR_MS, 10).await.unwrap(), 0);
}

pub async fn a_removed_log_is_cut_off_from_its_end_and_never_has_a_gap(h: &mut Harness) {
    let id = finished(h, h.new_task()).await;
    let whole = h.log(&id).await;
    h.shift_clock(2 * DAY_MS).await;
    h.store.retire(HOUR_MS, 10).await.unwrap();
    let mut left = whole.len();
    while left > 0 {
        assert!(h.store.purge(1).await.unwrap() > 0);
        let log = h.log(&id).await;
        assert_eq!(log, whole[..log.len()], "what is left is a beginning");
        assert!(log.len() <= left);
        left = log.len();
    }
}

pub async fn a_task_is_kept_while_a_message_of_it_is_still_to_be_sent(h: &mut Harness) {
    let id = finished(h, with_webhook(h)).await;
    h.shift_clock(2 * DAY_MS).await;
    assert_eq!(h.store.retire(HOUR_MS, 10).await.unwrap(), 0);
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    assert_eq!(h.store.retire(HOUR_MS, 10).await.unwrap(), 0);
    let mut sent = samples::append(&claim);
    sent.job = JobAfter::Delete;
    h.store.append(sent).await.unwrap();
    assert_eq!(h.store.retire(HOUR_MS, 10).await.unwrap(), 1);
    assert!(!is_there(h, &id).await);
}

pub async fn a_task_is_kept_as_long_as_its_idempotency_key(h: &mut Harness) {
    let id = finished(h, h.new_task()).await;
    h.shift_clock(DAY_MS / 2).await;
    assert_eq!(h.store.retire(0, 10).await.unwrap(), 0);
    h.shift_clock(DAY_MS).await;
    assert_eq!(h.store.retire(0, 10).await.unwrap(), 1);
    assert!(!is_there(h, &id).await);
}

pub async fn tasks_are_removed_in_batches_oldest_first_also_by_two_at_once(h: &mut Harness) {
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(finished(h, h.new_task()).await);
        h.shift_clock(1_000).await;
    }
    h.shift_clock(2 * DAY_MS).await;
    assert_eq!(h.store.retire(HOUR_MS, 2).await.unwrap(), 2);
    for (place, id) in ids.iter().enumerate() {
        assert_eq!(is_there(h, id).await, place >= 2);
    }
    let other = h.another_handle().await;
    let (one, two) = tokio::join!(h.store.retire(HOUR_MS, 4), other.retire(HOUR_MS, 4));
    assert!(one.unwrap() + two.unwrap() >= 4);
    for id in &ids {
        assert!(!is_there(h, id).await);
    }
    purge_all(h).await;
    assert!(h.records().await.blobs.is_empty());
}

pub async fn only_blobs_that_no_task_names_any_more_are_doomed(h: &mut Harness) {
    let first = finished(h, h.new_task()).await;
    h.shift_clock(2 * DAY_MS).await;
    // Both name the blob "a".
    let second = finished(h, h.new_task()).await;
    let all = [
        owned(h, "a"),
        owned(h, first.as_str()),
        owned(h, second.as_str()),
        owned(h, "never named"),
    ];
    assert_eq!(h.store.doom(&all).await.unwrap(), [all[3].clone()]);
    h.store.swept(&all).await.unwrap();
    h.store.retire(HOUR_MS, 10).await.unwrap();
    purge_all(h).await;
    let doomed = h.store.doom(&all).await.unwrap();
    assert_eq!(doomed, [all[1].clone(), all[3].clone()]);
    let stranger = h.stranger().await;
    let theirs = (stranger, all[0].1.clone());
    let doomed = h.store.doom(std::slice::from_ref(&theirs)).await.unwrap();
    assert_eq!(doomed, [theirs], "another tenant's blob of the same name");
}

pub async fn no_commit_can_name_a_blob_that_is_being_swept(h: &mut Harness) {
    let blob = samples::blob("on its way out");
    let doomed = owned(h, "on its way out");
    let id = h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    h.store.doom(std::slice::from_ref(&doomed)).await.unwrap();

    let mut new = h.new_task();
    new.blobs = vec![blob.clone()];
    let refused = h.store.submit(new.clone()).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    let mut append = samples::append_note(&claim, "names it");
    append.blobs = vec![blob.clone()];
    let refused = h.store.append(append.clone()).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    let mut decided = samples::owners(&h.task(&id).await);
    decided.blobs = vec![blob.clone()];
    let refused = h.store.transition(decided.clone()).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable(_))),
        "{refused:?}"
    );
    assert_eq!(h.log(&id).await.len(), 1, "nothing of them is there");
    // Its neighbours in a batch are not hindered.
    let other = h.store.append(samples::append_note(&claim, "other"));
    let (refused, other) = tokio::join!(h.store.append(append.clone()), other);
    assert!(refused.is_err() && other.is_ok());

    h.store.swept(std::slice::from_ref(&doomed)).await.unwrap();
    h.store.submit(new).await.unwrap();
    h.store.append(append).await.unwrap();
    h.store.transition(decided).await.unwrap();
    assert_eq!(h.store.doom(&[doomed]).await.unwrap(), []);
}

pub async fn a_sweep_that_was_broken_off_is_found_again(h: &mut Harness) {
    let blobs = [owned(h, "one"), owned(h, "two")];
    assert_eq!(h.store.doom(&blobs).await.unwrap().len(), 2);
    assert_eq!(
        h.store.doom(&blobs).await.unwrap(),
        [],
        "they are another's"
    );
    assert_eq!(h.store.doomed_before(HOUR_MS, 10).await.unwrap(), []);
    h.shift_clock(2 * 3_600_000).await;
    let found = h.store.doomed_before(HOUR_MS, 10).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(blobs.iter().all(|blob| found.contains(blob)));
    assert_eq!(h.store.doomed_before(HOUR_MS, 1).await.unwrap().len(), 1);
}

pub async fn a_chore_is_one_workers_until_its_time_is_over_and_goes_on_where_it_was(
    h: &mut Harness,
) {
    let first = h.store.take_chore(Chore::Sweep, 60_000).await;
    let first = first.unwrap().unwrap();
    assert_eq!(first.cursor, None);
    let other = h.another_handle().await;
    assert_eq!(other.take_chore(Chore::Sweep, 60_000).await.unwrap(), None);
    assert!(
        other
            .take_chore(Chore::Retention, 60_000)
            .await
            .unwrap()
            .is_some(),
        "another chore"
    );
    h.shift_clock(50_000).await;
    let noted = ChoreLease {
        cursor: Some("here".to_owned()),
        ..first
    };
    assert!(h.store.keep_chore(&noted, 60_000).await.unwrap());
    h.shift_clock(50_000).await;
    assert_eq!(other.take_chore(Chore::Sweep, 60_000).await.unwrap(), None);
    h.shift_clock(20_000).await;
    let taken = other.take_chore(Chore::Sweep, 60_000).await;
    let taken = taken.unwrap().unwrap();
    assert_eq!(taken.cursor.as_deref(), Some("here"));
    assert!(!h.store.keep_chore(&noted, 60_000).await.unwrap());
    assert!(!h.store.end_chore(&noted, 0).await.unwrap());
    assert!(other.end_chore(&taken, HOUR_MS).await.unwrap());
    assert_eq!(h.store.take_chore(Chore::Sweep, 1).await.unwrap(), None);
    h.shift_clock(2 * 3_600_000).await;
    let next = h.store.take_chore(Chore::Sweep, 1).await.unwrap();
    assert_eq!(next.map(|next| next.cursor), Some(None));
}

pub async fn of_many_that_want_a_chore_one_gets_it(h: &mut Harness) {
    let other = h.another_handle().await;
    let (store, chore) = (&h.store, Chore::Sweep);
    let got = tokio::join!(
        store.take_chore(chore, 60_000),
        other.take_chore(chore, 60_000),
        store.take_chore(chore, 60_000),
        other.take_chore(chore, 60_000),
    );
    let got = [got.0, got.1, got.2, got.3].map(Result::unwrap);
    assert_eq!(got.iter().flatten().count(), 1);
}
