//! Bad input: each with a clear error, several at once together, and nothing lost.

use api::Options;
use serde_json::{Value, json};

use crate::client::Ask;
use crate::world::World;

/// The faults of a submit that must be refused with 422.
async fn faults(world: &World, body: Value) -> Vec<String> {
    let answer = world.post("/v1/tasks", &body).await;
    answer.faults(422, "validation_failed")
}

#[tokio::test]
async fn every_fault_of_a_submit_is_told_at_once() {
    let world = World::new().await;
    let body = json!({
        "goal": "  \n ",
        "gaol": "x",
        "files": [
            {"name": "../up", "content_base64": "YQ=="},
            {"name": "a", "content_base64": "%%%"},
            {"name": "a", "content_base64": "YQ==", "mode": 7},
            {"content_base64": 5},
        ],
        "metadata": {"n": 1, "nul": "\0"},
        "budget": {"tokens": -1, "model_calls": 0, "wall_ms": "1h", "hours": 1},
        "webhook": {"url": "ftp://example.com", "secret": "hunter2"},
        "tools": ["shell", "shell", "browser"],
        "result_schema": {"type": "nonsense"},
    });
    let answer = world.post("/v1/tasks", &body).await;
    let mut found = answer.faults(422, "validation_failed");
    found.sort();
    let mut wanted = [
        "/metadata/nul",
        "/files/2/mode",
        "/files/3/name",
        "/files/3/content_base64",
        "/metadata/n",
        "/budget/tokens",
        "/budget/wall_ms",
        "/budget/hours",
        "/gaol",
        "/goal",
        "/budget/model_calls",
        "/webhook/url",
        "/webhook/secret",
        "/tools/1",
        "/tools/2",
        "/result_schema/type",
        "/files/0/name",
        "/files/1/content_base64",
        "/files/2/name",
    ];
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    assert!(!answer.text().contains("hunter2"), "no value is echoed");
    assert_eq!(world.blobs.count(), 0, "nothing was stored");
}

#[tokio::test]
async fn a_goal_must_be_there_and_be_text() {
    let world = World::new().await;
    for body in [
        json!({}),
        json!({"goal": null}),
        json!({"goal": ""}),
        json!({"goal": 5}),
    ] {
        assert_eq!(faults(&world, body.clone()).await, ["/goal"], "{body}");
    }
    assert_eq!(faults(&world, json!([])).await, ["", "/goal"]);
    assert_eq!(faults(&world, json!({"goal": "a\0b"})).await, ["/goal"]);
}

#[tokio::test]
async fn path_tricks_in_file_names_are_refused() {
    let world = World::new().await;
    let names = [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        ".",
        "a\\b",
        "a\u{7}",
        "",
    ];
    let files: Vec<_> = names
        .iter()
        .map(|name| json!({"name": name, "content_base64": ""}))
        .collect();
    let found = faults(&world, json!({"goal": "g", "files": files})).await;
    let wanted: Vec<_> = (0..names.len())
        .map(|n| format!("/files/{n}/name"))
        .collect();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn json_that_cannot_be_read_is_told_by_line_and_column() {
    let world = World::new().await;
    for body in [
        "{\n  \"goal\": }",
        "",
        "\u{feff}{}",
        "{\"goal\": \"\u{1}\"}",
    ] {
        let ask = world
            .ask("POST", "/v1/tasks")
            .body("application/json", body);
        let answer = ask.send(world.address).await;
        let detail = answer.problem(400, "validation_failed")["detail"].to_string();
        assert!(
            detail.contains("line") && detail.contains("column"),
            "{detail}"
        );
    }
    // Deep nesting must not exhaust the stack.
    let deep = "[".repeat(200_000);
    let ask = world
        .ask("POST", "/v1/tasks")
        .body("application/json", deep);
    ask.send(world.address)
        .await
        .problem(400, "validation_failed");
}

#[tokio::test]
async fn another_media_type_is_415() {
    let world = World::new().await;
    let ask = world.ask("POST", "/v1/tasks");
    let ask = ask.body("application/x-www-form-urlencoded", r#"{"goal": "g"}"#);
    ask.send(world.address)
        .await
        .problem(415, "validation_failed");
}

#[tokio::test]
async fn what_is_too_large_is_413_and_the_limit_is_named() {
    let options = Options {
        goal_bytes_max: 100,
        json_files_bytes_max: 10,
        json_body_bytes_max: 2000,
        multipart_body_bytes_max: 3000,
        files_max: 3,
        ..Options::default()
    };
    let world = World::with(options).await;
    let file = |name: &str| json!({"name": name, "content_base64": "YWFhYWFhYWE="});
    for (body, named) in [
        (json!({"goal": "g".repeat(101)}), "goal_bytes_max"),
        (json!({"goal": "g".repeat(3000)}), "json_body_bytes_max"),
        (
            json!({"goal": "g", "files": [file("a"), file("b")]}),
            "json_files_bytes_max",
        ),
        (
            json!({"goal": "g", "files": [file("a"), file("b"), file("c"), file("d")]}),
            "files_max",
        ),
    ] {
        let answer = world.post("/v1/tasks", &body).await;
        answer.problem(413, "payload_too_large");
        assert!(answer.text().contains(named), "{}", answer.text());
    }
    let body = "x".repeat(4000);
    let ask = world.ask("POST", "/v1/tasks");
    let ask = ask.body("multipart/form-data; boundary=xyz", body);
    let answer = ask.send(world.address).await;
    answer.problem(413, "payload_too_large");
    assert!(answer.text().contains("multipart_body_bytes_max"));
}

#[tokio::test]
async fn a_budget_above_the_ceiling_is_refused_with_the_ceiling() {
    let options: Options = serde_json::from_value(json!({"budget_max": {"tokens": 1000}})).unwrap();
    let world = World::with(options).await;
    let answer = world
        .post(
            "/v1/tasks",
            &json!({"goal": "g", "budget": {"tokens": 1001}}),
        )
        .await;
    assert_eq!(answer.faults(422, "validation_failed"), ["/budget/tokens"]);
    assert!(answer.text().contains("1000"));
}

#[tokio::test]
async fn a_schema_that_needs_the_network_is_refused() {
    let world = World::new().await;
    let schema = json!({"$ref": "http://127.0.0.1:1/schema.json"});
    let found = faults(&world, json!({"goal": "g", "result_schema": schema})).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("/result_schema"));
    let schema = json!({"$schema": "http://example.com/unknown", "type": "object"});
    let found = faults(&world, json!({"goal": "g", "result_schema": schema})).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        faults(&world, json!({"goal": "g", "result_schema": true})).await,
        ["/result_schema"]
    );
}

#[tokio::test]
async fn a_bad_idempotency_key_is_refused() {
    let world = World::new().await;
    for key in ["", &"k".repeat(256)] {
        let ask = world
            .ask("POST", "/v1/tasks")
            .header("idempotency-key", key);
        let answer = ask
            .body("application/json", r#"{"goal": "g"}"#)
            .send(world.address)
            .await;
        let found = answer.faults(400, "validation_failed");
        assert_eq!(found, ["header:idempotency-key"]);
    }
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods_are_problems_too() {
    let world = World::new().await;
    for path in ["/", "/v1", "/v2/tasks", "/v1/tasks/", "/v1/tasks/x/y"] {
        world.get(path).await.problem(404, "not_found");
    }
    for (method, path, allowed) in [
        ("DELETE", "/v1/tasks", "GET,HEAD,POST"),
        ("GET", "/v1/tasks/x/budget", "POST"),
        ("POST", "/healthz", "GET,HEAD"),
    ] {
        let answer = Ask::new(method, path).send(world.address).await;
        answer.problem(405, "not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
}

#[tokio::test]
async fn a_path_that_cannot_be_decoded_is_a_problem() {
    let world = World::new().await;
    let answer = world.get("/v1/tasks/%FF").await;
    answer.problem(400, "validation_failed");
}

#[tokio::test]
async fn every_answer_forbids_guessing_its_type_and_keeping_it() {
    let world = World::new().await;
    for path in ["/v1/tasks", "/healthz", "/nowhere"] {
        let answer = world.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("x-request-id").unwrap().starts_with("req_"));
    }
}
