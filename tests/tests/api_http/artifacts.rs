//! Artifacts: the list, the bytes, and headers that keep browsers from running them.

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn artifacts_are_listed_counted_and_downloaded() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    world
        .publish(&claim, "site/über uns.html", b"<script>alert(1)</script>")
        .await;
    world.publish(&claim, "report.md", b"# R").await;
    let path = format!("/v1/tasks/{task}/artifacts");
    let list = world.get(&path).await.json();
    assert_eq!(list["next"], Value::Null);
    let rows = list["data"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, [json!("report.md"), json!("site/über uns.html")]);
    assert_eq!(rows[0]["bytes"], 3);
    assert_eq!(rows[0]["sha256"].as_str().unwrap().len(), 64);
    assert!(rows[0]["created_at"].is_string() && rows[0]["step"].is_string());
    let url = rows[1]["url"].as_str().unwrap();
    let answer = world.get(url).await;
    assert_eq!(answer.status, 200, "{url}");
    assert_eq!(answer.body, b"<script>alert(1)</script>");
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let disposition = answer.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment; "), "{disposition}");
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("sandbox"), "{policy}");
    let view = world.get(&format!("/v1/tasks/{task}")).await.json();
    assert_eq!(view["artifacts"], 2);
}

#[tokio::test]
async fn an_artifact_that_is_not_there_is_404() {
    let world = World::new().await;
    let task = world.task().await;
    for name in ["nothing.txt", "../events", "a/b/c"] {
        let path = format!("/v1/tasks/{task}/artifacts/{name}");
        world.get(&path).await.problem(404, "not_found");
    }
    let path = format!("/v1/tasks/{task}/artifacts?limit=5");
    world.get(&path).await.problem(400, "validation_failed");
}

#[tokio::test]
async fn a_name_that_is_published_again_gives_the_newer_bytes() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    world.publish(&claim, "r", b"old").await;
    world.publish(&claim, "r", b"new").await;
    let answer = world.get(&format!("/v1/tasks/{task}/artifacts/r")).await;
    assert_eq!(answer.body, b"new");
}

#[tokio::test]
async fn the_picture_of_an_event_is_served_as_a_picture_and_nothing_else_is() {
    let world = World::new().await;
    let task = world.task().await;
    let claim = world.plan_and_begin().await;
    world
        .picture(&claim, "image/jpeg", b"\xff\xd8 a page")
        .await;
    world.picture(&claim, "text/html", b"<script>").await;
    let path = format!("/v1/tasks/{task}/events");
    let log = world.get(&path).await.json();
    let rows = log["data"].as_array().unwrap();
    let acted = rows.iter().filter(|row| row["kind"] == "browser.acted");
    let seqs: Vec<i64> = acted.map(|row| row["seq"].as_i64().unwrap()).collect();
    let answer = world.get(&format!("{path}/{}/image", seqs[0])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, b"\xff\xd8 a page");
    assert_eq!(answer.header("content-type"), Some("image/jpeg"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("sandbox"), "{policy}");
    let others = [seqs[1].to_string(), "1".to_owned(), "0".to_owned()];
    let strange = ["-9", "9223372036854775807", "x"].map(str::to_owned);
    for seq in others.iter().chain(&strange) {
        let answer = world.get(&format!("{path}/{seq}/image")).await;
        answer.problem(404, "not_found");
    }
}
