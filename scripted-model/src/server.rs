//! The HTTP side: routes, and the loop that accepts connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::address;
use crate::answer::Answer;
use crate::journal::{Entry, Journal};
use crate::request::Request;
use crate::script::Scripts;

/// Largest request that is read.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How a server behaves.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The recorded words.
    pub scripts: Scripts,
    /// Where each request is noted.
    pub journal: Journal,
    /// Pause before each answer, as a thinking model makes one.
    pub delay: Duration,
}

/// The routes.
pub fn router(options: Options) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(models))
        .route("/", get(about))
        .layer(axum::extract::DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(Arc::new(options))
}

async fn about(State(options): State<Arc<Options>>) -> Json<Value> {
    let scripts = options.scripts.all().iter();
    let said: Vec<Value> = scripts
        .map(|script| json!({"script": script.name, "match": script.matches, "said": script.said}))
        .collect();
    Json(json!({"about": "a model whose words were recorded", "scripts": said}))
}

async fn models() -> Json<Value> {
    Json(json!({
        "object": "list",
        "data": [{"id": "recorded", "object": "model", "created": 0, "owned_by": "scripted-model"}],
    }))
}

fn problem(entry: &mut Entry, status: StatusCode, kind: &str, message: &str) -> Response {
    entry.failed(message);
    let body = json!({"error": {"message": message, "type": kind, "code": null, "param": null}});
    (status, Json(body)).into_response()
}

async fn complete(State(options): State<Arc<Options>>, body: Bytes) -> Response {
    let mut entry = options.journal.entry(&body);
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("the body is not a chat completions request: {error}");
            return problem(
                &mut entry,
                StatusCode::BAD_REQUEST,
                "invalid_request_error",
                &message,
            );
        }
    };
    let answer = match find(&options, &request, &mut entry) {
        Ok(answer) => answer,
        Err(message) => {
            return problem(
                &mut entry,
                StatusCode::INTERNAL_SERVER_ERROR,
                "not_recorded",
                &message,
            );
        }
    };
    if !options.delay.is_zero() {
        tokio::time::sleep(options.delay).await;
    }
    if request.stream {
        let include_usage = request
            .stream_options
            .is_some_and(|stream| stream.include_usage);
        return streamed(&answer, include_usage, entry);
    }
    entry.answered();
    Json(answer.completion()).into_response()
}

fn find(options: &Options, request: &Request, entry: &mut Entry) -> Result<Answer, String> {
    let (address, turn) =
        address::find(&options.scripts, request).map_err(|missing| missing.to_string())?;
    entry.asks_for(address.clone());
    Answer::fill(&address, turn, request).map_err(|unfilled| format!("{address}: {unfilled}"))
}

/// The answer as server-sent events. The entry travels with the stream: it counts as answered when the last one was taken.
fn streamed(answer: &Answer, include_usage: bool, entry: Entry) -> Response {
    let mut events: Vec<String> = answer
        .chunks(include_usage)
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect();
    events.push("data: [DONE]\n\n".to_owned());
    let source = stream::unfold(
        (events.into_iter(), entry),
        |(mut events, mut entry)| async move {
            let event = events.next()?;
            if events.len() == 0 {
                entry.answered();
            }
            Some((Ok::<_, Infallible>(Bytes::from(event)), (events, entry)))
        },
    );
    (
        [(header::CONTENT_TYPE, "text/event-stream")],
        Body::from_stream(source),
    )
        .into_response()
}

/// A server that runs until it is told to stop or is dropped.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    accepting: JoinSet<()>,
}

impl Running {
    /// The base URL that a client is configured with.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Stops accepting, ends every connection and waits until that is done.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.accepting.join_next().await.is_some() {}
    }
}

/// Listens and serves. Dropping the answer ends everything.
pub async fn start(listen: SocketAddr, options: Options) -> std::io::Result<Running> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let mut accepting = JoinSet::new();
    accepting.spawn(accept(listener, router(options), stop.clone()));
    Ok(Running {
        address,
        stop,
        accepting,
    })
}

async fn accept(listener: TcpListener, router: Router, stop: CancellationToken) {
    // The set owns the connections: they end with this loop.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let service = TowerToHyperService::new(router.clone());
                connections.spawn(async move {
                    let mut server = http1::Builder::new();
                    server.timer(TokioTimer::new());
                    // A client that leaves in the middle is an everyday event here.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}
