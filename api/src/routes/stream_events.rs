//! The log as Server-Sent Events: id is the event's number, so a client that comes back misses and repeats nothing.
//!
//! The stream is a loop that reads the log after a cursor. It reads the next page only when the last one was taken,
//! so what it holds is bounded; a client that takes nothing is dropped by the connection and resumes. A stream ends
//! after the task's final event with the event `end`; any other end means: come back with the last id.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use agent_core::event::EventKind;
use agent_core::id::TaskId;
use agent_core::task::Task;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::time::Instant;

use super::list_events::page;
use crate::app::App;
use crate::caller::{Caller, Watcher};
use crate::problem::Problem;
use crate::view::EventView;

/// Events read at once.
const PAGE_ROWS: u32 = 64;
/// What a client is told to wait before it comes back.
const RETRY: &str = "retry: 1000\n\n";

struct Follow {
    app: Arc<App>,
    watcher: Watcher,
    task: TaskId,
    after: i64,
    /// The task's final event was seen, so an empty page is the end.
    finished: bool,
    /// The number that a finished log had when it was asked for.
    last: i64,
    /// The final state's name, for the last event.
    state: Option<String>,
    frames: VecDeque<Bytes>,
    /// Nothing more comes after the frames.
    closed: bool,
    wrote_at: Instant,
}

/// The stream of a task's log after a number.
pub fn stream(app: Arc<App>, caller: Caller, task: &Task, after: i64) -> Result<Response, Problem> {
    let watcher = caller.watch(&app)?;
    let finished = task.state.is_final();
    let follow = Follow {
        app,
        watcher,
        task: task.id.clone(),
        after,
        finished,
        last: if finished { task.seq } else { 0 },
        state: finished.then(|| task.state.label().to_owned()),
        frames: VecDeque::from([Bytes::from_static(RETRY.as_bytes())]),
        closed: false,
        wrote_at: Instant::now(),
    };
    let frames = stream::unfold(follow, |mut follow| async move {
        let frame = follow.next().await?;
        Some((Ok::<_, Infallible>(frame), follow))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    // Proxies that buffer answers would hold the stream back.
    let unbuffered = [("x-accel-buffering", "no")];
    Ok((headers, unbuffered, Body::from_stream(frames)).into_response())
}

impl Follow {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                self.wrote_at = Instant::now();
                return Some(frame);
            }
            if self.closed || self.app.ending.closing.is_cancelled() {
                return None;
            }
            // A problem in mid-stream cannot be told in a status; the client comes back and is told then.
            if self.read().await.is_err() {
                return None;
            }
        }
    }

    async fn read(&mut self) -> Result<(), Problem> {
        self.watcher.check(&self.app).await?;
        let tenant = &self.watcher.tenant;
        let events = page(&self.app, tenant, &self.task, self.after, PAGE_ROWS).await?;
        if events.is_empty() {
            return self.idle().await;
        }
        for event in events {
            self.after = event.seq;
            if event.kind == EventKind::TaskFinished.label() {
                self.finished = true;
                self.state = event.data["state"].as_str().map(str::to_owned);
            }
            self.frames.push_back(frame(&event));
        }
        Ok(())
    }

    /// Nothing to send: end, ping, or wait for a hint.
    async fn idle(&mut self) -> Result<(), Problem> {
        if self.finished {
            // A finished task may be removed while its log is read; what was not sent must not look sent.
            if self.after < self.last {
                return Err(Problem::not_found("task"));
            }
            let state = self.state.clone().unwrap_or_default();
            let end = format!("event: end\ndata: {{\"state\":\"{state}\"}}\n\n");
            self.frames.push_back(Bytes::from(end));
            self.closed = true;
            return Ok(());
        }
        let ping = Duration::from_millis(self.app.options.sse_ping_ms);
        let left = ping.saturating_sub(self.wrote_at.elapsed());
        if left.is_zero() {
            self.frames.push_back(Bytes::from_static(b": ping\n\n"));
            return Ok(());
        }
        self.app.task_hint(&self.task, left).await;
        Ok(())
    }
}

/// One event in the wire format. JSON text has no line breaks, so one `data` line holds it.
fn frame(event: &EventView) -> Bytes {
    let data = serde_json::to_string(event).unwrap_or_default();
    let kind: String = event.kind.chars().filter(|c| !c.is_control()).collect();
    Bytes::from(format!(
        "id: {}\nevent: {kind}\ndata: {data}\n\n",
        event.seq
    ))
}
