//! An exchange that answers the first request with exchange 0, the second with exchange 1, and so on, and notes
//! every request that is not as the record says.

use std::sync::Mutex;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use models::{ExchangeError, HttpExchange};
use serde_json::Value;

use crate::record::{Exchange, Request, Response};

pub struct Replay {
    exchanges: Vec<Exchange>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    bodies: Vec<Value>,
    problems: Vec<String>,
}

impl Replay {
    pub fn new(exchanges: Vec<Exchange>) -> Self {
        Self {
            exchanges,
            seen: Mutex::default(),
        }
    }

    pub fn requests(&self) -> usize {
        self.seen.lock().unwrap().bodies.len()
    }

    pub fn body(&self, number: usize) -> Option<Value> {
        self.seen.lock().unwrap().bodies.get(number).cloned()
    }

    pub fn problems(&self) -> Vec<String> {
        self.seen.lock().unwrap().problems.clone()
    }
}

#[async_trait]
impl HttpExchange for Replay {
    async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, ExchangeError> {
        let bytes = request.body().and_then(reqwest::Body::as_bytes);
        let body: Value = serde_json::from_slice(bytes.unwrap_or_default()).unwrap();
        let mut seen = self.seen.lock().unwrap();
        let number = seen.bodies.len();
        seen.bodies.push(body.clone());
        let Some(exchange) = self.exchanges.get(number) else {
            let problem = format!("request {number} is past the last exchange");
            seen.problems.push(problem.clone());
            return Err(ExchangeError::Refused(problem));
        };
        let wanted = &exchange.request;
        let mut note = |what: String| seen.problems.push(format!("request {number}: {what}"));
        if request.method().as_str() != wanted.method || request.url().path() != wanted.path {
            note(format!(
                "went to {} {}",
                request.method(),
                request.url().path()
            ));
        }
        let streams = body.get("stream") == Some(&Value::Bool(true));
        if streams != wanted.stream {
            note(format!("stream is {streams}, expected {}", wanted.stream));
        }
        facts(wanted, &body).into_iter().for_each(note);
        Ok(response(&exchange.response))
    }
}

fn facts(wanted: &Request, body: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (pointer, fact) in &wanted.facts {
        let got = body.pointer(pointer);
        if !holds(fact, got) {
            problems.push(format!("{pointer} is {got:?}, expected {fact}"));
        }
    }
    for pointer in &wanted.absent {
        if let Some(got) = body.pointer(pointer) {
            problems.push(format!("{pointer} is {got}, expected nothing"));
        }
    }
    problems
}

/// How a value relates to a bound.
type Compare = fn(f64, f64) -> bool;

/// A fact is a value, or a description in words of one that must be there.
fn holds(fact: &Value, got: Option<&Value>) -> bool {
    let Some(got) = got else {
        return false;
    };
    if fact == got || (fact.is_number() && fact.as_f64() == got.as_f64()) {
        return true;
    }
    let Some(words) = fact.as_str() else {
        return false;
    };
    let words = words.to_lowercase();
    let got_text = got.as_str().map_or_else(|| got.to_string(), str::to_owned);
    let got_text = got_text.to_lowercase();
    for start in ["contains the word ", "contains the text ", "contains "] {
        if let Some(part) = words.strip_prefix(start) {
            let part = part.trim_matches(|character: char| "'\"`.".contains(character));
            return got_text.contains(part);
        }
    }
    let bounds: [(&str, Compare); 6] = [
        ("greater than ", |got, bound| got > bound),
        ("more than ", |got, bound| got > bound),
        ("less than ", |got, bound| got < bound),
        ("below ", |got, bound| got < bound),
        ("at least ", |got, bound| got >= bound),
        ("at most ", |got, bound| got <= bound),
    ];
    for (phrase, compare) in bounds {
        if let Some((_, rest)) = words.split_once(phrase) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            return match (digits.parse(), got.as_f64()) {
                (Ok(bound), Some(got)) => compare(got, bound),
                _ => false,
            };
        }
    }
    // Other descriptions say that something is there, not what.
    words.starts_with('<')
        || ["any", "a ", "an ", "the ", "some "]
            .iter()
            .any(|start| words.starts_with(start))
}

fn response(wanted: &Response) -> reqwest::Response {
    let reads: Vec<Bytes> = match (&wanted.body, &wanted.body_text, &wanted.body_chunks_base64) {
        (Some(body), ..) => vec![body.to_string().into()],
        (_, Some(text), _) => vec![text.clone().into()],
        (_, _, Some(chunks)) => chunks
            .iter()
            .map(|chunk| STANDARD.decode(chunk).unwrap().into())
            .collect(),
        (None, None, None) => Vec::new(),
    };
    let reads = stream::iter(reads).map(Ok::<_, std::io::Error>);
    let body = match wanted.end.as_str() {
        "stall" => reqwest::Body::wrap_stream(reads.chain(stream::pending())),
        "reset" => {
            let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            reqwest::Body::wrap_stream(reads.chain(stream::iter([Err(reset)])))
        }
        _ => reqwest::Body::wrap_stream(reads),
    };
    let mut builder = http::Response::builder().status(wanted.status);
    for (name, value) in &wanted.headers {
        builder = builder.header(name, value);
    }
    builder.body(body).unwrap().into()
}
