//! Webhook messages, received on a real socket.

use agent_core::budget::Budget;
use agent_core::event::EventBody;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fakes::FakeModels;
use crate::flow::{finish, plan, report, step};
use crate::world::World;

/// Takes one request and answers it. Gives the request's head and body.
async fn receive(listener: &TcpListener, status: &str) -> (String, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")
                    .map(str::to_owned)
            });
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                return (head.to_owned(), body.to_owned());
            }
        }
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the request was cut: {text}");
        read.extend_from_slice(&buffer[..count]);
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines()
        .find_map(|line| {
            line.split_once(": ")
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        })
        .unwrap()
        .1
}

async fn world_with_receiver() -> (World, TcpListener, String) {
    let models = FakeModels::new(|job, _| match job {
        "plan" => plan(&[step("a", &[], &json!([]))]),
        "report" => report(),
        _ => finish("done"),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (World::new(models).await, listener, address)
}

#[tokio::test]
async fn a_failed_attempt_is_repeated_with_the_same_id_and_body_and_a_redirect_is_a_failure() {
    let (mut world, listener, address) = world_with_receiver().await;
    world.allow_private = vec![address.clone()];
    let id = world
        .submit(Budget::default(), Some(&format!("http://{address}/hook")))
        .await;
    let worker = world.start();
    let (first_head, first_body) = receive(&listener, "302 Found").await;
    world.until(&id, |task| task.state.is_final()).await;
    let tried = |bodies: &[EventBody]| {
        bodies
            .iter()
            .filter(|body| matches!(body, EventBody::DeliveryAttempted(_)))
            .count()
    };
    while tried(&world.log(&id).await) == 0 {
        tokio::task::yield_now().await;
    }
    world.store.shift_clock(10_000);
    let (second_head, second_body) = receive(&listener, "204 No Content").await;
    while tried(&world.log(&id).await) < 2 {
        tokio::task::yield_now().await;
    }
    worker.drain().await;
    assert_eq!(first_body, second_body);
    assert_eq!(
        header(&first_head, "webhook-id"),
        header(&second_head, "webhook-id")
    );
    assert_ne!(
        header(&first_head, "webhook-timestamp"),
        header(&second_head, "webhook-timestamp")
    );
    assert!(header(&second_head, "webhook-signature").starts_with("v1,"));
    let message: serde_json::Value = serde_json::from_str(&second_body).unwrap();
    assert_eq!(
        (message["type"].as_str(), message["data"]["answer"].as_str()),
        (Some("task.succeeded"), Some("All done."))
    );
    let outcomes: Vec<String> = world
        .log(&id)
        .await
        .into_iter()
        .filter_map(|body| {
            if let EventBody::DeliveryAttempted(attempt) = body {
                Some(attempt.outcome)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(outcomes, ["will_retry", "delivered"]);
}

#[tokio::test]
async fn a_private_target_is_refused_unless_the_operator_named_it() {
    let (world, _listener, address) = world_with_receiver().await;
    let id = world
        .submit(Budget::default(), Some(&format!("http://{address}/hook")))
        .await;
    let worker = world.start();
    let error = loop {
        let mut attempts = world.log(&id).await.into_iter().filter_map(|body| {
            if let EventBody::DeliveryAttempted(attempt) = body {
                attempt.error
            } else {
                None
            }
        });
        if let Some(error) = attempts.next_back() {
            break error;
        }
        tokio::task::yield_now().await;
    };
    worker.drain().await;
    assert!(error.contains("allow_private"), "{error}");
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again() {
    let (mut world, listener, address) = world_with_receiver().await;
    world.allow_private = vec![address.clone()];
    let id = world
        .submit(Budget::default(), Some(&format!("http://{address}/hook")))
        .await;
    let worker = world.start();
    receive(&listener, "410 Gone").await;
    let outcome = loop {
        let mut attempts = world.log(&id).await.into_iter().filter_map(|body| {
            if let EventBody::DeliveryAttempted(attempt) = body {
                Some(attempt.outcome)
            } else {
                None
            }
        });
        if let Some(outcome) = attempts.next_back() {
            break outcome;
        }
        tokio::task::yield_now().await;
    };
    worker.drain().await;
    assert_eq!(outcome, "abandoned");
}
