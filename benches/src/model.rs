//! A model endpoint that knows what it will say: a plan of one step, so many turns of one tool, and the end.
//!
//! It runs in this process, parses nothing, and notes when each request came. How many turns and which tool stand in the goal
//! (`task=7 turns=10 tool=note`), which every prompt repeats; how far the step is, in the number of tool messages.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Length of what the model says in a turn, in bytes.
pub const BODY_BYTES: usize = 300;

/// Which answer a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// The plan.
    Plan,
    /// A turn of the step, from 0.
    Step(usize),
    /// The report.
    Report,
}

/// What was asked, and when.
#[derive(Debug, Default)]
struct Seen {
    arrivals: HashMap<(u64, Job), Vec<Instant>>,
    reports: usize,
}

/// A running endpoint.
pub struct Model {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    delay_ms: AtomicU64,
    in_flight: AtomicU64,
    in_flight_most: AtomicU64,
    news: Notify,
}

impl Model {
    /// Starts one on a free port.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            _serving: serving,
        })
    }

    /// Sets the pause before each answer from now on.
    pub fn set_delay(&self, delay: Duration) {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.shared.delay_ms.store(delay_ms, Ordering::Relaxed);
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        *self.shared.lock() = Seen::default();
        self.shared.in_flight_most.store(0, Ordering::Relaxed);
    }

    /// Waits until this many reports were asked for.
    pub async fn reports(&self, count: usize) {
        self.until(|seen| (seen.reports >= count).then_some(()))
            .await;
    }

    /// Waits for the `nth` request of a kind, from 0, and says when it came.
    pub async fn arrival(&self, task: u64, job: Job, nth: usize) -> Instant {
        self.until(|seen| {
            seen.arrivals
                .get(&(task, job))
                .and_then(|times| times.get(nth))
                .copied()
        })
        .await
    }

    async fn until<T>(&self, look: impl Fn(&Seen) -> Option<T>) -> T {
        loop {
            let news = self.shared.news.notified();
            let mut news = std::pin::pin!(news);
            news.as_mut().enable();
            if let Some(found) = look(&self.shared.lock()) {
                return found;
            }
            news.await;
        }
    }

    /// Milliseconds from the first request of each task's step to its last, by the turns in between.
    pub fn turn_ms(&self, turns: usize) -> Vec<f64> {
        let seen = self.shared.lock();
        let first_of = |task: u64, job: Job| {
            seen.arrivals
                .get(&(task, job))
                .and_then(|times| times.first())
        };
        let tasks = seen.arrivals.keys().filter(|(_, job)| *job == Job::Step(0));
        tasks
            .filter_map(|(task, _)| {
                let took = first_of(*task, Job::Step(turns))?
                    .duration_since(*first_of(*task, Job::Step(0))?);
                Some(took.as_secs_f64() * 1_000.0 / f64::from(u32::try_from(turns).ok()?))
            })
            .collect()
    }

    /// Requests of steps; requests that were asked more than once; most requests that were open at one time.
    pub fn counts(&self) -> (usize, usize, u64) {
        let seen = self.shared.lock();
        let steps = seen
            .arrivals
            .iter()
            .filter(|((_, job), _)| matches!(job, Job::Step(_)));
        let steps = steps.map(|(_, times)| times.len()).sum();
        let repeated = seen.arrivals.values().map(|times| times.len() - 1).sum();
        (
            steps,
            repeated,
            self.shared.in_flight_most.load(Ordering::Relaxed),
        )
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let body = match request.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => Bytes::new(),
        };
        let text = String::from_utf8_lossy(&body);
        let (task, turns) = (number(&text, "task="), number(&text, "turns="));
        let job = job_of(&text);
        // Task 0 is the bare loop of the floor.
        if task > 0 {
            let mut seen = self.lock();
            seen.arrivals
                .entry((task, job))
                .or_default()
                .push(Instant::now());
            seen.reports += usize::from(job == Job::Report);
            drop(seen);
            self.news.notify_waiters();
        }
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.in_flight_most.fetch_max(now, Ordering::Relaxed);
        let delay_ms = self.delay_ms.load(Ordering::Relaxed);
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let said = said(job, turns, text.contains("tool=file_write"));
        respond(&said, text.contains("\"stream\":true"))
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service =
                service_fn(|request| async { Ok::<_, Infallible>(shared.answer(request).await) });
            // A client that was killed leaves in the middle; that is no concern of this endpoint.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

fn job_of(text: &str) -> Job {
    if text.contains("Job: step ") {
        Job::Step(text.matches("\"role\":\"tool\"").count())
    } else if text.contains("Job: report") {
        Job::Report
    } else {
        Job::Plan
    }
}

fn number(text: &str, name: &str) -> u64 {
    let rest = text.split_once(name).map_or("", |(_, rest)| rest);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

fn said(job: Job, turns: u64, writes: bool) -> Value {
    match job {
        Job::Plan => {
            let step = json!({"key": "work", "title": "Work", "instructions": "Do it.", "depends_on": [], "acceptance": []});
            json!({"content": json!({"overview": "one step", "steps": [step]}).to_string()})
        }
        Job::Step(turn) if turn as u64 >= turns => call(turn, "finish", &json!({"result": "done"})),
        Job::Step(turn) if writes => {
            let content = format!("{turn:0BODY_BYTES$}");
            call(
                turn,
                "file_write",
                &json!({"path": "out.txt", "content": content}),
            )
        }
        Job::Step(turn) => call(
            turn,
            "note",
            &json!({"text": format!("{turn:0BODY_BYTES$}")}),
        ),
        Job::Report => json!({"content": json!({"answer": "done", "not_done": []}).to_string()}),
    }
}

fn call(turn: usize, name: &str, arguments: &Value) -> Value {
    let function = json!({"name": name, "arguments": arguments.to_string()});
    json!({"content": null, "tool_calls": [{"index": 0, "id": format!("call_{turn}"), "type": "function", "function": function}]})
}

fn respond(said: &Value, streams: bool) -> Response<Full<Bytes>> {
    let finish = if said["tool_calls"].is_array() {
        "tool_calls"
    } else {
        "stop"
    };
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200});
    let whole = |object: &str, choices: Value, usage: &Value| json!({"id": "bench", "object": object, "created": 1_790_000_000, "model": "bench", "choices": choices, "usage": usage});
    let (kind, body) = if streams {
        let object = "chat.completion.chunk";
        let chunks = [
            whole(
                object,
                json!([{"index": 0, "delta": with_role(said), "finish_reason": null}]),
                &Value::Null,
            ),
            whole(
                object,
                json!([{"index": 0, "delta": {}, "finish_reason": finish}]),
                &Value::Null,
            ),
            whole(object, json!([]), &usage),
        ];
        let chunks = chunks.map(|chunk| chunk.to_string());
        let text = format!(
            "data: {}

data: [DONE]

",
            chunks.join(
                "

data: "
            )
        );
        ("text/event-stream", text)
    } else {
        let choices = json!([{"index": 0, "message": with_role(said), "finish_reason": finish}]);
        (
            "application/json",
            whole("chat.completion", choices, &usage).to_string(),
        )
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let kind = hyper::header::HeaderValue::from_static(kind);
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, kind);
    response
}

fn with_role(said: &Value) -> Value {
    let mut message = said.clone();
    message["role"] = json!("assistant");
    message
}
