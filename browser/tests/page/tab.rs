//! A tab as the pages' code sees it, over the plainest connection that does: one call after the other.

use std::sync::Mutex;

use async_trait::async_trait;
use browser::page::INSTALL;
use browser::{
    Argument, CallError, Document, Frame, FrameId, Frames, Node, NodeHandle, Object, SessionId,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::chromium::{Chromium, serve};

/// One tab of a browser of its own, 1280 to 800.
pub struct Tab {
    socket: tokio::sync::Mutex<Socket>,
    frames: Mutex<Vec<Frame>>,
    session: SessionId,
    port: u16,
    _chromium: Chromium,
}

struct Socket {
    stream: WebSocketStream<TcpStream>,
    last: u64,
    events: Vec<Value>,
}

impl Socket {
    async fn call(
        &mut self,
        session: Option<&SessionId>,
        method: &'static str,
        params: Value,
    ) -> Result<Value, CallError> {
        self.last += 1;
        let mut call = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = session {
            call["sessionId"] = session.as_str().into();
        }
        self.stream
            .send(Message::text(call.to_string()))
            .await
            .unwrap();
        loop {
            let mut answer = self.next().await;
            if answer["id"] == self.last {
                return match answer.get("error") {
                    Some(error) => Err(CallError::Refused {
                        method,
                        message: error["message"].to_string(),
                    }),
                    None => Ok(answer["result"].take()),
                };
            }
            self.events.push(answer);
        }
    }

    async fn next(&mut self) -> Value {
        let message = self.stream.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    /// Waits for an event of the session that came since `from`.
    async fn event(&mut self, session: &SessionId, method: &str, from: usize) {
        let is_it =
            |event: &Value| event["method"] == method && event["sessionId"] == session.as_str();
        while !self.events[from..].iter().any(is_it) {
            let event = self.next().await;
            self.events.push(event);
        }
    }
}

impl Tab {
    /// Opens one of the pages beside these tests, and waits until it is loaded.
    pub async fn open(page: &str) -> Self {
        let chromium = Chromium::start();
        let stream = TcpStream::connect(&chromium.authority).await.unwrap();
        let (stream, _) = tokio_tungstenite::client_async(&chromium.url, stream)
            .await
            .unwrap();
        let mut socket = Socket {
            stream,
            last: 0,
            events: Vec::new(),
        };
        let made = socket
            .call(None, "Target.createTarget", json!({ "url": "about:blank" }))
            .await
            .unwrap();
        let attach = json!({ "targetId": made["targetId"], "flatten": true });
        let attached = socket
            .call(None, "Target.attachToTarget", attach)
            .await
            .unwrap();
        let session = SessionId::from(attached["sessionId"].as_str().unwrap());
        let window =
            json!({ "width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        let attach =
            json!({ "autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true });
        for (method, params) in [
            ("Page.enable", json!({})),
            ("Emulation.setDeviceMetricsOverride", window),
            ("Target.setAutoAttach", attach),
            (
                "Page.addScriptToEvaluateOnNewDocument",
                json!({ "source": INSTALL, "worldName": "errand" }),
            ),
        ] {
            socket.call(Some(&session), method, params).await.unwrap();
        }
        let tab = Self {
            socket: tokio::sync::Mutex::new(socket),
            frames: Mutex::default(),
            session,
            port: serve(),
            _chromium: chromium,
        };
        tab.navigate(page).await;
        tab
    }

    /// Shows another page.
    pub async fn navigate(&self, page: &str) {
        let mut socket = self.socket.lock().await;
        let from = socket.events.len();
        let url = format!("http://127.0.0.1:{}/{page}", self.port);
        socket
            .call(Some(&self.session), "Page.navigate", json!({ "url": url }))
            .await
            .unwrap();
        socket
            .event(&self.session, "Page.loadEventFired", from)
            .await;
        drop(socket);
        self.refresh().await;
    }

    /// The value of an expression in the page's own world.
    pub async fn run(&self, script: &str) -> Value {
        let params = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let mut socket = self.socket.lock().await;
        let mut answer = socket
            .call(Some(&self.session), "Runtime.evaluate", params)
            .await
            .unwrap();
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].take()
    }

    /// A call about the page.
    pub async fn call(&self, method: &'static str, params: Value) -> Value {
        self.socket
            .lock()
            .await
            .call(Some(&self.session), method, params)
            .await
            .unwrap()
    }

    /// Reads the tree of frames anew, those of other processes too.
    pub async fn refresh(&self) {
        let mut socket = self.socket.lock().await;
        let mut sessions = vec![self.session.clone()];
        for event in &socket.events {
            if event["method"] == "Target.attachedToTarget"
                && event["params"]["targetInfo"]["type"] == "iframe"
            {
                sessions.push(SessionId::from(
                    event["params"]["sessionId"].as_str().unwrap(),
                ));
            }
        }
        let mut frames: Vec<Frame> = Vec::new();
        for session in sessions {
            let Ok(mut tree) = socket
                .call(Some(&session), "Page.getFrameTree", json!({}))
                .await
            else {
                continue;
            };
            let mut due = vec![tree["frameTree"].take()];
            while let Some(mut branch) = due.pop() {
                let frame = &branch["frame"];
                frames.push(Frame {
                    id: FrameId::from(frame["id"].as_str().unwrap()),
                    document: Document::from(frame["loaderId"].as_str().unwrap()),
                    parent: frames.first().map(|top| top.id.clone()),
                    session: session.clone(),
                    url: frame["url"].as_str().unwrap().to_owned(),
                });
                if let Some(Value::Array(children)) = branch.get_mut("childFrames").map(Value::take)
                {
                    due.extend(children);
                }
            }
        }
        *self.frames.lock().unwrap() = frames;
    }

    async fn value(&self, frame: &Frame, script: &str, copied: bool) -> Result<Value, CallError> {
        let mut socket = self.socket.lock().await;
        let world = json!({ "frameId": frame.id.as_str(), "worldName": "errand" });
        let world = socket
            .call(Some(&frame.session), "Page.createIsolatedWorld", world)
            .await?;
        let params = json!({ "expression": script, "contextId": world["executionContextId"], "returnByValue": copied });
        let answer = socket
            .call(Some(&frame.session), "Runtime.evaluate", params)
            .await?;
        told(answer)
    }

    async fn applied(
        &self,
        this: &Object,
        function: &str,
        copied: bool,
    ) -> Result<Value, CallError> {
        let params = json!({ "functionDeclaration": function, "objectId": this.id, "returnByValue": copied });
        let answer = self
            .socket
            .lock()
            .await
            .call(Some(&this.session), "Runtime.callFunctionOn", params)
            .await?;
        told(answer)
    }
}

fn told(mut answer: Value) -> Result<Value, CallError> {
    match answer.get("exceptionDetails") {
        Some(details) => Err(CallError::Script(
            details["exception"]["description"].to_string(),
        )),
        None => Ok(answer["result"].take()),
    }
}

fn object(frame: &FrameId, session: &SessionId, told: &Value) -> Result<Object, CallError> {
    let id = told["objectId"].as_str();
    let id = id.ok_or_else(|| CallError::Script("the value is not an object".to_owned()))?;
    Ok(Object {
        frame: frame.clone(),
        session: session.clone(),
        id: id.to_owned(),
    })
}

fn named(node: &NodeHandle) -> Value {
    match &node.node {
        Node::Backend(number) => json!({ "backendNodeId": number }),
        Node::Object(id) => json!({ "objectId": id }),
    }
}

#[async_trait]
impl Frames for Tab {
    fn frames(&self) -> Vec<Frame> {
        self.frames.lock().unwrap().clone()
    }

    async fn evaluate(&self, frame: &Frame, script: &str) -> Result<Value, CallError> {
        Ok(self.value(frame, script, true).await?["value"].take())
    }

    async fn evaluate_object(&self, frame: &Frame, script: &str) -> Result<Object, CallError> {
        object(
            &frame.id,
            &frame.session,
            &self.value(frame, script, false).await?,
        )
    }

    async fn call_function(
        &self,
        this: &Object,
        function: &str,
        _: Vec<Argument>,
    ) -> Result<Value, CallError> {
        Ok(self.applied(this, function, true).await?["value"].take())
    }

    async fn call_function_object(
        &self,
        this: &Object,
        function: &str,
        _: Vec<Argument>,
    ) -> Result<Object, CallError> {
        object(
            &this.frame,
            &this.session,
            &self.applied(this, function, false).await?,
        )
    }

    async fn resolve(&self, node: &NodeHandle) -> Result<Object, CallError> {
        let mut socket = self.socket.lock().await;
        let world = json!({ "frameId": node.frame.as_str(), "worldName": "errand" });
        let world = socket
            .call(Some(&node.session), "Page.createIsolatedWorld", world)
            .await?;
        let mut params = named(node);
        params["executionContextId"] = world["executionContextId"].clone();
        let answer = socket
            .call(Some(&node.session), "DOM.resolveNode", params)
            .await?;
        object(&node.frame, &node.session, &answer["object"])
    }

    async fn describe(
        &self,
        node: &NodeHandle,
        depth: i32,
        pierce: bool,
    ) -> Result<Value, CallError> {
        let mut params = named(node);
        params["depth"] = depth.into();
        params["pierce"] = pierce.into();
        let mut answer = self
            .socket
            .lock()
            .await
            .call(Some(&node.session), "DOM.describeNode", params)
            .await?;
        Ok(answer["node"].take())
    }

    async fn release(&self, object: &Object) {
        let params = json!({ "objectId": object.id });
        let _ = self
            .socket
            .lock()
            .await
            .call(Some(&object.session), "Runtime.releaseObject", params)
            .await;
    }
}
