//! Today's program over the frozen files of format 1.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use agent_core::conversation::{Conversation, Next};
use agent_core::id::{TaskId, TenantId};
use agent_core::journal;
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::Store;
use serde_json::{Value, json};
use store_blobs::LocalBlobs;
use store_postgres::PostgresStore;
use store_sqlite::SqliteStore;

use super::frozen::{Kind, MEANT, SAID, copy, read, said, thaw};
use super::words::{self, HALF, ORDER_AGAIN, SPEND};
use crate::installation::Installation;
use crate::shop::Shop;

/// Opens a copy of the file, so that the frozen one stays what it is.
pub async fn sqlite(file: &Path) -> Arc<dyn Store> {
    let folder = tempfile::tempdir().unwrap().keep();
    copy(file, &folder.join("errand.db"));
    let store = SqliteStore::open(store_sqlite::Options::at(folder.join("errand.db")));
    store.await.unwrap()
}

pub async fn postgres(url: &str) -> Arc<dyn Store> {
    let store = PostgresStore::connect(store_postgres::Options::at(url));
    let store = store.await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// What the log of each step of each frozen task means to a worker that takes it up.
pub async fn conversations(kind: Kind, store: Arc<dyn Store>) -> Value {
    let blobs = LocalBlobs::open(kind.folder().join("blobs")).unwrap();
    let tenant = TenantId::new(&Seeded::new(1));
    let tenant = store.ensure_tenant(&tenant, "default").await.unwrap();
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    for (goal, frozen) in read(kind, SAID).as_object().unwrap() {
        let id: TaskId = frozen["id"].as_str().unwrap().parse().unwrap();
        let task = store.find_task(&tenant, &id).await.unwrap().unwrap();
        assert_eq!(task.engine, 1);
        for step in &task.steps {
            let events = store.step_events_after(&tenant, &id, Some(&step.id), 0, 500);
            let mut conversation = Conversation::default();
            for event in events.await.unwrap() {
                assert_eq!(event.v, 1);
                conversation.push(journal::read(&blobs, &tenant, &event).await.unwrap());
            }
            let meaning = json!({
                "begun": conversation.begun(),
                "snapshot": conversation.snapshot().map(ToString::to_string),
                "next": next(&conversation.next()),
                "messages": unmarked(json!(conversation.messages(Vec::new()))),
            });
            all.insert(
                format!("{goal} {} {}", step.plan_version, step.key),
                meaning,
            );
        }
    }
    json!(all)
}

fn next(next: &Next) -> String {
    match next {
        Next::AskModel { turn } => format!("ask for turn {turn}"),
        Next::Call(call) => format!("call {} {}", call.tool, call.call),
        Next::Settle(intended) => format!("settle {} {}", intended.tool, intended.call),
        Next::AwaitDecision { intended, .. } => format!("await a decision on {}", intended.call),
        Next::AwaitConsent { held } => format!("await consent to {}", held.call),
        Next::Finish { result, failed } => format!("finish ({failed}): {result}"),
        Next::GiveUp { reason } => format!("give up: {reason}"),
    }
}

/// Everything that was said then is said now. Fields may have been added.
fn assert_still_said(then: &Value, now: &Value, place: &str) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (name, value) in then {
                let found = now.get(name);
                let found = found.unwrap_or_else(|| panic!("{place} lost {name}"));
                assert_still_said(value, found, &format!("{place}.{name}"));
            }
        }
        (Value::Array(then), Value::Array(now)) => {
            assert_eq!(then.len(), now.len(), "{place}");
            for (at, (then, now)) in then.iter().zip(now).enumerate() {
                assert_still_said(then, now, &format!("{place}[{at}]"));
            }
        }
        (then, now) => assert_eq!(then, now, "{place}"),
    }
}

/// The messages as they were before what a tool returned stood between marks.
fn unmarked(mut messages: Value) -> Value {
    for message in messages.as_array_mut().into_iter().flatten() {
        let text = message["text"].as_str().unwrap_or_default();
        if text.starts_with("[material ") {
            let inside = text
                .split_once('\n')
                .and_then(|(_, rest)| rest.rsplit_once('\n'));
            message["text"] = json!(inside.unwrap().0);
        }
    }
    messages
}

async fn goes_on(kind: Kind) {
    let (shop, address) = Shop::silent().await;
    let folder = tempfile::tempdir().unwrap();
    let mut here = Installation::telling(folder, words::scripts(&address)).await;
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true");
    let database = thaw(kind, &mut here).await;
    let frozen = read(kind, SAID);
    let id = |goal: &str| frozen[goal]["id"].as_str().unwrap().to_owned();

    let store = match &database {
        None => sqlite(&kind.folder().join("errand.db")).await,
        Some(database) => postgres(&database.url()).await,
    };
    assert_eq!(conversations(kind, store).await, read(kind, MEANT));

    let server = here.serve();
    for (goal, then) in frozen.as_object().unwrap() {
        if !then["said"].is_null() {
            let now = said(&here, &id(goal));
            assert_still_said(&then["said"], &now, goal);
        }
    }
    let done = here.until_final(&id(HALF));
    assert_eq!(done["state"], "succeeded", "{done:#}");
    let answer = done["result"]["answer"].as_str().unwrap();
    assert!(answer.contains("one\ntwo\nthree"), "{answer}");
    here.json(&["budget", &id(SPEND), "--budget-model-calls", "50", "--json"]);
    assert_eq!(here.until_final(&id(SPEND))["state"], "succeeded");
    let waiting = here.status(&id(ORDER_AGAIN));
    let reason = waiting["waiting"]["reason"].as_str().unwrap();
    let call = reason.split(' ').find(|word| word.starts_with("call_"));
    here.json(&["decide", &id(ORDER_AGAIN), call.unwrap(), "done", "--json"]);
    assert_eq!(here.until_final(&id(ORDER_AGAIN))["state"], "succeeded");
    assert!(server.stop().success());
    assert_eq!(shop.seen(), [], "an order was made again");
    if let Some(database) = database {
        database.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlite_file_of_format_1_is_read_as_then_and_its_tasks_go_on() {
    goes_on(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_database_of_format_1_is_read_as_then_and_its_tasks_go_on() {
    goes_on(Kind::Postgres).await;
}
