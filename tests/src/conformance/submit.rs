//! Accepting a task: row, first event and plan job at once; repeats are recognised by tenant and key.

use std::collections::BTreeMap;

use agent_core::blob::{BlobHash, Stored};
use agent_core::budget::{Budget, Spend};
use agent_core::delivery::NewWebhook;
use agent_core::id::{TaskId, WebhookId};
use agent_core::job::JobKind;
use agent_core::ports::store::{Idempotency, NewTask, Submitted};
use agent_core::secret::Sealed;
use agent_core::task::{Priority, Task, TaskState};
use tokio::task::JoinSet;

use crate::harness::Harness;
use crate::samples;

fn repeatable(h: &Harness, key: &str, request: &str) -> NewTask {
    NewTask {
        idempotency: Some(Idempotency {
            key: key.to_owned(),
            request: BlobHash::of(request.as_bytes()),
        }),
        ..h.new_task()
    }
}

pub async fn a_submitted_task_is_found_whole_with_its_first_event(h: &mut Harness) {
    let webhook = NewWebhook {
        id: WebhookId::new(&*h.entropy),
        url: "https://example.com/hook".to_owned(),
        secret: Sealed(vec![0, 1, 254, 255]),
    };
    let new = NewTask {
        metadata: BTreeMap::from([("case".to_owned(), "7".to_owned())]),
        budget: Budget {
            model_calls: 3,
            tool_calls: 4,
            tokens: 5,
            wall_ms: 6,
        },
        webhook: Some(webhook.clone()),
        blobs: vec![samples::blob("attachment")],
        ..h.new_task()
    };
    h.submit(new.clone()).await;
    let found = h.task(&new.id).await;
    let now = found.read_at_ms;
    assert!(found.created_at_ms <= now && found.created_at_ms > 0);
    let expected = Task {
        id: new.id.clone(),
        tenant: h.tenant.clone(),
        state: TaskState::Queued,
        waiting: None,
        version: found.version,
        seq: 1,
        engine: new.engine,
        title: new.title,
        metadata: new.metadata,
        priority: Priority::Normal,
        spec: new.spec,
        result: None,
        error: None,
        budget: new.budget,
        spent: Spend::default(),
        running_since_ms: None,
        plan_version: 0,
        replans: 0,
        webhook: Some(webhook.id),
        created_at_ms: found.created_at_ms,
        updated_at_ms: found.created_at_ms,
        finished_at_ms: None,
        steps: Vec::new(),
        read_at_ms: now,
    };
    assert_eq!(found, expected);
    let log = h.log(&new.id).await;
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].seq, log[0].kind.as_str()), (1, "task.submitted"));
    assert_eq!(log[0].public, new.event.public);
    assert_eq!(log[0].at_ms, found.created_at_ms);
    assert_eq!(log[0].v, agent_core::event::EVENT_FORMAT);
}

pub async fn a_submitted_task_has_a_plan_job_that_is_ready(h: &mut Harness) {
    let new = h.new_task();
    h.submit(new.clone()).await;
    let claim = h.worker("w").await.claim_one().await;
    assert_eq!(claim.kind, JobKind::Plan);
    assert_eq!(
        (claim.job, claim.task, claim.tenant),
        (new.job.id, new.id, h.tenant.clone())
    );
    assert_eq!((claim.attempts, claim.crashes), (0, 0));
    assert_eq!((claim.step, claim.delivery), (None, None));
}

pub async fn a_repeat_with_the_same_request_gives_the_first_task(h: &mut Harness) {
    let first = h.submit(repeatable(h, "k", "body")).await;
    let again = repeatable(h, "k", "body");
    let repeat = h.store.submit(again.clone()).await.unwrap();
    assert_eq!(repeat, Submitted::Replayed(first));
    assert_made_nothing(h, &again.id).await;
}

pub async fn a_repeat_with_another_request_is_a_mismatch_and_makes_nothing(h: &mut Harness) {
    h.submit(repeatable(h, "k", "body")).await;
    let other = repeatable(h, "k", "another body");
    let repeat = h.store.submit(other.clone()).await.unwrap();
    assert_eq!(repeat, Submitted::Mismatch);
    assert_made_nothing(h, &other.id).await;
}

async fn assert_made_nothing(h: &Harness, id: &TaskId) {
    assert_eq!(h.store.find_task(&h.tenant, id).await.unwrap(), None);
    assert_eq!(h.log(id).await, vec![]);
    assert_eq!(h.worker("w").await.claim(10).await.len(), 1);
}

pub async fn another_tenants_key_is_another_submit(h: &mut Harness) {
    h.submit(repeatable(h, "k", "body")).await;
    let theirs = NewTask {
        tenant: h.stranger().await,
        ..repeatable(h, "k", "another body")
    };
    h.submit(theirs).await;
}

pub async fn submits_without_a_key_are_never_taken_for_repeats(h: &mut Harness) {
    h.submitted().await;
    h.submitted().await;
    assert_eq!(h.worker("w").await.claim(10).await.len(), 2);
}

pub async fn concurrent_submits_with_one_key_make_one_task(h: &mut Harness) {
    let handles = [h.store.clone(), h.another_handle().await];
    let mut submits = JoinSet::new();
    for turn in 0..16 {
        let store = handles[turn % 2].clone();
        let new = repeatable(h, "k", "body");
        submits.spawn(async move { (new.id.clone(), store.submit(new).await.unwrap()) });
    }
    let answers = submits.join_all().await;
    let created: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| *answer == Submitted::Created)
        .map(|(id, _)| id.clone())
        .collect();
    assert_eq!(created.len(), 1, "one submit makes the task: {answers:?}");
    for (id, answer) in answers.iter().filter(|(id, _)| *id != created[0]) {
        let expected = Submitted::Replayed(created[0].clone());
        assert_eq!(*answer, expected, "submit {id}");
    }
    assert_eq!(h.worker("w").await.claim(50).await.len(), 1);
}

pub async fn text_of_every_script_comes_back_unchanged(h: &mut Harness) {
    let odd = "žluťoučký 🦀 \u{202e}rtl 'quote' \"double\" \\back\\ %s $1 ?1 \u{7f}\t\r\n end";
    let json = serde_json::json!({ "text": format!("nul \0 and {odd}") }).to_string();
    let mut new = NewTask {
        title: odd.to_owned(),
        metadata: BTreeMap::from([(odd.to_owned(), format!("nul \0 and {odd}"))]),
        spec: samples::inline(&json),
        ..h.new_task()
    };
    new.event.public = samples::inline(&json);
    new.event.private = samples::inline(&json);
    h.submit(new.clone()).await;
    let found = h.task(&new.id).await;
    assert_eq!(
        (found.title, found.metadata, found.spec),
        (new.title, new.metadata, new.spec)
    );
    let log = h.log(&new.id).await;
    assert_eq!(log[0].public, new.event.public);
    assert_eq!(log[0].private, new.event.private);
}

pub async fn a_spec_out_of_line_keeps_its_name_and_size(h: &mut Harness) {
    let spec = samples::blob("a long spec");
    let new = NewTask {
        spec: Stored::Blob(spec.clone()),
        blobs: vec![spec.clone(), samples::blob("a file"), spec.clone()],
        ..h.new_task()
    };
    let id = h.submit(new).await;
    assert_eq!(h.task(&id).await.spec, Stored::Blob(spec));
}
