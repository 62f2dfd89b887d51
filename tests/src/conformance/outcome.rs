//! What leaves a task: artifacts and webhook messages.

use agent_core::delivery::{Delivery, DeliveryPatch, DeliveryState, NewDelivery, NewWebhook};
use agent_core::id::{DeliveryId, TaskId, WebhookId};
use agent_core::job::{Claim, JobAfter, JobKind, NewJob};
use agent_core::ports::store::{Artifact, NewTask, Right};
use agent_core::secret::Sealed;
use agent_core::task::TaskState;

use crate::harness::Harness;
use crate::samples;
use crate::worker::Worker;

pub async fn artifacts_are_listed_by_name_and_a_new_one_replaces_its_namesake(h: &mut Harness) {
    let task = h.submitted().await;
    let worker = h.worker("w").await;
    let plan = worker.claim_one().await;
    let step = worker.plan(&plan, 1, &*h.entropy).await.remove(0);
    let claim = worker.claim_one().await;
    let first = samples::artifact(&*h.entropy, "b/report.md", "first");
    let mut second = samples::artifact(&*h.entropy, "Z ünïcode.csv", "second");
    second.step = Some(step);
    let third = Artifact {
        media_type: "text/markdown".to_owned(),
        ..samples::artifact(&*h.entropy, "b/report.md", "third")
    };
    for artifacts in [vec![first, second.clone()], vec![third.clone()]] {
        let mut commit = samples::append(&claim);
        commit.blobs = artifacts.iter().map(|a| a.blob.clone()).collect();
        commit.artifacts = artifacts;
        h.store.append(commit).await.unwrap();
        h.shift_clock(100).await;
    }
    let listed = h.store.artifacts(&h.tenant, &task).await.unwrap();
    let times: Vec<_> = listed.iter().map(|a| a.created_at_ms).collect();
    assert!(times[0] > 0 && times[0] < times[1], "{times:?}");
    let mut expected = vec![second, third];
    for (artifact, at_ms) in expected.iter_mut().zip(times) {
        artifact.created_at_ms = at_ms;
    }
    assert_eq!(listed, expected);
}

pub async fn artifacts_of_one_name_in_two_tasks_are_apart(h: &mut Harness) {
    let tasks = [h.submitted().await, h.submitted().await];
    let claims = h.worker("w").await.claim(2).await;
    for claim in &claims {
        let mut commit = samples::append(claim);
        let content = claim.task.as_str();
        commit.artifacts = vec![samples::artifact(&*h.entropy, "out.txt", content)];
        h.store.append(commit).await.unwrap();
    }
    for task in &tasks {
        let listed = h.store.artifacts(&h.tenant, task).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].blob, samples::blob(task.as_str()));
        let stranger = h.stranger().await;
        assert_eq!(h.store.artifacts(&stranger, task).await.unwrap(), vec![]);
    }
}

pub async fn one_blob_may_be_named_again_and_again(h: &mut Harness) {
    h.submitted().await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    let blob = samples::blob("the same");
    for _ in 0..2 {
        let mut commit = samples::append_note(&claim, "named");
        commit.blobs = vec![blob.clone(), blob.clone()];
        h.store.append(commit).await.unwrap();
        let mut commit = samples::workers(&worker.task(&claim).await, &claim);
        commit.blobs = vec![blob.clone()];
        h.store.transition(commit).await.unwrap();
    }
}

pub(super) struct Sent {
    pub task: TaskId,
    pub worker: Worker,
    pub claim: Claim,
    pub delivery: Delivery,
}

/// A task with a webhook that has ended, and its message's job, claimed.
pub(super) async fn sent(h: &Harness) -> Sent {
    let webhook = NewWebhook {
        id: WebhookId::new(&*h.entropy),
        url: "https://example.com/hook?a=1&b=ü".to_owned(),
        secret: Sealed(vec![0, 255, 7]),
    };
    let new = NewTask {
        webhook: Some(webhook.clone()),
        ..h.new_task()
    };
    let task = h.submit(new).await;
    let worker = h.worker("w").await;
    let claim = worker.claim_one().await;
    let right = Right::Job(claim.guard(), JobAfter::Delete);
    let mut commit = samples::transition(&h.task(&task).await, right);
    commit.task.state = TaskState::Failed;
    commit.jobs.delete_work = true;
    let message = NewDelivery {
        id: DeliveryId::new(&*h.entropy),
        webhook: webhook.id.clone(),
        kind: "task.failed".to_owned(),
        body: r#"{"type":"task.failed","data":{"title":"\u0000 ü"}}"#.to_owned(),
    };
    commit.jobs.create = vec![NewJob {
        delivery: Some(message.id.clone()),
        ..samples::job(&*h.entropy, JobKind::Deliver)
    }];
    commit.deliveries = vec![message.clone()];
    h.store.transition(commit).await.unwrap();
    let delivery = Delivery {
        id: message.id,
        url: webhook.url,
        secret: webhook.secret,
        webhook: webhook.id,
        kind: message.kind,
        body: message.body,
        attempts: 0,
    };
    let claim = worker.claim_one().await;
    Sent {
        task,
        worker,
        claim,
        delivery,
    }
}

pub async fn a_message_is_found_with_all_that_is_needed_to_send_it(h: &mut Harness) {
    let sent = sent(h).await;
    assert_eq!(sent.claim.kind, JobKind::Deliver);
    assert_eq!(sent.claim.delivery, Some(sent.delivery.id.clone()));
    let found = h.store.find_delivery(&h.tenant, &sent.delivery.id).await;
    assert_eq!(found.unwrap(), Some(sent.delivery));
}

pub async fn an_attempt_is_counted_in_the_commit_that_moves_its_job(h: &mut Harness) {
    let mut sent = sent(h).await;
    for (attempts, state, after) in [
        (1, DeliveryState::Pending, JobAfter::Delay(0)),
        (2, DeliveryState::Delivered, JobAfter::Delete),
    ] {
        let mut commit = samples::append_note(&sent.claim, "attempt");
        commit.delivery = Some(DeliveryPatch {
            id: sent.delivery.id.clone(),
            attempts,
            state,
            error: None,
        });
        commit.job = after;
        h.store.append(commit).await.unwrap();
        sent.delivery.attempts = attempts;
        let found = h.store.find_delivery(&h.tenant, &sent.delivery.id).await;
        assert_eq!(found.unwrap().as_ref(), Some(&sent.delivery));
        if state == DeliveryState::Pending {
            sent.claim = sent.worker.claim_one().await;
        }
    }
    assert_eq!(h.task(&sent.task).await.seq, 3);
    assert_eq!(sent.worker.claim(10).await, vec![]);
}

pub async fn another_tenant_finds_no_message(h: &mut Harness) {
    let sent = sent(h).await;
    let stranger = h.stranger().await;
    for (tenant, id) in [
        (&stranger, &sent.delivery.id),
        (&h.tenant, &DeliveryId::new(&*h.entropy)),
    ] {
        let found = h.store.find_delivery(tenant, id).await.unwrap();
        assert_eq!(found, None);
    }
}
