//! Recording: answers pass through as they come, and a copy is kept.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use agent_core::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::Instant;

use super::tape::{Answer, Asked, Canonical, Exchange, SCHEMA, Tape};
use crate::exchange::{ExchangeError, HttpExchange};

/// What stands in the file instead of a secret.
const STRUCK_OUT: &str = "***";
/// What stands in the file instead of the host.
const SOME_HOST: &str = "host.invalid";

/// A cassette that sends and records.
pub(super) struct Recorder {
    exchange: Arc<dyn HttpExchange>,
    secrets: Vec<Secret>,
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    tape: Mutex<Recording>,
}

#[derive(Default)]
struct Recording {
    /// In the order of asking, so that the file does not depend on which answer was faster.
    exchanges: BTreeMap<u64, Exchange>,
    asked: HashMap<String, usize>,
    next: u64,
}

impl Recorder {
    /// A recorder that replaces the file at `path`.
    pub(super) fn new(
        path: PathBuf,
        exchange: Arc<dyn HttpExchange>,
        secrets: Vec<Secret>,
    ) -> Self {
        Self {
            exchange,
            secrets,
            shared: Arc::new(Shared {
                path,
                tape: Mutex::default(),
            }),
        }
    }

    /// Sends, and records what comes back.
    pub(super) async fn send(
        &self,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, ExchangeError> {
        let mut struck: Vec<(String, &'static str)> = self
            .secrets
            .iter()
            .map(|secret| (secret.expose().to_owned(), STRUCK_OUT))
            .filter(|(secret, _)| !secret.is_empty())
            .collect();
        let host = request.url().host_str().unwrap_or_default().to_owned();
        struck.push((host, SOME_HOST));
        let (number, asked) = self.shared.number(&Canonical::of(&request), &struck);
        let response = self.exchange.send(request).await?;
        let status = response.status();
        let headers = response.headers().clone();
        let copy = Copy {
            shared: Arc::clone(&self.shared),
            number,
            exchange: Some(Exchange {
                request: asked,
                response: Answer {
                    status: status.as_u16(),
                    headers: kept(&headers, &struck),
                    body_chunks_base64: Vec::new(),
                    gaps_ms: Vec::new(),
                    end: "stall".to_owned(),
                },
            }),
            struck,
            last: Instant::now(),
            body: Box::pin(response.bytes_stream()),
        };
        let body = stream::unfold(copy, |mut copy| async move {
            let read = copy.next().await?;
            Some((read, copy))
        });
        let mut rebuilt = http::Response::new(reqwest::Body::wrap_stream(body));
        *rebuilt.status_mut() = status;
        *rebuilt.headers_mut() = headers;
        Ok(rebuilt.into())
    }
}

impl Shared {
    fn number(&self, asked: &Canonical, struck: &[(String, &'static str)]) -> (u64, Asked) {
        let mut recording = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let number = recording.next;
        recording.next += 1;
        let count = recording.asked.entry(asked.key.clone()).or_default();
        *count += 1;
        let ordinal = *count - 1;
        let body = strike(asked.body.to_string().into_bytes(), struck);
        let asked = Asked {
            method: asked.method.clone(),
            path: asked.path.clone(),
            key: asked.key.clone(),
            ordinal,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        (number, asked)
    }

    fn keep(&self, number: u64, exchange: Exchange) {
        let mut recording = self.tape.lock().unwrap_or_else(PoisonError::into_inner);
        recording.exchanges.insert(number, exchange);
        let tape = Tape {
            schema: SCHEMA.to_owned(),
            exchanges: recording.exchanges.values().cloned().collect(),
        };
        // Written under the lock, so that an older tape cannot replace a newer one.
        if let Err(error) = write(&self.path, &tape) {
            tracing::error!("could not write cassette {}: {error}", self.path.display());
        }
    }
}

fn write(path: &Path, tape: &Tape) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(tape)?;
    let unfinished = path.with_extension("unfinished");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(&unfinished, path)
}

/// The headers that decisions use.
fn kept(
    headers: &reqwest::header::HeaderMap,
    struck: &[(String, &'static str)],
) -> BTreeMap<String, String> {
    headers
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            matches!(name, "content-type" | "date")
                || name.starts_with("retry-after")
                || name.starts_with("x-ratelimit-")
        })
        .map(|(name, value)| {
            let value = strike(value.as_bytes().to_vec(), struck);
            (
                name.to_string(),
                String::from_utf8_lossy(&value).into_owned(),
            )
        })
        .collect()
}

fn strike(bytes: Vec<u8>, struck: &[(String, &'static str)]) -> Vec<u8> {
    match String::from_utf8(bytes) {
        Ok(mut text) => {
            for (secret, instead) in struck {
                text = text.replace(secret, instead);
            }
            text.into_bytes()
        }
        // A read may end within a character; a secret is ASCII and is found all the same.
        Err(error) => {
            let mut bytes = error.into_bytes();
            for (secret, instead) in struck {
                bytes = replaced(&bytes, secret.as_bytes(), instead.as_bytes());
            }
            bytes
        }
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        if !from.is_empty() && rest.starts_with(from) {
            out.extend_from_slice(to);
            rest = &rest[from.len()..];
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// A body on its way to the caller. Dropping it keeps what has passed, marked as still open.
struct Copy {
    shared: Arc<Shared>,
    number: u64,
    exchange: Option<Exchange>,
    struck: Vec<(String, &'static str)>,
    last: Instant,
    body: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
}

impl Copy {
    async fn next(&mut self) -> Option<reqwest::Result<Bytes>> {
        let read = self.body.next().await;
        let now = Instant::now();
        let gap_ms = u64::try_from((now - self.last).as_millis()).unwrap_or(u64::MAX);
        self.last = now;
        if let Some(exchange) = &mut self.exchange {
            match &read {
                Some(Ok(bytes)) => {
                    let bytes = strike(bytes.to_vec(), &self.struck);
                    let answer = &mut exchange.response;
                    answer.body_chunks_base64.push(STANDARD.encode(bytes));
                    answer.gaps_ms.push(gap_ms);
                }
                Some(Err(_)) => self.finish("cut"),
                None => self.finish("eof"),
            }
        }
        read
    }

    fn finish(&mut self, end: &str) {
        if let Some(mut exchange) = self.exchange.take() {
            end.clone_into(&mut exchange.response.end);
            self.shared.keep(self.number, exchange);
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.finish("stall");
    }
}
