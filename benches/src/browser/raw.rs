//! The floor of calls: a client that writes a call to the browser's socket and reads until its answer.

use anyhow::{Context, Result};
use browser::Tab;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tools::browser::Running;

/// See the module's description.
pub struct Raw {
    socket: WebSocketStream<TcpStream>,
    session: Value,
    id: u64,
}

impl Raw {
    /// One to the same page as the tab.
    pub async fn attach(running: &Running, tab: &Tab) -> Result<Self> {
        let url = format!("ws://{}{}", running.host(), running.path());
        let (socket, _) = tokio_tungstenite::client_async(url, running.stream().await?).await?;
        let mut raw = Self {
            socket,
            session: Value::Null,
            id: 0,
        };
        let target = json!({ "targetId": tab.id().as_str(), "flatten": true });
        raw.session = raw.call("Target.attachToTarget", target).await?["sessionId"].take();
        Ok(raw)
    }

    /// One call.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.id += 1;
        let mut call = json!({ "id": self.id, "method": method, "params": params });
        if self.session.is_string() {
            call["sessionId"] = self.session.clone();
        }
        self.socket.send(Message::text(call.to_string())).await?;
        loop {
            let message = self
                .socket
                .next()
                .await
                .context("the browser has ended")??;
            let mut message: Value = serde_json::from_str(message.to_text()?)?;
            if message["id"] == self.id {
                return Ok(message["result"].take());
            }
        }
    }
}
