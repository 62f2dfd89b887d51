//! Submitting: what is stored, what is answered, and what a repeat does.

use agent_core::id::{DeliveryId, TaskId, WebhookId};
use agent_core::journal::load_json;
use agent_core::ports::sealer::Sealer;
use agent_core::ports::store::Tasks;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::World;

const WITH_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn submit_with_key(world: &World, key: &str, body: &Value) -> Answer {
    let ask = world
        .ask("POST", "/v1/tasks")
        .header("idempotency-key", key);
    let ask = ask.body("application/json", body.to_string());
    ask.send(world.address).await
}

#[tokio::test]
async fn a_submit_is_answered_with_the_task_and_where_it_is() {
    let world = World::new().await;
    let body = json!({
        "goal": "\nCount the words\nin each file",
        "files": [{"name": "cv/ann.txt", "content_base64": STANDARD.encode("hello world")}],
        "metadata": {"ticket": "7"},
        "budget": {"model_calls": 12},
        "tools": ["shell"],
        "result_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
    });
    let answer = world.post("/v1/tasks", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let view = answer.json();
    let id = view["id"].as_str().unwrap();
    assert_eq!(
        answer.header("location"),
        Some(format!("/v1/tasks/{id}").as_str())
    );
    assert_eq!(view["state"], "queued");
    assert_eq!(view["title"], "Count the words");
    assert_eq!(view["goal"], body["goal"]);
    assert_eq!(view["files"], json!([{"name": "cv/ann.txt", "bytes": 11}]));
    assert_eq!(view["metadata"], body["metadata"]);
    assert_eq!(view["budget"]["model_calls"], 12);
    assert_eq!(view["budget"]["tool_calls"], 400);
    assert_eq!(view["tools"], body["tools"]);
    assert_eq!(view["result_schema"], body["result_schema"]);
    assert_eq!(view["created_at"], "2023-11-14T22:13:20Z");
    assert_eq!(view["created_at_ms"], 1_700_000_000_000_i64);
    assert_eq!(view["finished_at"], Value::Null);
    let again = world.get(view["links"]["self"].as_str().unwrap()).await;
    assert_eq!(again.json(), view);
}

#[tokio::test]
async fn what_a_worker_needs_is_stored_before_the_answer() {
    let world = World::new().await;
    let files = json!([{"name": "a.txt", "content_base64": STANDARD.encode("A")}]);
    let view = world.submitted(&json!({"goal": "g", "files": files})).await;
    let claim = world.claim().await;
    assert_eq!(view["id"], claim.task.as_str());
    let task = world.store.find_task(&world.tenant, &claim.task).await;
    let task = task.unwrap().unwrap();
    let blobs = world.blobs.as_ref();
    let spec = load_json(blobs, &world.tenant, &task.spec).await.unwrap();
    assert_eq!(spec["files"][0]["name"], "a.txt");
    let snapshot = spec["snapshot"].as_str().unwrap().parse().unwrap();
    let manifest = agent_core::ports::blobs::Blobs::get(blobs, &world.tenant, &snapshot).await;
    let manifest: Value = serde_json::from_slice(&manifest.unwrap()).unwrap();
    assert_eq!(manifest["a.txt"]["bytes"], 1);
    let log = world.get(&format!("/v1/tasks/{}/events", claim.task)).await;
    let log = log.json();
    assert_eq!(log["data"][0]["kind"], "task.submitted");
    assert_eq!(log["data"][0]["seq"], 1);
    assert_eq!(log["data"][0]["data"]["file_names"], json!(["a.txt"]));
    // The specification is private to the worker.
    assert_eq!(log["data"][0]["data"].get("spec"), None);
}

#[tokio::test]
async fn a_long_goal_is_kept_out_of_line_and_given_back_whole() {
    let world = World::new().await;
    let goal = "words ".repeat(20_000);
    let view = world.submitted(&json!({"goal": goal})).await;
    assert_eq!(view["goal"], goal);
}

#[tokio::test]
async fn the_same_key_and_request_give_the_same_task_however_it_is_spelled() {
    let world = World::new().await;
    let first = submit_with_key(&world, "k1", &json!({"goal": "g", "metadata": {"a": "1"}})).await;
    assert_eq!(first.status, 201);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = submit_with_key(&world, "k1", &json!({"metadata": {"a": "1"}, "goal": "g"})).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json()["id"], first.json()["id"]);
    let list = world.get("/v1/tasks").await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_key_with_another_request_is_refused_and_another_tenant_is_apart() {
    let world = World::new().await;
    let first = submit_with_key(&world, "k1", &json!({"goal": "g"})).await;
    assert_eq!(first.status, 201);
    let other = submit_with_key(&world, "k1", &json!({"goal": "another"})).await;
    other.problem(422, "idempotency_mismatch");
    let stranger = world.stranger().await;
    let ask = crate::world::bearing(&stranger, "POST", "/v1/tasks").header("idempotency-key", "k1");
    let ask = ask.body("application/json", r#"{"goal": "another"}"#);
    assert_eq!(ask.send(world.address).await.status, 201);
}

#[tokio::test]
async fn a_webhook_secret_is_made_shown_once_and_sealed() {
    let world = World::new().await;
    let body = json!({"goal": "g", "webhook": {"url": "https://example.com/h"}});
    let first = submit_with_key(&world, "k", &body).await.json();
    let secret = first["webhook"]["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let again = submit_with_key(&world, "k", &body).await.json();
    assert_eq!(again["webhook"], json!({"id": first["webhook"]["id"]}));
    let delivery = delivery_of(&world).await;
    let whk: WebhookId = first["webhook"]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        (delivery.url.as_str(), &delivery.webhook),
        ("https://example.com/h", &whk)
    );
    let opened = world.sealer.unseal(&delivery.secret, whk.as_str()).unwrap();
    assert_eq!(opened.expose(), secret);
}

#[tokio::test]
async fn a_webhook_secret_of_the_caller_is_used_and_never_shown() {
    let world = World::new().await;
    let webhook = json!({"url": "http://127.0.0.1:18500/h", "secret": WITH_SECRET});
    let view = world
        .submitted(&json!({"goal": "g", "webhook": webhook}))
        .await;
    assert!(!view.to_string().contains("whsec_"), "{view}");
    let delivery = delivery_of(&world).await;
    let opened = world
        .sealer
        .unseal(&delivery.secret, delivery.webhook.as_str());
    assert_eq!(opened.unwrap().expose(), WITH_SECRET);
}

/// Ends the one task there is and gives back the message about it.
async fn delivery_of(world: &World) -> agent_core::delivery::Delivery {
    let claim = world.plan_and_begin().await;
    world.end(&claim).await;
    let deliver = world.claim().await;
    let id: DeliveryId = deliver.delivery.unwrap();
    let found = world.store.find_delivery(&world.tenant, &id).await;
    found.unwrap().unwrap()
}

fn form(parts: &[(&str, Option<&str>, &str)]) -> String {
    let mut body = String::new();
    for (name, file, content) in parts {
        let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
        let part = format!(
            "--xyz\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n"
        );
        body.push_str(&part);
    }
    body + "--xyz--\r\n"
}

async fn post_form(
    world: &World,
    parts: &[(&str, Option<&str>, &str)],
    key: Option<&str>,
) -> Answer {
    let mut ask = world.ask("POST", "/v1/tasks");
    if let Some(key) = key {
        ask = ask.header("idempotency-key", key);
    }
    let ask = ask.body("multipart/form-data; boundary=xyz", form(parts));
    ask.send(world.address).await
}

#[tokio::test]
async fn a_form_carries_files_and_is_the_same_request_as_its_json() {
    let world = World::new().await;
    let parts = [
        ("files", Some("in/a.csv"), "a,b\n1,2\n"),
        ("task", None, r#"{"goal": "sum"}"#),
    ];
    let answer = post_form(&world, &parts, Some("k")).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(
        answer.json()["files"],
        json!([{"name": "in/a.csv", "bytes": 8}])
    );
    let file = json!({"name": "in/a.csv", "content_base64": STANDARD.encode("a,b\n1,2\n")});
    let same = submit_with_key(&world, "k", &json!({"goal": "sum", "files": [file]})).await;
    assert_eq!(same.status, 200, "{}", same.text());
    assert_eq!(same.json()["id"], answer.json()["id"]);
}

#[tokio::test]
async fn faults_of_a_form_are_named_by_its_parts() {
    let world = World::new().await;
    let parts = [
        ("task", None, r#"{"goal": ""}"#),
        ("files", Some("../up"), "x"),
        ("files", None, "x"),
        ("extra", None, "x"),
    ];
    let answer = post_form(&world, &parts, None).await;
    let faults = answer.faults(422, "validation_failed");
    assert_eq!(
        faults,
        [
            "form:files/1/name",
            "form:extra",
            "/goal",
            "form:files/0/name"
        ]
    );
    let answer = post_form(&world, &[("files", Some("a"), "x")], None).await;
    assert_eq!(answer.faults(400, "validation_failed"), ["form:task"]);
    let ask = world
        .ask("POST", "/v1/tasks")
        .body("multipart/form-data", "x");
    let answer = ask.send(world.address).await;
    assert_eq!(
        answer.faults(400, "validation_failed"),
        ["header:content-type"]
    );
    let ask = world.ask("POST", "/v1/tasks");
    let ask = ask.body("multipart/form-data; boundary=xyz", "--xyz\r\nno end");
    ask.send(world.address)
        .await
        .faults(400, "validation_failed");
}

#[tokio::test]
async fn twenty_submits_at_once_are_twenty_tasks() {
    let world = std::sync::Arc::new(World::new().await);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let world = world.clone();
        all.spawn(async move { world.task().await });
    }
    let ids: std::collections::BTreeSet<String> = all.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 20);
    assert!(ids.iter().all(|id| id.parse::<TaskId>().is_ok()));
}

#[tokio::test]
async fn a_network_within_the_operators_limits_is_granted_and_shown() {
    let world = World::new().await;
    let network = json!({"mode": "allow_list", "hosts": ["files.pypi.org"]});
    let body = json!({"goal": "g", "network": network});
    let answer = world.post("/v1/tasks", &body).await;
    assert_eq!(answer.json()["network"], network, "{}", answer.text());
}

#[tokio::test]
async fn a_network_beyond_the_operators_limits_is_refused_at_the_place_that_is_wrong() {
    let world = World::new().await;
    for (network, at) in [
        (json!({"mode": "open"}), "/network/mode"),
        (json!({"mode": "wide"}), "/network/mode"),
        (json!({"hosts": ["a.pypi.org"]}), "/network/mode"),
        (json!({"mode": "allow_list"}), "/network/hosts"),
        (
            json!({"mode": "none", "hosts": ["a.pypi.org"]}),
            "/network/hosts",
        ),
        (
            json!({"mode": "allow_list", "hosts": ["a.pypi.org", "b.example"]}),
            "/network/hosts/1",
        ),
        (
            json!({"mode": "allow_list", "hosts": ["https://a.pypi.org/x"]}),
            "/network/hosts/0",
        ),
        (
            json!({"mode": "allow_list", "hosts": [7]}),
            "/network/hosts/0",
        ),
        (json!({"mode": "none", "host": []}), "/network/host"),
        (json!("open"), "/network"),
    ] {
        let body = json!({"goal": "g", "network": network});
        let answer = world.post("/v1/tasks", &body).await;
        assert_eq!(answer.faults(422, "validation_failed"), [at], "{network}");
    }
}
