//! Secrets: stored, shown without their values, granted to tasks by name, and nobody else's.

use agent_core::credential::{PER_TENANT_MAX, SecretName};
use agent_core::ports::credentials::Credentials;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::{World, bearing};

const VALUE: &str = "ghp_canary-0c5e";

fn body() -> Value {
    json!({"value": VALUE, "hosts": ["API.GitHub.com", "*.example.com:8443"]})
}

async fn put(world: &World, name: &str, body: &Value) -> Answer {
    let ask = world.ask("PUT", &format!("/v1/secrets/{name}"));
    let ask = ask.body("application/json", body.to_string());
    ask.send(world.address).await
}

async fn stored(world: &World, name: &str) {
    let answer = put(world, name, &body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

async fn delete(world: &World, name: &str) -> Answer {
    let ask = world.ask("DELETE", &format!("/v1/secrets/{name}"));
    ask.send(world.address).await
}

#[tokio::test]
async fn a_secret_is_shown_with_everything_but_its_value_and_stored_sealed() {
    let world = World::new().await;
    let made = put(&world, "github", &body()).await;
    assert_eq!(made.status, 201);
    let expected = json!({
        "name": "github",
        "hosts": ["api.github.com", "*.example.com:8443"],
        "header": "Authorization",
        "format": "Bearer {secret}",
        "created_at": "2023-11-14T22:13:20Z",
        "created_at_ms": 1_700_000_000_000_i64,
        "updated_at": "2023-11-14T22:13:20Z",
        "updated_at_ms": 1_700_000_000_000_i64,
    });
    assert_eq!(made.json(), expected);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    assert_eq!(world.get("/v1/secrets/github").await.json(), expected);
    let page = world.get("/v1/secrets").await.json();
    assert_eq!(page, json!({"data": [expected], "next": null}));
    let name: SecretName = "github".parse().unwrap();
    let given = world.store.find_sealed(&world.tenant, &[name]).await;
    let opened = given.unwrap()[0].open(&world.sealer).unwrap();
    assert_eq!(opened.value.expose(), format!("Bearer {VALUE}"));
}

#[tokio::test]
async fn a_put_replaces_all_but_the_age() {
    let world = World::new().await;
    stored(&world, "github").await;
    world.store.shift_clock(60_000);
    let changed = json!({
        "value": "rotated", "hosts": ["localhost:8080"], "header": "X-Api-Key", "format": "key={secret}",
    });
    let answer = put(&world, "github", &changed).await;
    assert_eq!(answer.status, 200);
    let view = answer.json();
    assert_eq!(view["hosts"], changed["hosts"]);
    assert_eq!(view["header"], changed["header"]);
    assert_eq!(view["format"], changed["format"]);
    assert_eq!(view["created_at_ms"], 1_700_000_000_000_i64);
    assert_eq!(view["updated_at_ms"], 1_700_000_060_000_i64);
    // What is left out is the default again.
    let view = put(&world, "github", &body()).await.json();
    assert_eq!(view["header"], "Authorization");
}

#[tokio::test]
async fn all_faults_are_told_at_once_and_none_repeats_the_value() {
    let world = World::new().await;
    let wrong = json!({
        "value": format!("{VALUE}\n"),
        "hosts": ["https://api.github.com", 7, "a.example.com", "A.example.com", "*"],
        "header": "Content-Length",
        "format": "Bearer",
        "expires": 5,
    });
    let answer = put(&world, "GitHub", &wrong).await;
    let mut found = answer.faults(422, "validation_failed");
    found.sort();
    assert_eq!(
        found,
        [
            "/expires",
            "/format",
            "/header",
            "/hosts/0",
            "/hosts/1",
            "/hosts/3",
            "/hosts/4",
            "/value",
            "path:name"
        ]
    );
    assert!(!answer.text().contains(VALUE), "{}", answer.text());
    for (wrong, pointers) in [
        (json!({}), vec!["/value", "/hosts"]),
        (json!({"value": "", "hosts": []}), vec!["/value", "/hosts"]),
        (
            json!({"value": {"a": VALUE}, "hosts": VALUE}),
            vec!["/value", "/hosts"],
        ),
        (
            json!({"value": "a\0b", "hosts": ["a.test"]}),
            vec!["/value"],
        ),
        (json!([VALUE]), vec![""]),
    ] {
        let answer = put(&world, "github", &wrong).await;
        assert_eq!(answer.faults(422, "validation_failed"), pointers, "{wrong}");
        assert!(!answer.text().contains(VALUE), "{}", answer.text());
    }
    assert_eq!(world.get("/v1/secrets").await.json()["data"], json!([]));
}

#[tokio::test]
async fn values_and_bodies_above_their_limits_are_refused_as_too_large() {
    let world = World::new().await;
    let of = |bytes: usize| json!({"value": "é".repeat(bytes / 2), "hosts": ["a.test"]});
    assert_eq!(put(&world, "long", &of(8192)).await.status, 201);
    let above = put(&world, "long", &of(8194)).await;
    assert_eq!(above.faults(413, "payload_too_large"), ["/value"]);
    let hosts: Vec<String> = (0..33).map(|at| format!("h{at}.test")).collect();
    let many = put(&world, "long", &json!({"value": "x", "hosts": hosts})).await;
    assert_eq!(many.faults(413, "payload_too_large"), ["/hosts"]);
    let endless = put(&world, "long", &of(100_000)).await;
    endless.problem(413, "payload_too_large");
    let broken = world.ask("PUT", "/v1/secrets/long");
    let broken = broken.body("application/json", format!("{{\"value\": \"{VALUE}"));
    let answer = broken.send(world.address).await;
    answer.problem(400, "validation_failed");
    assert!(!answer.text().contains(VALUE), "{}", answer.text());
}

#[tokio::test]
async fn a_deleted_secret_is_gone_and_what_cannot_be_one_never_was() {
    let world = World::new().await;
    stored(&world, "github").await;
    let gone = delete(&world, "github").await;
    assert_eq!((gone.status, gone.text().as_str()), (204, ""));
    delete(&world, "github").await.problem(404, "not_found");
    for name in ["github", "GitHub", "%00", "a%2Fb", &"x".repeat(65)] {
        let answer = world.get(&format!("/v1/secrets/{name}")).await;
        let problem = answer.problem(404, "not_found");
        assert_eq!(problem["detail"], "there is no such secret", "{name}");
        delete(&world, name).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn another_tenants_secrets_do_not_exist() {
    let world = World::new().await;
    stored(&world, "github").await;
    let stranger = world.stranger().await;
    let theirs = |method: &str, path: &str| bearing(&stranger, method, path);
    let list = theirs("GET", "/v1/secrets").send(world.address).await;
    assert_eq!(list.json()["data"], json!([]));
    for method in ["GET", "DELETE"] {
        let answer = theirs(method, "/v1/secrets/github")
            .send(world.address)
            .await;
        answer.problem(404, "not_found");
    }
    let asked = json!({"goal": "g", "secrets": ["github"]}).to_string();
    let submit = theirs("POST", "/v1/tasks").body("application/json", asked);
    let submit = submit.send(world.address).await;
    assert_eq!(submit.faults(422, "validation_failed"), ["/secrets/0"]);
    assert_eq!(world.get("/v1/secrets/github").await.status, 200);
}

#[tokio::test]
async fn a_tenant_with_as_many_secrets_as_it_may_have_can_only_replace_them() {
    let world = World::new().await;
    for at in 0..PER_TENANT_MAX {
        stored(&world, &format!("s{at}")).await;
    }
    let full = put(&world, "one-more", &body()).await;
    full.problem(429, "quota_exceeded");
    assert_eq!(put(&world, "s7", &body()).await.status, 200);
    assert_eq!(delete(&world, "s7").await.status, 204);
    stored(&world, "one-more").await;
}

#[tokio::test]
async fn a_task_shows_the_names_of_the_secrets_that_it_was_granted() {
    let world = World::new().await;
    stored(&world, "github").await;
    stored(&world, "gitlab").await;
    let asked = json!({"goal": "g", "secrets": ["gitlab", "github"]});
    let view = world.submitted(&asked).await;
    assert_eq!(view["secrets"], asked["secrets"]);
    let path = format!("/v1/tasks/{}", view["id"].as_str().unwrap());
    // The names stay with the task when a secret goes.
    delete(&world, "gitlab").await;
    assert_eq!(world.get(&path).await.json()["secrets"], asked["secrets"]);
    let plain = world.submitted(&json!({"goal": "g"})).await;
    assert_eq!(plain["secrets"], json!([]));
}

#[tokio::test]
async fn a_task_is_granted_only_secrets_that_are_there_each_once() {
    let world = World::new().await;
    stored(&world, "github").await;
    let asked = json!({
        "goal": "", "tools": [7, "nope"], "secrets": ["github", "absent", "github", "Not A Name", 7],
    });
    let answer = world.post("/v1/tasks", &asked).await;
    let mut found = answer.faults(422, "validation_failed");
    found.sort();
    assert_eq!(
        found,
        [
            "/goal",
            "/secrets/1",
            "/secrets/2",
            "/secrets/3",
            "/secrets/4",
            "/tools/0",
            "/tools/1"
        ]
    );
    let answer = world
        .post("/v1/tasks", &json!({"goal": "g", "secrets": "github"}))
        .await;
    assert_eq!(answer.faults(422, "validation_failed"), ["/secrets"]);
}

#[tokio::test]
async fn a_repeat_that_grants_another_secret_is_another_request() {
    let world = World::new().await;
    stored(&world, "github").await;
    let submit = async |body: Value| {
        let ask = world
            .ask("POST", "/v1/tasks")
            .header("idempotency-key", "k");
        let ask = ask.body("application/json", body.to_string());
        ask.send(world.address).await
    };
    assert_eq!(submit(json!({"goal": "g"})).await.status, 201);
    assert_eq!(
        submit(json!({"goal": "g", "secrets": []})).await.status,
        200
    );
    let other = submit(json!({"goal": "g", "secrets": ["github"]})).await;
    other.problem(422, "idempotency_mismatch");
}
