//! The outermost layer: request ids, one log line for each request, headers on every answer, bodies of problems.

use std::any::Any;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;
use tracing::Instrument;

use crate::app::App;
use crate::problem::{Code, Problem};

/// The header that carries the id of a request, both ways.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ID_CHARS_MAX: usize = 64;

fn given_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(&REQUEST_ID)?.to_str().ok()?;
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    (plain && !text.is_empty() && text.len() <= ID_CHARS_MAX).then(|| text.to_owned())
}

/// Wraps every request.
pub async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = given_id(request.headers())
        .unwrap_or_else(|| format!("req_{}", app.parts.entropy.uuid_v7().simple()));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("http.request", request.id = %id, http.method = %method);
    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    finish(&mut response, &id);
    let status = response.status().as_u16();
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| {
        tracing::info!(http.path = %path, http.status = status, elapsed_ms, "{method} answered {status}");
    });
    response
}

/// The problem of an answer. Refusals that the framework wrote itself become problems too.
fn problem_of(response: &mut Response) -> Option<Problem> {
    let problem = response.extensions_mut().remove::<Problem>();
    let status = response.status();
    if problem.is_some() || !(status.is_client_error() || status.is_server_error()) {
        return problem;
    }
    Some(if status.is_client_error() {
        let detail = "the request's path or headers cannot be read";
        Problem::new(status, Code::ValidationFailed, detail)
    } else {
        Problem::internal()
    })
}

fn finish(response: &mut Response, id: &str) {
    if let Some(problem) = problem_of(response) {
        // A body of strings and numbers always serialises.
        let text = serde_json::to_string(&problem.body(id)).unwrap_or_default();
        *response.body_mut() = Body::from(text);
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

/// The answer for a handler that panicked. The panic's text is for the log only.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that the catch-panic layer calls"
)]
pub fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    tracing::error!(panic = text, "a handler panicked");
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_request_ids_are_taken_over() {
        for (given, kept) in [
            ("abc-1.2_3", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
        ] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(given) {
                headers.insert(REQUEST_ID, value);
            }
            assert_eq!(given_id(&headers).is_some(), kept, "{given}");
        }
    }
}
