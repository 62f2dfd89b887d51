//! A small HTTP/1.1 client over a plain socket, so that tests see exactly what is on the wire.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The longest that one answer may take; a test that hangs fails here.
pub const AT_MOST: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The pointers of all faults, of an answer that must be a problem with this status and code.
    pub fn faults(&self, status: u16, code: &str) -> Vec<String> {
        let body = self.problem(status, code);
        let errors = body["errors"].as_array().unwrap().iter();
        errors
            .map(|fault| fault["pointer"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The body of an answer that must be a problem with this status and code.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!(
            (self.status, &body["code"]),
            (status, &Value::from(code)),
            "{body}"
        );
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(body["status"], status);
        assert_eq!(body["type"], format!("urn:errand:problem:{code}"));
        assert!(
            body["title"].is_string() && body["detail"].is_string(),
            "{body}"
        );
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        body
    }
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Ask {
    pub head: String,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            head: format!("{method} {path} HTTP/1.1\r\nhost: errand\r\n"),
            body: Vec::new(),
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.extend([name, ": ", value, "\r\n"]);
        self
    }

    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("content-type", kind)
            .header("content-length", &length)
    }

    /// Sends it on a connection of its own and reads the whole answer.
    pub async fn send(self, to: SocketAddr) -> Answer {
        let mut open = Open::to(to).await;
        open.write(self.header("connection", "close")).await;
        open.answer().await
    }
}

/// An open connection.
pub struct Open {
    pub stream: BufReader<TcpStream>,
}

impl Open {
    pub async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Writes a request. A server that answers and closes early is no failure of the client.
    pub async fn write(&mut self, ask: Ask) {
        let mut bytes = ask.head.into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&ask.body);
        let _ = self.stream.write_all(&bytes).await;
    }

    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = tokio::time::timeout(AT_MOST, self.stream.read_line(&mut line)).await;
        read.unwrap().unwrap();
        line.trim_end().to_owned()
    }

    /// Reads an answer's head.
    pub async fn head(&mut self) -> (u16, Vec<(String, String)>) {
        let first = self.line().await;
        let status = first.split(' ').nth(1).and_then(|text| text.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        (
            status.unwrap_or_else(|| panic!("no status in {first:?}")),
            headers,
        )
    }

    /// Reads a whole answer.
    pub async fn answer(&mut self) -> Answer {
        let (status, headers) = self.head().await;
        let field = |wanted: &str| {
            let found = headers.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone())
        };
        let mut body = Vec::new();
        if field("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await {
                body.extend_from_slice(&chunk);
            }
        } else if let Some(length) = field("content-length") {
            body.resize(length.parse().unwrap(), 0);
            let read = self.stream.read_exact(&mut body);
            tokio::time::timeout(AT_MOST, read).await.unwrap().unwrap();
        }
        Answer {
            status,
            headers,
            body,
        }
    }

    /// One chunk of a chunked body; `None` at its end, and when the connection is cut.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line().await, 16).unwrap_or(0);
        let mut chunk = vec![0; size + 2];
        let read = self.stream.read_exact(&mut chunk);
        tokio::time::timeout(AT_MOST, read).await.unwrap().ok()?;
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    /// Everything until the server closes.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = self.stream.read_to_end(&mut bytes);
        // A reset counts as closed too.
        let _ = tokio::time::timeout(AT_MOST, read).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
