//! What calls and actions cost beside the bare protocol, in the same browser. Run by hand:
//! `cargo test --release -p browser --test real speed -- --ignored --nocapture`.

use std::future::Future;
use std::time::{Duration, Instant};

use browser::{Call, Click, Connection, Driver, Frames, Typing};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::{Scene, element, top};

/// A second client that only writes a call and reads until its answer.
struct Raw {
    socket: WebSocketStream<TcpStream>,
    session: Value,
    id: u64,
}

impl Raw {
    async fn attach(scene: &Scene) -> Self {
        let url = format!("ws://127.0.0.1{}", scene.chromium.path());
        let stream = scene.chromium.connect().await;
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let mut raw = Self {
            socket,
            session: Value::Null,
            id: 0,
        };
        let target = json!({ "targetId": scene.tab.id().as_str(), "flatten": true });
        raw.session = raw.call("Target.attachToTarget", target).await["sessionId"].take();
        raw
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        let mut call = json!({ "id": self.id, "method": method, "params": params });
        if self.session.is_string() {
            call["sessionId"] = self.session.clone();
        }
        self.socket
            .send(Message::text(call.to_string()))
            .await
            .unwrap();
        loop {
            let text = self
                .socket
                .next()
                .await
                .unwrap()
                .unwrap()
                .into_text()
                .unwrap();
            let mut message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == self.id {
                return message["result"].take();
            }
        }
    }
}

async fn timed<F: Future>(work: F) -> Duration {
    let begun = Instant::now();
    work.await;
    begun.elapsed()
}

fn told(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let of = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
    println!(
        "{name:32} p50 {:8.2} ms   p95 {:8.2} ms   n={}",
        of(50),
        of(95),
        times.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn what_calls_and_actions_cost() {
    let scene = Scene::new().await;
    scene.site.page(
        "/page",
        "<h1>Form</h1><input id=i><button>go</button><p>A paragraph of text.</p>",
    );
    scene.visit("/page").await;
    let mut raw = Raw::attach(&scene).await;
    let (tab, here) = (&scene.tab, top(&scene.tab));
    let expression = json!({ "expression": "1", "returnByValue": true });
    let direct = |driver: &std::sync::Arc<Connection>| {
        let (driver, params) = (std::sync::Arc::clone(driver), expression.clone());
        let session = Some(here.session.clone());
        async move {
            let within = Duration::from_secs(10);
            driver
                .call(Call {
                    session,
                    method: "Runtime.evaluate",
                    params,
                    within,
                    though_held: false,
                })
                .await
                .unwrap()
        }
    };
    let (mut raws, mut calls, mut worlds) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..500 {
        raws.push(timed(raw.call("Runtime.evaluate", expression.clone())).await);
        calls.push(timed(direct(&scene.driver)).await);
        worlds.push(timed(tab.evaluate(&here, "1")).await);
    }
    told("evaluate, raw", raws);
    told("evaluate, connection", calls);
    told("evaluate, isolated world", worlds);
    let (mut raws, mut ours) = (Vec::new(), Vec::new());
    let picture = json!({ "format": "jpeg", "quality": 60, "optimizeForSpeed": true });
    for _ in 0..30 {
        raws.push(timed(raw.call("Page.captureScreenshot", picture.clone())).await);
        ours.push(timed(tab.screenshot()).await);
    }
    told("screenshot, raw", raws);
    told("screenshot, tab", ours);
    let (mut clicks, mut types, mut keys, mut settles) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..30 {
        let find_and_click = async {
            let button = element(tab, "button").await;
            tab.click(&button, Click::default()).await.unwrap();
        };
        clicks.push(timed(find_and_click).await);
        let field = element(tab, "#i").await;
        let how = |by_key| Typing {
            clear: true,
            enter: false,
            by_key,
        };
        types.push(timed(tab.type_text(&field, "twenty letters long.", how(false))).await);
        keys.push(timed(tab.type_text(&field, "twenty letters long!", how(true))).await);
        if round < 5 {
            let start = tab.start().unwrap();
            settles.push(timed(tab.settle(start)).await);
        }
    }
    told("find and click", clicks);
    told("type 20 letters", types);
    told("type 20 letters key by key", keys);
    told("settle on a still page", settles);
    let mut opens = Vec::new();
    for _ in 0..20 {
        let open_and_close = async {
            scene
                .browser
                .open_tab()
                .await
                .unwrap()
                .close()
                .await
                .unwrap();
        };
        opens.push(timed(open_and_close).await);
    }
    told("open and close a tab", opens);
}
