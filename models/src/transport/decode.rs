//! Choosing the decoder by what came back, and rewriting it into the form that the library expects.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::body::Chunks;
use super::error::TransportError;
use super::sse::{SseEvent, SseParser};
use super::{Capture, Transport, json};

/// The member under which a stream is handed on as one JSON value.
pub(crate) const CHUNKS: &str = "errand_chunks";

/// Reads an answer with a good status and gives the library what it expects.
pub(super) async fn answer(
    transport: Transport,
    response: reqwest::Response,
) -> Result<reqwest::Response, TransportError> {
    let says_events = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("event-stream"));
    let mut chunks = Chunks::new(response, transport.timers, transport.limits.body_bytes_max);
    let (head, ended) = head(&mut chunks).await?;
    match sniff(&head, says_events) {
        Kind::Events => {
            transport.capture.events.store(true, Ordering::Release);
            let events = Events::new(chunks, head, &transport);
            if transport.streaming {
                events_response(events)
            } else {
                let values = events.collect().await;
                json_response(&json!({ CHUNKS: values }))
            }
        }
        Kind::Json => {
            let rest = if ended {
                (head, None)
            } else {
                chunks.rest(head).await
            };
            let value = whole(rest, &transport.capture)?;
            if transport.streaming {
                let data = format!("data: {value}\n\ndata: [DONE]\n\n");
                synthetic("text/event-stream", data.into())
            } else {
                json_response(&value)
            }
        }
        Kind::Html => Err(TransportError::NotProtocol(
            "answered HTML, not JSON: is base_url right?".to_owned(),
        )),
        Kind::Nothing if says_events => Err(TransportError::Truncated(
            "the stream ended before it began".to_owned(),
        )),
        Kind::Nothing => Err(TransportError::Empty),
        Kind::Rubbish => Err(TransportError::NotProtocol(
            "answered neither JSON nor an event stream: is base_url right?".to_owned(),
        )),
    }
}

/// Reads until the first byte that says something. Leading byte order marks and blanks, which some servers send
/// while they work, are dropped. Says whether that was all.
async fn head(chunks: &mut Chunks) -> Result<(Vec<u8>, bool), TransportError> {
    let mut head = Vec::new();
    loop {
        match chunks.next().await? {
            Some(bytes) => head.extend_from_slice(&bytes),
            None => return Ok((skip_blank(&head).to_vec(), true)),
        }
        let rest = skip_blank(&head);
        // Six bytes tell a field of an event from other text; a mark may be split over reads.
        if rest.len() >= 6 || matches!(rest.first(), Some(b'{' | b'[' | b'<' | b':')) {
            return Ok((rest.to_vec(), false));
        }
    }
}

fn skip_blank(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    loop {
        if let Some(after) = rest.strip_prefix(b"\xef\xbb\xbf") {
            rest = after;
            continue;
        }
        match rest {
            [b' ' | b'\t' | b'\r' | b'\n', after @ ..] => rest = after,
            _ => return rest,
        }
    }
}

enum Kind {
    Events,
    Json,
    Html,
    Nothing,
    Rubbish,
}

fn sniff(head: &[u8], says_events: bool) -> Kind {
    let field = |name: &[u8]| head.starts_with(name);
    match head.first() {
        None => Kind::Nothing,
        Some(b'{' | b'[') => Kind::Json,
        Some(b'<') => Kind::Html,
        Some(b':') => Kind::Events,
        Some(_) if field(b"data") || field(b"event") || field(b"id:") || field(b"retry") => {
            Kind::Events
        }
        Some(_) if says_events => Kind::Events,
        Some(_) => Kind::Rubbish,
    }
}

/// One JSON value, or one value a line, from a body that may have broken off after its end.
fn whole(
    (body, broke): (Vec<u8>, Option<TransportError>),
    capture: &Capture,
) -> Result<Value, TransportError> {
    let error = match json::read(&body) {
        Ok(read) => return Ok(keep(read, capture)),
        Err(error) => error,
    };
    if let Some(broke) = broke {
        return Err(broke);
    }
    let lines: Option<Vec<Value>> = body
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .map(|line| json::read(line).ok().map(|read| keep(read, capture)))
        .collect();
    match lines {
        Some(values) if values.len() > 1 => {
            capture.events.store(true, Ordering::Release);
            Ok(json!({ CHUNKS: values }))
        }
        _ if error.is_eof() => Err(TransportError::Truncated(
            "the answer ended in the middle".to_owned(),
        )),
        _ => Err(TransportError::NotProtocol(format!(
            "answered JSON that cannot be read (line {}, column {})",
            error.line(),
            error.column()
        ))),
    }
}

fn keep(read: json::Read, capture: &Capture) -> Value {
    if read.split_surrogates {
        capture.split_surrogates.store(true, Ordering::Release);
    }
    read.value
}

/// The events of a stream as clean JSON values.
struct Events {
    chunks: Chunks,
    parser: Option<SseParser>,
    head: Option<Vec<u8>>,
    queue: VecDeque<SseEvent>,
    bytes_max: usize,
    capture: Arc<Capture>,
}

impl Events {
    fn new(chunks: Chunks, head: Vec<u8>, transport: &Transport) -> Self {
        let bytes_max = transport.limits.event_bytes_max;
        Self {
            chunks,
            parser: Some(SseParser::new(bytes_max)),
            head: Some(head),
            queue: VecDeque::new(),
            bytes_max,
            capture: Arc::clone(&transport.capture),
        }
    }

    /// The next value; `None` at the end, whatever ended it. The reason is left with the capture.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                match self.read(&event) {
                    Ok(Some(value)) => return Some(value),
                    Ok(None) if self.capture.is_done() => return None,
                    Ok(None) => continue,
                    // What was cut off by the end of the stream is no event.
                    Err(_) if self.parser.is_none() && self.queue.is_empty() => return None,
                    Err(error) => {
                        self.capture.fail(error);
                        return None;
                    }
                }
            }
            let bytes = match self.head.take() {
                Some(head) => Ok(Some(Bytes::from(head))),
                None if self.parser.is_none() => return None,
                None => self.chunks.next().await,
            };
            match bytes {
                Ok(Some(bytes)) => {
                    let Ok(events) = self.parser.as_mut()?.push(&bytes) else {
                        self.capture.fail(TransportError::NotProtocol(format!(
                            "an event of the stream is larger than {} bytes",
                            self.bytes_max
                        )));
                        return None;
                    };
                    self.queue.extend(events);
                }
                Ok(None) => self.queue.extend(self.parser.take()?.finish()),
                Err(error) => {
                    self.capture.fail(error);
                    return None;
                }
            }
        }
    }

    fn read(&self, event: &SseEvent) -> Result<Option<Value>, TransportError> {
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            self.capture.done.store(true, Ordering::Release);
            return Ok(None);
        }
        if data.is_empty() || matches!(event.name.as_str(), "ping" | "keepalive") {
            return Ok(None);
        }
        let is_error = event.name == "error";
        match json::read(data) {
            Ok(read) => {
                let value = keep(read, &self.capture);
                if is_error && value.get("error").is_none() {
                    return Ok(Some(json!({ "error": value })));
                }
                Ok(Some(value))
            }
            Err(_) if is_error => Ok(Some(json!({
                "error": { "message": String::from_utf8_lossy(data) }
            }))),
            Err(_) => Err(TransportError::NotProtocol(
                "an event of the stream is not JSON".to_owned(),
            )),
        }
    }

    async fn collect(mut self) -> Vec<Value> {
        let mut values = Vec::new();
        while let Some(value) = self.next().await {
            values.push(value);
        }
        values
    }
}

fn events_response(events: Events) -> Result<reqwest::Response, TransportError> {
    let data = stream::unfold(events, |mut events| async move {
        let value = events.next().await?;
        let line = Bytes::from(format!("data: {value}\n\n"));
        Some((Ok::<_, std::io::Error>(line), events))
    });
    synthetic("text/event-stream", reqwest::Body::wrap_stream(data))
}

fn json_response(value: &Value) -> Result<reqwest::Response, TransportError> {
    synthetic("application/json", value.to_string().into())
}

fn synthetic(
    content_type: &'static str,
    body: reqwest::Body,
) -> Result<reqwest::Response, TransportError> {
    http::Response::builder()
        .header(CONTENT_TYPE, content_type)
        .body(body)
        .map(reqwest::Response::from)
        .map_err(|error| TransportError::NotProtocol(error.to_string()))
}
