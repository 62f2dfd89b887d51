//! Endpoints that are down, hang, or answer rubbish: the task waits and says why.

use std::net::TcpListener;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::installation::Installation;

/// An endpoint that answers every request with these bytes, or with silence.
async fn endpoint(answer: Option<&'static str>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 65536];
            let _ = stream.read(&mut request).await;
            match answer {
                Some(answer) => {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                None => silent.push(stream),
            }
        }
    });
    base
}

fn waits_because(base_url: &str, words: &[&str]) {
    let mut here = Installation::with_model_at(base_url);
    here.set("ERRAND_MODEL__RETRY__REQUESTS_MAX", "1");
    here.set("ERRAND_WORKER__MODEL_DEADLINE_MS", "2000");
    let server = here.serve();
    let task = here.submit("Anything.");
    let view = here.until(&task, |view| view["state"] == "waiting");
    let reason = view["waiting"]["reason"].as_str().unwrap();
    assert_eq!(view["waiting"]["kind"], "provider");
    assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
    assert!(view["waiting"]["until_ms"].is_i64());
    // Nothing is lost: it can still be cancelled, and the server still ends well.
    assert_eq!(
        here.json(&["cancel", &task, "--json"])["state"],
        "cancelled"
    );
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_down_makes_the_task_wait() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    waits_because(
        &format!("http://{free}/v1"),
        &["unreachable", &free.to_string()],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_html_makes_the_task_wait() {
    let base = endpoint(Some("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>")).await;
    waits_because(&base, &["HTML"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_makes_the_task_wait() {
    let base = endpoint(None).await;
    waits_because(&base, &["timeout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_rubbish_makes_the_task_wait() {
    let base = endpoint(Some("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\nconnection: close\r\n\r\n{]}{][}{")).await;
    waits_because(&base, &["invalid_response"]);
}
