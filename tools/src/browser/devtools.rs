//! Where a browser's DevTools are, and what it says of itself there.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What comes before the address in what a browser prints.
pub(super) const MARK: &str = "DevTools listening on ws://127.0.0.1:";
/// An answer that is longer is not taken.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// A browser that prints its address answers at once.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Where a browser listens on its loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub port: u16,
    /// The path of the connection for the whole browser.
    pub path: String,
}

impl Address {
    /// Reads it off what a browser printed, once the line is whole.
    pub fn read(said: &str) -> Option<Self> {
        let (_, rest) = said.split_once(MARK)?;
        let (line, _) = rest.split_once('\n')?;
        let (port, path) = line.trim_end().split_once('/')?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-".contains(&byte);
        path.bytes().all(is_plain).then_some(())?;
        Some(Self {
            port: port.parse().ok()?,
            path: format!("/{path}"),
        })
    }
}

/// Asks a browser what it calls itself.
pub(super) async fn version(stream: TcpStream, port: u16) -> io::Result<String> {
    let asked = tokio::time::timeout(ANSWER_WITHIN, answer(stream, port));
    let body = asked.await.map_err(|_| io::ErrorKind::TimedOut)??;
    let said: Value = serde_json::from_slice(&body).map_err(io::Error::other)?;
    let name = said.get("Browser").and_then(Value::as_str);
    Ok(name.ok_or(io::ErrorKind::InvalidData)?.to_owned())
}

async fn answer(mut stream: TcpStream, port: u16) -> io::Result<Vec<u8>> {
    let ask = format!("GET /json/version HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let mut got = Vec::new();
    loop {
        if let Some(body) = body(&got) {
            return Ok(body.to_vec());
        }
        if got.len() > ANSWER_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(&mut got).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The body of an answer, once all of it is there.
fn body(answer: &[u8]) -> Option<&[u8]> {
    const END: &[u8] = b"\r\n\r\n";
    let end = answer.windows(END.len()).position(|some| some == END)?;
    let head = String::from_utf8_lossy(answer.get(..end)?).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length?.trim().parse().ok()?;
    answer.get(end + END.len()..)?.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_once_its_line_is_whole() {
        let line = "[1:1:ERROR] no bus\n\nDevTools listening on ws://127.0.0.1:40123/devtools/browser/0a-9";
        assert_eq!(Address::read(line), None);
        let address = Address {
            port: 40_123,
            path: "/devtools/browser/0a-9".to_owned(),
        };
        assert_eq!(Address::read(&format!("{line}\r\n")), Some(address));
        assert_eq!(Address::read(&format!("{line} HTTP/1.1\n")), None);
    }

    #[test]
    fn a_body_is_taken_when_all_of_it_came() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length:3\r\n\r\nabcd";
        assert_eq!(body(answer), Some(&b"abc"[..]));
        assert_eq!(body(&answer[..answer.len() - 2]), None);
    }
}
