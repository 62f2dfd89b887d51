//! The answer to a connection above the limit: 429, written by hand, since no slot is left to serve it.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::lingering::linger;
use crate::problem::{Code, Problem};

const WRITE: Duration = Duration::from_secs(2);

/// Writes the refusal and closes.
pub async fn refuse(mut stream: TcpStream) {
    let detail = "too many connections are open; try again shortly";
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, detail);
    let body = serde_json::to_string(&problem.body("none")).unwrap_or_default();
    let text = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let written = tokio::time::timeout(WRITE, stream.write_all(text.as_bytes())).await;
    if matches!(written, Ok(Ok(()))) {
        linger(stream, true).await;
    }
}
