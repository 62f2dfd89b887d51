//! Connections: slow ones are cut, too many are refused, rude ones still see their answer, and a shutdown is orderly.

use std::time::Duration;

use api::Options;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::client::{AT_MOST, Ask, Open};
use crate::world::World;

fn quick() -> Options {
    Options {
        header_timeout_ms: 300,
        body_idle_timeout_ms: 300,
        body_timeout_ms: 1000,
        ..Options::default()
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut() {
    let world = World::with(quick()).await;
    let mut open = Open::to(world.address).await;
    open.stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: e")
        .await
        .unwrap();
    let began = Instant::now();
    open.rest().await;
    assert!(began.elapsed() < AT_MOST);
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut_before_and_after_a_request() {
    let world = World::with(quick()).await;
    let began = Instant::now();
    let mut silent = Open::to(world.address).await;
    silent.rest().await;
    let mut idle = Open::to(world.address).await;
    idle.write(Ask::new("GET", "/healthz")).await;
    assert_eq!(idle.answer().await.status, 200);
    assert_eq!(idle.rest().await, "");
    assert!(began.elapsed() < AT_MOST);
}

#[tokio::test]
async fn a_body_that_stops_is_answered_and_cut() {
    let world = World::with(quick()).await;
    let mut open = Open::to(world.address).await;
    let ask = world
        .ask("POST", "/v1/tasks")
        .header("content-length", "1000");
    open.write(ask.header("content-type", "application/json"))
        .await;
    open.stream.write_all(b"{\"goal\": ").await.unwrap();
    open.answer().await.problem(408, "validation_failed");
    open.rest().await;
}

#[tokio::test]
async fn a_body_that_drips_for_ever_is_answered_and_cut() {
    let world = World::with(quick()).await;
    let mut open = Open::to(world.address).await;
    let ask = world
        .ask("POST", "/v1/tasks")
        .header("content-length", "1000");
    open.write(ask.header("content-type", "application/json"))
        .await;
    let (mut read, mut write) = tokio::io::split(open.stream);
    let dripping = tokio::spawn(async move {
        // A byte now and then keeps the pauses short; only the limit of the whole can end this.
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        while write.write_all(b" ").await.is_ok() && write.flush().await.is_ok() {
            ticks.tick().await;
        }
    });
    let mut start = [0; 12];
    let first = tokio::io::AsyncReadExt::read_exact(&mut read, &mut start);
    tokio::time::timeout(AT_MOST, first).await.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 408");
    drop(read);
    dripping.abort();
}

#[tokio::test]
async fn a_client_that_sends_twenty_megabytes_regardless_still_sees_its_answer() {
    let world = World::new().await;
    let goal = "g".repeat(20 * 1024 * 1024);
    let body = format!("{{\"goal\": \"{goal}\"}}");
    let answer = world
        .ask("POST", "/v1/tasks")
        .body("application/json", body.clone())
        .send(world.address)
        .await;
    answer.problem(413, "payload_too_large");
    // And so does one whose key is not even read.
    let ask = Ask::new("POST", "/v1/tasks").body("application/json", body);
    ask.send(world.address).await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_chunked_body_without_a_length_is_measured_as_it_comes() {
    let options = Options {
        json_body_bytes_max: 1000,
        ..Options::default()
    };
    let world = World::with(options).await;
    let mut open = Open::to(world.address).await;
    let ask = world
        .ask("POST", "/v1/tasks")
        .header("content-type", "application/json");
    open.write(ask.header("transfer-encoding", "chunked")).await;
    let chunk = format!("1f4\r\n{}\r\n", " ".repeat(500));
    for _ in 0..3 {
        let _ = open.stream.write_all(chunk.as_bytes()).await;
    }
    open.answer().await.problem(413, "payload_too_large");
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let world = World::new().await;
    let mut open = Open::to(world.address).await;
    let ask = world
        .ask("POST", "/v1/tasks")
        .header("expect", "100-continue");
    let ask = ask.header("content-length", "99999999");
    open.write(ask.header("content-type", "application/json"))
        .await;
    open.answer().await.problem(413, "payload_too_large");
}

#[tokio::test]
async fn connections_above_the_limit_are_told_to_come_back() {
    let options = Options {
        connections_per_address_max: 2,
        ..Options::default()
    };
    let world = World::with(options).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut open = Open::to(world.address).await;
        open.write(Ask::new("GET", "/healthz")).await;
        assert_eq!(open.answer().await.status, 200);
        held.push(open);
    }
    let mut open = Open::to(world.address).await;
    let refused = open.answer().await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    let body: Value = refused.json();
    assert_eq!(body["code"], "rate_limited");
    drop(open);
    // A place that is given back is free again.
    drop(held);
    let began = Instant::now();
    while Ask::new("GET", "/healthz").send(world.address).await.status != 200 {
        assert!(began.elapsed() < AT_MOST);
    }
}

#[tokio::test]
async fn uploads_beyond_the_memory_for_them_are_told_to_come_back() {
    let options = Options {
        upload_bytes_in_flight_max: 100,
        ..Options::default()
    };
    let world = World::with(options).await;
    let body = format!("{{\"goal\": \"{}\"}}", "g".repeat(200));
    let ask = world
        .ask("POST", "/v1/tasks")
        .body("application/json", body);
    ask.send(world.address).await.problem(429, "rate_limited");
    world.task().await;
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let world = World::new().await;
    let mut open = Open::to(world.address).await;
    for _ in 0..3 {
        open.write(world.ask("GET", "/v1/tasks")).await;
        assert_eq!(open.answer().await.status, 200);
    }
}

#[tokio::test]
async fn a_shutdown_answers_waiting_clients_and_takes_no_new_ones() {
    let world = World::new().await;
    let task = world.task().await;
    let mut waiting = Open::to(world.address).await;
    let path = format!("/v1/tasks/{task}?wait=60");
    waiting.write(world.ask("GET", &path)).await;
    let mut streaming = Open::to(world.address).await;
    let ask = world.ask("GET", &format!("/v1/tasks/{task}/events"));
    streaming
        .write(ask.header("accept", "text/event-stream"))
        .await;
    assert_eq!(streaming.head().await.0, 200);
    let mut idle = Open::to(world.address).await;
    idle.write(Ask::new("GET", "/readyz")).await;
    assert_eq!(idle.answer().await.status, 200);
    // The wait has begun once its key was looked up and another request came through.
    world.get("/v1/tasks").await;
    let began = Instant::now();
    world.ending.closing.cancel();
    let answer = waiting.answer().await;
    assert_eq!(
        (answer.status, &answer.json()["state"]),
        (200, &Value::from("queued"))
    );
    while streaming.chunk().await.is_some() {}
    assert_eq!(idle.rest().await, "");
    tokio::time::timeout(AT_MOST, world.serving)
        .await
        .unwrap()
        .unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "the shutdown was not awaited to its limit"
    );
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn a_shutdown_cuts_what_does_not_end_in_time() {
    let options = Options {
        drain_ms: 100,
        ..Options::default()
    };
    let world = World::with(options).await;
    let mut open = Open::to(world.address).await;
    let ask = world
        .ask("POST", "/v1/tasks")
        .header("content-length", "1000");
    open.write(ask.header("content-type", "application/json"))
        .await;
    world.get("/v1/tasks").await;
    world.ending.closing.cancel();
    tokio::time::timeout(AT_MOST, world.serving)
        .await
        .unwrap()
        .unwrap();
    open.rest().await;
}

#[tokio::test]
async fn a_server_that_drains_answers_everything_but_new_tasks_until_it_closes() {
    let world = World::new().await;
    let task = world.task().await;
    let mut waiting = Open::to(world.address).await;
    let path = format!("/v1/tasks/{task}?wait=60");
    waiting.write(world.ask("GET", &path)).await;
    // The wait has begun once its key was looked up and another request came through.
    world.get("/v1/tasks").await;
    world.ending.draining.cancel();
    let told = world.get("/readyz").await;
    assert_eq!(told.header("retry-after"), Some("2"));
    told.problem(503, "unavailable");
    assert_eq!(world.get("/healthz").await.status, 200);
    let submit = world.ask("POST", "/v1/tasks");
    let submit = submit.body("application/json", "{\"goal\": \"more\"}");
    let refused = submit.send(world.address).await;
    assert_eq!(refused.header("retry-after"), Some("2"));
    refused.problem(503, "unavailable");
    let path = format!("/v1/tasks/{task}/cancel");
    let cancel = world.ask("POST", &path).body("application/json", "{}");
    assert_eq!(cancel.send(world.address).await.status, 200);
    // The wait was not cut short by the drain: it ends with the task.
    assert_eq!(waiting.answer().await.json()["state"], "cancelled");
    world.ending.closing.cancel();
    tokio::time::timeout(AT_MOST, world.serving)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_server_that_is_to_end_at_once_waits_for_nobody() {
    let world = World::new().await;
    let mut open = Open::to(world.address).await;
    let ask = world
        .ask("POST", "/v1/tasks")
        .header("content-length", "1000");
    open.write(ask.header("content-type", "application/json"))
        .await;
    world.get("/v1/tasks").await;
    world.ending.closing.cancel();
    world.ending.at_once.cancel();
    let began = Instant::now();
    tokio::time::timeout(AT_MOST, world.serving)
        .await
        .unwrap()
        .unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it was let finish"
    );
    open.rest().await;
}
