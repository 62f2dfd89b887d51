//! The client side: talks to a server over its HTTP API.

mod line;
mod receipt;
mod screen;
mod stream;

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use egress::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use egress::{Guard, Method, Response, Url};
use serde_json::Value;

use crate::args::Target;
use crate::config::Paths;

pub use line::{event_line, printable, printable_line};
pub use receipt::receipt_lines;
pub use screen::{Screen, task_lines};
pub use stream::Follow;

const DEFAULT_URL: &str = "http://127.0.0.1:7370";
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Longer than the longest `?wait=` of a server with default settings.
const ANSWER_LIMIT: Duration = Duration::from_secs(90);

/// A server and the right to use it.
pub struct Client {
    guard: Guard,
    base: Url,
    key: String,
}

impl Client {
    /// A client for the server and key that flags, environment or the data folder name.
    pub fn new(
        target: &Target,
        environment: &[(String, String)],
        paths: Option<&Paths>,
    ) -> Result<Self> {
        let value = |name: &str| {
            environment
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        let url = target
            .url
            .clone()
            .or_else(|| value("ERRAND_URL"))
            .unwrap_or_else(|| DEFAULT_URL.to_owned());
        let base = Url::parse(&url).with_context(|| format!("{url:?} is not a URL"))?;
        let key = target
            .key
            .clone()
            .or_else(|| value("ERRAND_API_KEY"))
            .or_else(|| first_key(paths));
        let key = key.context("no API key is known: use --key or ERRAND_API_KEY, or make one with `errand key create NAME`")?;
        let guard = Guard::new(egress::Options::default())?
            .with_operator_targets(std::slice::from_ref(&base))?;
        Ok(Self {
            guard,
            base,
            key: key.trim().to_owned(),
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<(String, Option<String>)>,
    ) -> Result<Response> {
        let url = self
            .base
            .join(path.trim_start_matches('/'))
            .with_context(|| format!("{path:?} is not a path"))?;
        let mut headers = HeaderMap::new();
        let bearer = HeaderValue::from_str(&format!("Bearer {}", self.key))
            .context("the API key holds a character that no key has")?;
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_str(accept)?);
        let (text, idempotency) = match body {
            Some((text, idempotency)) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (text, idempotency)
            }
            None => (String::new(), None),
        };
        if let Some(key) = idempotency {
            headers.insert(
                HeaderName::from_static("idempotency-key"),
                HeaderValue::from_str(&key)?,
            );
        }
        let answered = self
            .guard
            .execute(egress::request(method, url, headers, text))
            .await;
        let response = answered.map_err(|error| anyhow!(error)).with_context(|| {
            format!(
                "no answer from {}; does `errand serve` run there?",
                self.base
            )
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(problem(response).await)
    }

    /// An answer as JSON.
    pub async fn get(&self, path: &str) -> Result<Value> {
        json(
            self.timely(self.send(Method::GET, path, "application/json", None))
                .await?,
        )
        .await
    }

    /// An answer as bytes.
    pub async fn get_bytes(&self, path: &str) -> Result<Vec<u8>> {
        let response = self
            .timely(self.send(Method::GET, path, "*/*", None))
            .await?;
        let (bytes, is_cut) = egress::read_capped(response, ANSWER_BYTES_MAX).await?;
        if is_cut {
            bail!("the answer is longer than {ANSWER_BYTES_MAX} bytes");
        }
        Ok(bytes)
    }

    /// Posts JSON; an idempotency key makes it safe to repeat.
    pub async fn post(
        &self,
        path: &str,
        body: &Value,
        idempotency: Option<String>,
    ) -> Result<Value> {
        let body = Some((body.to_string(), idempotency));
        json(
            self.timely(self.send(Method::POST, path, "application/json", body))
                .await?,
        )
        .await
    }

    /// Puts JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        let body = Some((body.to_string(), None));
        let sent = self.send(Method::PUT, path, "application/json", body);
        json(self.timely(sent).await?).await
    }

    /// Deletes what is there.
    pub async fn delete(&self, path: &str) -> Result<()> {
        let sent = self.send(Method::DELETE, path, "application/json", None);
        self.timely(sent).await.map(|_| ())
    }

    /// Opens the stream of a task's log after a number.
    pub async fn follow(&self, task: &str, after: i64) -> Result<Follow> {
        let path = format!("/v1/tasks/{task}/events?after={after}");
        Ok(Follow::new(
            self.send(Method::GET, &path, "text/event-stream", None)
                .await?,
        ))
    }

    async fn timely(&self, sent: impl Future<Output = Result<Response>>) -> Result<Response> {
        let answered = tokio::time::timeout(ANSWER_LIMIT, sent).await;
        answered.with_context(|| {
            format!(
                "no answer from {} within {} s",
                self.base,
                ANSWER_LIMIT.as_secs()
            )
        })?
    }
}

fn first_key(paths: Option<&Paths>) -> Option<String> {
    std::fs::read_to_string(paths?.first_key()).ok()
}

async fn json(response: Response) -> Result<Value> {
    let (bytes, _) = egress::read_capped(response, ANSWER_BYTES_MAX).await?;
    serde_json::from_slice(&bytes).context("the server answered something that is not JSON")
}

/// What the server said was wrong, as one error.
async fn problem(response: Response) -> anyhow::Error {
    let status = response.status();
    let read = egress::read_capped(response, 1024 * 1024)
        .await
        .map(|(bytes, _)| bytes)
        .unwrap_or_default();
    let body: Value = serde_json::from_slice(&read).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut message = text("detail")
        .or_else(|| text("title"))
        .unwrap_or_else(|| format!("the server answered {status}"));
    for error in body
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        message.extend(["\n  ", part("pointer"), " ", part("message")]);
    }
    anyhow!(
        "{message}{}",
        text("code")
            .map(|code| format!(" ({code})"))
            .unwrap_or_default()
    )
}
