//! Effects outside the sandbox, over a real HTTP server that counts: a request in flight when the process is killed is made
//! again only where that is safe, or where its owner says so.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::installation::{Installation, wait_for};
use crate::scripts::one_request;

/// One request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    method: String,
    key: String,
    fence: String,
}

/// A server that leaves its first request without an answer and answers all others.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<Vec<Seen>>>);

impl Shop {
    async fn open(answers_first: bool) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shop = Self::default();
        let owned = shop.clone();
        tokio::spawn(async move {
            let mut unanswered = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let seen = read(&mut stream).await;
                let number = {
                    let mut all = owned.0.lock().unwrap();
                    all.push(seen);
                    all.len()
                };
                if number == 1 && !answers_first {
                    unanswered.push(stream);
                    continue;
                }
                let answer =
                    "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\norder 17";
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (shop, address)
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }
}

/// Reads a request's head; bodies here are so short that they come with it.
async fn read(stream: &mut TcpStream) -> Seen {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(count > 0, "the request broke off");
        head.extend_from_slice(&chunk[..count]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = |name: &str| {
        let prefix = format!("{name}: ");
        let found = head.lines().find_map(|line| line.strip_prefix(&prefix));
        found.unwrap_or_default().to_owned()
    };
    Seen {
        method: head.split(' ').next().unwrap().to_owned(),
        key: header("idempotency-key"),
        fence: header("x-fence"),
    }
}

async fn installation(method: &str, address: &str) -> Installation {
    let url = format!("http://{address}/orders");
    let mut here = Installation::new(one_request(method, &url)).await;
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true");
    here.set(
        "ERRAND_EGRESS__ALLOW_PRIVATE",
        &json!([address]).to_string(),
    );
    here
}

/// Kills the server while the first request is in flight, and starts it again.
fn kill_in_flight(here: &Installation, shop: &Shop) -> (String, crate::installation::Server) {
    let server = here.serve();
    let task = here.submit("Make the request.");
    wait_for(|| shop.seen().len() == 1).unwrap();
    server.kill();
    (task, here.serve())
}

/// Waits until the owner is asked, and gives the call.
fn asked(here: &Installation, task: &str) -> String {
    let view = here.until(task, |view| view["state"] == "waiting");
    assert_eq!(view["waiting"]["kind"], "approval", "{view:#}");
    let reason = view["waiting"]["reason"].as_str().unwrap();
    let call = reason.split(' ').find(|word| word.starts_with("call_"));
    call.unwrap().to_owned()
}

fn answer(view: &Value) -> &str {
    view["result"]["answer"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_its_owner_found_done_is_not_made_again() {
    let (shop, address) = Shop::open(false).await;
    let here = installation("POST", &address).await;
    let (task, server) = kill_in_flight(&here, &shop);
    let call = asked(&here, &task);
    here.json(&[
        "decide", &task, &call, "done", "--note", "order 17", "--json",
    ]);
    let view = here.until_final(&task);
    assert!(answer(&view).contains("order 17"), "{view:#}");
    assert!(server.stop().success());
    assert_eq!(shop.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_in_flight_at_kill_9_is_repeated_with_the_same_key() {
    let (shop, address) = Shop::open(false).await;
    let here = installation("GET", &address).await;
    let (task, server) = kill_in_flight(&here, &shop);
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert!(server.stop().success());
    let seen = shop.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(
        (&seen[0].method, &seen[0].key),
        (&seen[1].method, &seen[1].key)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_to_a_host_that_honours_the_key_is_repeated_with_it() {
    let (shop, address) = Shop::open(false).await;
    let mut here = installation("POST", &address).await;
    here.set(
        "ERRAND_TOOLS__HTTP_REQUEST__KEY_HONOURED_BY",
        &json!([address]).to_string(),
    );
    let (task, server) = kill_in_flight(&here, &shop);
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    assert!(server.stop().success());
    let seen = shop.seen();
    assert_eq!((seen.len(), &seen[0].key), (2, &seen[1].key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_target_that_the_operator_did_not_name_is_never_reached() {
    let (shop, address) = Shop::open(true).await;
    let mut here = installation("GET", &address).await;
    here.set("ERRAND_EGRESS__ALLOW_PRIVATE", "[]");
    let server = here.serve();
    let task = here.submit("Make the request.");
    let view = here.until_final(&task);
    assert!(answer(&view).contains("Nothing was sent."), "{view:#}");
    assert!(server.stop().success());
    assert_eq!(shop.seen(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_operators_word_there_is_no_such_tool() {
    let (shop, address) = Shop::open(true).await;
    let mut here = installation("GET", &address).await;
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "false");
    let server = here.serve();
    let refused = here.run(&["submit", "Make the request.", "--tool", "http_request"]);
    assert!(!refused.status.success());
    let doctor = String::from_utf8(here.run(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("no step reaches it"), "{doctor}");
    assert!(server.stop().success());
    assert_eq!(shop.seen(), []);
}
