//! An exchange that answers by script and keeps the bodies that it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use models::{ExchangeError, HttpExchange};
use serde_json::{Value, json};

/// One answer.
#[derive(Clone)]
pub struct Say {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    again_every: Option<Duration>,
    after: Duration,
}

impl Say {
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
            again_every: None,
            after: Duration::ZERO,
        }
    }

    /// Bytes that may be anything.
    pub fn bytes(body: Vec<u8>) -> Self {
        Self {
            body,
            ..Self::json(200, &Value::Null)
        }
    }

    /// The same bytes for ever.
    pub fn endless(bytes: &str, every: Duration) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: bytes.as_bytes().to_vec(),
            again_every: Some(every),
            after: Duration::ZERO,
        }
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn after(mut self, pause: Duration) -> Self {
        self.after = pause;
        self
    }
}

/// A whole answer of a model.
pub fn completion(text: &str, finish: &str) -> Say {
    Say::json(
        200,
        &json!({
            "model": "m-test",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 21, "completion_tokens": 9},
        }),
    )
}

/// The script.
pub struct Scripted {
    answers: Mutex<VecDeque<Say>>,
    always: Option<Say>,
    bodies: Mutex<Vec<Value>>,
}

impl Scripted {
    pub fn new(answers: impl IntoIterator<Item = Say>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            always: None,
            bodies: Mutex::default(),
        })
    }

    pub fn always(answer: Say) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::default(),
            always: Some(answer),
            bodies: Mutex::default(),
        })
    }

    pub fn clear(&self) {
        self.answers.lock().unwrap().clear();
    }

    pub fn push(&self, answer: Say) {
        self.answers.lock().unwrap().push_back(answer);
    }

    pub fn body(&self, number: usize) -> Value {
        self.bodies.lock().unwrap()[number].clone()
    }
}

#[async_trait]
impl HttpExchange for Scripted {
    async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, ExchangeError> {
        let bytes = request.body().and_then(reqwest::Body::as_bytes);
        let body = serde_json::from_slice(bytes.unwrap_or_default()).unwrap();
        self.bodies.lock().unwrap().push(body);
        let next = self.answers.lock().unwrap().pop_front();
        let say = next.or_else(|| self.always.clone());
        let say = say.ok_or_else(|| ExchangeError::Refused("the script is over".to_owned()))?;
        tokio::time::sleep(say.after).await;
        let bytes = Bytes::from(say.body);
        let body = match say.again_every {
            None => reqwest::Body::from(bytes),
            Some(every) => {
                reqwest::Body::wrap_stream(stream::unfold(bytes, move |bytes| async move {
                    tokio::time::sleep(every).await;
                    Some((Ok::<_, std::io::Error>(bytes.clone()), bytes))
                }))
            }
        };
        let mut builder = http::Response::builder().status(say.status);
        for (name, value) in say.headers {
            builder = builder.header(name, value);
        }
        Ok(builder.body(body).unwrap().into())
    }
}
