//! A connection against a browser that the test plays itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::Connection;
use crate::driver::{Call, CallError, Driver, Event, SessionId};

type Browser = WebSocketStream<DuplexStream>;

async fn connected() -> (Connection, Browser) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (connection, browser) = tokio::join!(
        Connection::open(ours, "/devtools/browser/x"),
        tokio_tungstenite::accept_async(theirs)
    );
    (connection.unwrap(), browser.unwrap())
}

fn call(session: &str, within_ms: u64) -> Call {
    Call {
        session: Some(SessionId::from(session)),
        method: "Test.call",
        params: json!({}),
        within: Duration::from_millis(within_ms),
        though_held: false,
    }
}

async fn received(browser: &mut Browser) -> Value {
    serde_json::from_str(browser.next().await.unwrap().unwrap().to_text().unwrap()).unwrap()
}

async fn send(browser: &mut Browser, message: Value) {
    browser
        .send(Message::text(message.to_string()))
        .await
        .unwrap();
}

#[tokio::test]
async fn answers_find_their_calls_in_whatever_order_they_come() {
    let (connection, mut browser) = connected().await;
    let answers = async {
        let (first, second) = (received(&mut browser).await, received(&mut browser).await);
        send(
            &mut browser,
            json!({ "id": second["id"], "result": "second" }),
        )
        .await;
        send(
            &mut browser,
            json!({ "id": first["id"], "result": "first" }),
        )
        .await;
    };
    let (first, second, ()) = tokio::join!(
        connection.call(call("a", 5_000)),
        connection.call(call("b", 5_000)),
        answers
    );
    assert_eq!((first, second), (Ok(json!("first")), Ok(json!("second"))));
    assert_eq!(connection.shared.calls.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_dropped_and_the_connection_goes_on() {
    let (connection, mut browser) = connected().await;
    let within = Duration::from_millis(50);
    let late = connection.call(call("a", 50)).await;
    assert_eq!(
        late,
        Err(CallError::Late {
            method: "Test.call",
            within
        })
    );
    let slow = received(&mut browser).await;
    send(&mut browser, json!({ "id": slow["id"], "result": "late" })).await;
    let answers = async {
        let next = received(&mut browser).await;
        send(
            &mut browser,
            json!({ "id": next["id"], "result": "in time" }),
        )
        .await;
    };
    let (answer, ()) = tokio::join!(connection.call(call("a", 5_000)), answers);
    assert_eq!(answer, Ok(json!("in time")));
    assert_eq!(connection.shared.calls.count(), 0);
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_nothing() {
    let (connection, mut browser) = connected().await;
    {
        let mut waiting = Box::pin(connection.call(call("a", 5_000)));
        tokio::select! {
            answer = &mut waiting => panic!("it was answered: {answer:?}"),
            _ = received(&mut browser) => {}
        }
        assert_eq!(connection.shared.calls.count(), 1);
    }
    assert_eq!(connection.shared.calls.count(), 0);
}

#[tokio::test]
async fn holding_a_session_ends_its_calls_and_no_others() {
    let (connection, mut browser) = connected().await;
    let urgent = Call {
        though_held: true,
        ..call("a", 5_000)
    };
    let plot = async {
        let _first = received(&mut browser).await;
        let (other, through) = (received(&mut browser).await, received(&mut browser).await);
        let held = SessionId::from("a");
        connection.hold(&held, CallError::DialogOpen);
        let refused = connection.call(call("a", 5_000)).await;
        send(&mut browser, json!({ "id": other["id"], "result": 1 })).await;
        send(&mut browser, json!({ "id": through["id"], "result": 2 })).await;
        connection.release(&held);
        refused
    };
    let (held, other, through, refused) = tokio::join!(
        connection.call(call("a", 5_000)),
        connection.call(call("b", 5_000)),
        connection.call(urgent),
        plot
    );
    let dialog = Err(CallError::DialogOpen);
    assert_eq!(
        (held, other, through, refused),
        (dialog.clone(), Ok(json!(1)), Ok(json!(2)), dialog)
    );
    let answers = async {
        let next = received(&mut browser).await;
        send(&mut browser, json!({ "id": next["id"], "result": 3 })).await;
    };
    let (released, ()) = tokio::join!(connection.call(call("a", 5_000)), answers);
    assert_eq!(released, Ok(json!(3)));
}

#[tokio::test]
async fn a_socket_that_closes_ends_every_call_at_once() {
    let (connection, mut browser) = connected().await;
    let connection = Arc::new(connection);
    let close = async {
        let _ = (received(&mut browser).await, received(&mut browser).await);
        send(
            &mut browser,
            json!({ "method": "Last.words", "params": {} }),
        )
        .await;
        drop(browser);
    };
    let (first, second, ()) = tokio::join!(
        connection.call(call("a", 60_000)),
        connection.call(call("b", 60_000)),
        close
    );
    assert_eq!(
        (first, second),
        (Err(CallError::Closed), Err(CallError::Closed))
    );
    connection.closed().await;
    assert_eq!(
        connection.call(call("a", 60_000)).await,
        Err(CallError::Closed)
    );
    let words = Event::Told {
        session: None,
        method: "Last.words".to_owned(),
        params: json!({}),
    };
    assert_eq!(
        (connection.event().await, connection.event().await),
        (Some(words), None)
    );
}

#[tokio::test]
async fn refusals_and_answers_that_cannot_be_read_fail_their_own_call() {
    let (connection, mut browser) = connected().await;
    let answers = async {
        let calls = [
            received(&mut browser).await,
            received(&mut browser).await,
            received(&mut browser).await,
        ];
        let refusal = json!({ "code": -32000, "message": "no such node" });
        send(
            &mut browser,
            json!({ "id": calls[0]["id"], "error": refusal }),
        )
        .await;
        let gone = json!({ "code": -32001, "message": "no session" });
        send(&mut browser, json!({ "id": calls[1]["id"], "error": gone })).await;
        let broken = format!(r#"{{"id":{},"result":"\ud800"}}"#, calls[2]["id"]);
        browser.send(Message::text("nonsense")).await.unwrap();
        browser.send(Message::text(broken)).await.unwrap();
    };
    let (refused, gone, broken, ()) = tokio::join!(
        connection.call(call("a", 5_000)),
        connection.call(call("a", 5_000)),
        connection.call(call("a", 5_000)),
        answers
    );
    let method = "Test.call";
    assert_eq!(
        refused,
        Err(CallError::Refused {
            method,
            message: "no such node".to_owned()
        })
    );
    assert_eq!(gone, Err(CallError::Gone("the page")));
    assert!(
        matches!(broken, Err(CallError::Unreadable { .. })),
        "{broken:?}"
    );
}
