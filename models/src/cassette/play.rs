//! Playing back: the same request gets the same reads, in the order in which it was asked.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::tape::{Answer, Canonical, Tape};
use crate::exchange::ExchangeError;

/// A cassette that answers.
pub(super) struct Player {
    answers: HashMap<(String, usize), Answer>,
    asked: Mutex<HashMap<String, usize>>,
}

impl Player {
    /// A player of a tape.
    pub(super) fn new(tape: Tape) -> Self {
        Self {
            answers: tape
                .exchanges
                .into_iter()
                .map(|exchange| {
                    let request = exchange.request;
                    ((request.key, request.ordinal), exchange.response)
                })
                .collect(),
            asked: Mutex::new(HashMap::new()),
        }
    }

    /// The recorded answer.
    pub(super) fn answer(
        &self,
        request: &reqwest::Request,
    ) -> Result<reqwest::Response, ExchangeError> {
        let asked = Canonical::of(request);
        let ordinal = {
            let mut counts = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(asked.key.clone()).or_default();
            *count += 1;
            *count - 1
        };
        let answer = self.answers.get(&(asked.key.clone(), ordinal)).ok_or_else(|| {
            ExchangeError::Refused(format!(
                "the cassette holds no answer number {ordinal} to this {} {} (key {}); record it again",
                asked.method, asked.path, asked.key
            ))
        })?;
        response(answer)
    }
}

fn response(answer: &Answer) -> Result<reqwest::Response, ExchangeError> {
    let damaged = |what: &str| ExchangeError::Refused(format!("the cassette is damaged: {what}"));
    let mut reads = Vec::new();
    for chunk in &answer.body_chunks_base64 {
        let bytes = STANDARD
            .decode(chunk)
            .map_err(|_| damaged("a read is not base64"))?;
        reads.push(Ok::<_, std::io::Error>(Bytes::from(bytes)));
    }
    let reads = stream::iter(reads);
    let body = match answer.end.as_str() {
        "stall" => reqwest::Body::wrap_stream(reads.chain(stream::pending())),
        "cut" => {
            let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            reqwest::Body::wrap_stream(reads.chain(stream::iter([Err(cut)])))
        }
        _ => reqwest::Body::wrap_stream(reads),
    };
    let mut builder = http::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(body)
        .map(reqwest::Response::from)
        .map_err(|_| damaged("status or headers"))
}
