//! Our connection to a browser: one WebSocket, every target a session on it.
//!
//! A reader and a writer run for as long as the connection is kept, and end with it. The reader waits for nobody: an answer that
//! nobody waits for any more is dropped, and events wait in a queue that is bounded for each session.

mod calls;
mod queue;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use self::calls::OpenCalls;
use self::queue::Queue;
use crate::driver::{Call, CallError, Driver, Event, SessionId};
use crate::wire::{self, Incoming};

/// The largest message that is taken. A picture of a page or the text of a large one stays far below.
const MESSAGE_BYTES_MAX: usize = 128 << 20;

/// How many calls may wait to be written.
const UNSENT_MAX: usize = 256;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("the browser's socket does not speak as it should")]
pub struct ConnectError(#[source] Box<tokio_tungstenite::tungstenite::Error>);

/// A connection that is open until it is dropped or the browser closes it.
#[derive(Debug)]
pub struct Connection {
    shared: Arc<Shared>,
    unsent: mpsc::Sender<String>,
    next_id: AtomicU64,
    closed: watch::Receiver<bool>,
    _reader_and_writer: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Shared {
    calls: OpenCalls,
    queue: Queue,
}

impl Connection {
    /// Speaks WebSocket over a stream that leads to the browser. `path` is the path of the address that the browser printed, for
    /// example `/devtools/browser/…`.
    pub async fn open<S>(stream: S, path: &str) -> Result<Self, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error| ConnectError(Box::new(error));
        // Chromium wants a name that is this machine or an address; the stream leads where it leads.
        let request = format!("ws://127.0.0.1{path}");
        let request = request.into_client_request().map_err(failed)?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let (socket, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config))
                .await
                .map_err(failed)?;
        let (sink, source) = socket.split();
        let (unsent, to_send) = mpsc::channel(UNSENT_MAX);
        let (tell_closed, closed) = watch::channel(false);
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(write(to_send, sink));
        tasks.spawn(read(Arc::clone(&shared), source, tell_closed));
        Ok(Self {
            shared,
            unsent,
            next_id: AtomicU64::new(1),
            closed,
            _reader_and_writer: tasks,
        })
    }
}

async fn write<S>(
    mut unsent: mpsc::Receiver<String>,
    mut sink: SplitSink<WebSocketStream<S>, Message>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(text) = unsent.recv().await {
        // A socket that takes nothing more gives nothing more either: the reader tells of it.
        if sink.send(Message::text(text)).await.is_err() {
            return;
        }
    }
}

async fn read<S>(
    shared: Arc<Shared>,
    mut source: SplitStream<WebSocketStream<S>>,
    tell_closed: watch::Sender<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = source.next().await {
        match message {
            Ok(Message::Text(text)) => shared.take(wire::decode(&text)),
            Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Ok(Message::Close(_)) => break,
            Err(error) => {
                tracing::debug!(%error, "the socket to a browser has broken");
                break;
            }
        }
    }
    shared.calls.close();
    shared.queue.close();
    tell_closed.send_replace(true);
}

impl Shared {
    fn take(&self, incoming: Incoming) {
        match incoming {
            Incoming::Answer { id, outcome } => self.calls.answer(id, outcome),
            Incoming::Event {
                session,
                method,
                params,
            } => {
                self.queue.put(Event::Told {
                    session,
                    method,
                    params,
                });
            }
            Incoming::Nonsense { detail } => {
                tracing::warn!(detail, "a message of the browser means nothing");
            }
        }
    }
}

#[async_trait]
impl Driver for Connection {
    async fn call(&self, call: Call) -> Result<Value, CallError> {
        let (method, within) = (call.method, call.within);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let text = wire::encode(id, &call);
        let open = self.shared.calls.open(id, call)?;
        let answered = async {
            self.unsent
                .send(text)
                .await
                .map_err(|_| CallError::Closed)?;
            open.answer().await
        };
        let answered = tokio::time::timeout(within, answered).await;
        answered.unwrap_or(Err(CallError::Late { method, within }))
    }

    async fn event(&self) -> Option<Event> {
        self.shared.queue.next().await
    }

    fn hold(&self, session: &SessionId, why: CallError) {
        self.shared.calls.hold(session, &why);
    }

    fn release(&self, session: &SessionId) {
        self.shared.calls.release(session);
    }

    fn forget(&self, session: &SessionId) {
        self.shared.calls.forget(session);
        self.shared.queue.forget(session);
    }

    async fn closed(&self) {
        let mut closed = self.closed.clone();
        // An error means that the reader is gone, which is an end too.
        let _ = closed.wait_for(|closed| *closed).await;
    }
}

#[cfg(test)]
mod tests;
