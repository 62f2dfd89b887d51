//! `http_request`: one HTTP request to the world outside. Off unless the operator turns it on.
//!
//! The first tool whose effect nothing here can undo. What repeating a call would do follows from its method: a `GET` or
//! `HEAD` reads, a `PUT` or `DELETE` has the same effect again, a `POST` or `PATCH` may have it twice, unless the operator
//! says that the host honours `Idempotency-Key`. That key and `X-Fence` go with every request, and are the same after a
//! crash. Where a request may go is decided by the guard alone.

use std::fmt::Write;
use std::time::Duration;

use agent_core::network::NetworkDecision;
use agent_core::policy::{Outward, Source};
use agent_core::ports::tool::{EffectClass, FileUse, Grants, ToolError, ToolOutcome, ToolSpec};
use async_trait::async_trait;
use egress::header::{self, HeaderMap, HeaderName, HeaderValue};
use egress::{Guard, Method, Response, Url, read_capped};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Context, Tool, cut, decision, destination, object, shown_address, spec, text};
use crate::network::{self, Gate};
use crate::options::HttpOptions;

const METHODS: [&str; 6] = ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"];
/// Headers that the connection, the guard or this tool set.
const OURS: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-fence",
];
/// Headers of an answer that a model is shown.
const SHOWN: [&str; 9] = [
    "allow",
    "content-length",
    "content-type",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "www-authenticate",
];
const HEADERS_MAX: usize = 64;
const HEADER_SHOWN_BYTES_MAX: usize = 500;

pub(super) struct HttpRequest {
    options: HttpOptions,
    guard: Guard,
}

impl HttpRequest {
    pub fn new(options: &HttpOptions, guard: Guard) -> Self {
        Self {
            options: options.clone(),
            guard,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    method: String,
    url: String,
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<String>,
}

#[async_trait]
impl Tool for HttpRequest {
    fn spec(&self) -> ToolSpec {
        let parameters = object(
            &json!({
                "method": {"type": "string", "enum": METHODS},
                "url": {"type": "string", "minLength": 1, "description": "An http or https URL."},
                "headers": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "description": "Headers to send, by name."
                },
                "body": {"type": "string", "description": "What to send, as text."}
            }),
            &["method", "url"],
        );
        let description = "Makes one HTTP request and returns status, some headers and the start and end of the body. \
            Redirects are not followed: the answer names the location. Addresses of private networks are refused. An \
            Idempotency-Key is sent by itself. A POST or PATCH may take effect twice if you repeat it, so look at what is \
            there before you do.";
        ToolSpec {
            outside: true,
            files: FileUse::None,
            ..spec("http_request", description, parameters, EffectClass::Once)
        }
    }

    fn effect(&self, arguments: &Value) -> Option<EffectClass> {
        let method = text(arguments, "method").unwrap_or_default();
        let method = method.to_ascii_uppercase();
        Some(match method.as_str() {
            "GET" | "HEAD" => EffectClass::Read,
            "PUT" | "DELETE" => EffectClass::Repeatable,
            "POST" | "PATCH" => {
                let url = text(arguments, "url").and_then(|url| Url::parse(&url).ok());
                let is_honoured =
                    url.is_some_and(|url| is_listed(&self.options.key_honoured_by, &url));
                if is_honoured {
                    EffectClass::Repeatable
                } else {
                    EffectClass::Once
                }
            }
            _ => EffectClass::Once,
        })
    }

    fn source(&self, _arguments: &Value) -> Source {
        Source::Outside
    }

    fn outward(&self, arguments: &Value) -> Option<Outward> {
        Some(left(arguments))
    }

    fn summary(&self, arguments: &Value) -> Option<String> {
        let method = text(arguments, "method").unwrap_or_default();
        let method = method.to_ascii_uppercase();
        let known = METHODS.contains(&method.as_str()).then_some(method);
        let place = text(arguments, "url").and_then(|url| shown_address(&Url::parse(&url).ok()?));
        let parts: Vec<String> = known.into_iter().chain(place).collect();
        Some(parts.join(" "))
    }

    async fn run(&self, context: Context<'_>) -> Result<ToolOutcome, ToolError> {
        let arguments: Arguments = match context.arguments() {
            Ok(arguments) => arguments,
            Err(outcome) => return Ok(outcome),
        };
        let prepared = self.prepare(arguments, &context.call.key, context.call.fence);
        let mut request = match prepared {
            Ok(request) => request,
            Err(complaint) => return Ok(ToolOutcome::say(false, complaint)),
        };
        let (host, port) = destination(request.url());
        let grants = &context.call.grants;
        if let Some(refused) = refused(&context.shared.gate, grants, &host, port) {
            let mut outcome = ToolOutcome::say(false, format!("{refused}. Nothing was sent."));
            outcome.network.add(decision(host, port, Some(refused)));
            return Ok(outcome);
        }
        if let Err(complaint) = add_secrets(grants, &mut request) {
            return Ok(ToolOutcome::say(false, complaint));
        }
        let connection = match context.connection(request.url()) {
            Ok(connection) => connection,
            Err(outcome) => return Ok(outcome),
        };
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        let shown = context.shared.options.shown_bytes_max;
        let bytes_up = sent_bytes(&request);
        let executed = self.guard.execute(request).await;
        let was_refused = match &executed {
            Err(error @ egress::Error::Forbidden { .. }) => Some(error.to_string()),
            Ok(_) | Err(_) => None,
        };
        let mut bytes_down = 0;
        let mut outcome = match executed {
            Ok(response) => {
                let (outcome, body_bytes) = self.answered(response, shown).await;
                bytes_down = body_bytes;
                outcome
            }
            Err(error) if error.nothing_was_sent() => {
                ToolOutcome::say(false, format!("{error}. Nothing was sent."))
            }
            Err(error) if is_read => ToolOutcome::say(false, format!("{error}.")),
            Err(error) => ToolOutcome::say(
                false,
                format!(
                    "{error}. It is not known whether the server got the request and acted on it: look at what is there \
                     before you repeat it."
                ),
            ),
        };
        let bytes_up = if was_refused.is_some() { 0 } else { bytes_up };
        connection.note(bytes_up.saturating_add(bytes_down));
        outcome.network.add(NetworkDecision {
            bytes_up,
            bytes_down,
            ..decision(host, port, was_refused)
        });
        Ok(outcome)
    }
}

/// What leaves with a request: the address alone, or more of what the model wrote.
fn left(arguments: &Value) -> Outward {
    let method = text(arguments, "method").unwrap_or_default();
    let is_read = matches!(method.to_ascii_uppercase().as_str(), "GET" | "HEAD");
    let is_empty = |name: &str| match arguments.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(_) => false,
    };
    let fetched = super::fetched(arguments);
    if is_read && is_empty("headers") && is_empty("body") {
        return fetched;
    }
    match fetched.place() {
        Some((host, port)) => Outward::Send {
            host: host.to_owned(),
            port,
        },
        None => Outward::Nothing,
    }
}

fn sent_bytes(request: &egress::Request) -> u64 {
    let body = request.body().and_then(egress::Body::as_bytes);
    body.map_or(0, |body| body.len().try_into().unwrap_or(u64::MAX))
}

/// Why the task may not reach a host, where its submit said how far it may.
fn refused(gate: &Gate, grants: &Grants, host: &str, port: u16) -> Option<String> {
    let granted = grants.network.as_ref()?;
    match gate.hosts(granted) {
        Err(refused) => Some(refused),
        Ok(Some(hosts)) if !hosts.admits(host, port) => Some(format!(
            "{host}:{port} is not among the hosts that this task may reach: {hosts}"
        )),
        Ok(_) => None,
    }
}

/// Adds the stored secrets of the task that are for this host, in place of headers that the model set.
fn add_secrets(grants: &Grants, request: &mut egress::Request) -> Result<(), String> {
    for (name, value) in network::secrets(grants, request.url())? {
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

impl HttpRequest {
    /// The request, or what the model has to mend.
    fn prepare(
        &self,
        arguments: Arguments,
        key: &str,
        fence: i64,
    ) -> Result<egress::Request, String> {
        let name = arguments.method.to_ascii_uppercase();
        if !METHODS.contains(&name.as_str()) {
            return Err(format!("the methods are {}", METHODS.join(", ")));
        }
        let method = Method::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let url = Url::parse(&arguments.url)
            .map_err(|error| format!("{:?} is not a URL: {error}", arguments.url))?;
        if !self.options.hosts.is_empty() && !is_listed(&self.options.hosts, &url) {
            return Err(format!(
                "this installation allows requests to these hosts only: {}",
                self.options.hosts.join(", ")
            ));
        }
        let body = arguments.body.unwrap_or_default();
        if body.len() > self.options.body_bytes_max {
            return Err(format!(
                "the body has {} bytes; at most {} are sent",
                body.len(),
                self.options.body_bytes_max
            ));
        }
        let mut headers = read_headers(&arguments.headers)?;
        if !body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
            let is_json = serde_json::from_str::<Value>(&body).is_ok();
            let kind = if is_json {
                "application/json"
            } else {
                "text/plain; charset=utf-8"
            };
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        let own = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
        headers.insert(HeaderName::from_static("idempotency-key"), own(key)?);
        headers.insert(HeaderName::from_static("x-fence"), own(&fence.to_string())?);
        let mut request = egress::request(method, url, headers, body);
        *request.timeout_mut() = Some(Duration::from_millis(self.options.timeout_ms));
        Ok(request)
    }

    /// What the model is told of an answer, and how many bytes of its body were read.
    async fn answered(&self, response: Response, shown_bytes_max: usize) -> (ToolOutcome, u64) {
        let mut body_bytes = 0;
        let status = response.status();
        let mut text = format!("{:?} {status}\n", response.version());
        for name in SHOWN {
            for value in response.headers().get_all(name) {
                let value = String::from_utf8_lossy(value.as_bytes());
                let value = cut::middle(&value, HEADER_SHOWN_BYTES_MAX);
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{name}: {value}");
            }
        }
        text.push('\n');
        let is_ok = status.is_success() || status.is_redirection();
        match read_capped(response, self.options.answer_bytes_max).await {
            Ok((body, is_cut)) => {
                body_bytes = body.len().try_into().unwrap_or(u64::MAX);
                text.push_str(&body_text(body));
                if is_cut {
                    let most = self.options.answer_bytes_max;
                    let _ = write!(
                        text,
                        "\n[... the body is longer than {most} bytes; the rest was not read]"
                    );
                }
            }
            Err(error) => {
                let _ = write!(text, "[the body broke off: {error}]");
            }
        }
        let shown = cut::middle(&text, shown_bytes_max);
        let outcome = ToolOutcome::say(is_ok, shown);
        (outcome, body_bytes)
    }
}

fn body_text(body: Vec<u8>) -> String {
    match String::from_utf8(body) {
        Ok(text) => text,
        // A body that was cut may end inside a letter.
        Err(error) if error.utf8_error().error_len().is_none() => {
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }
        Err(error) => format!("[{} bytes that are not text]", error.as_bytes().len()),
    }
}

fn read_headers(named: &Map<String, Value>) -> Result<HeaderMap, String> {
    if named.len() > HEADERS_MAX {
        return Err(format!("at most {HEADERS_MAX} headers are sent"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in named {
        let known = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{name:?} is not a name of a header"))?;
        if OURS.contains(&known.as_str()) || known.as_str().starts_with("proxy-") {
            return Err(format!("the header {known} cannot be set; leave it out"));
        }
        let value = value
            .as_str()
            .and_then(|value| HeaderValue::from_str(value).ok())
            .ok_or_else(|| format!("the value of the header {known} cannot be sent"))?;
        headers.insert(known, value);
    }
    Ok(headers)
}

/// Whether a list of `host` and `host:port` names where the URL leads.
fn is_listed(list: &[String], url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let port = url.port_or_known_default().unwrap_or_default();
    let with_port = format!("{host}:{port}");
    list.iter()
        .any(|entry| entry.eq_ignore_ascii_case(host) || entry.eq_ignore_ascii_case(&with_port))
}

#[cfg(test)]
#[path = "http_request/tests.rs"]
mod tests;
