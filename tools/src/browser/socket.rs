//! A plain connection to a browser's DevTools, one call after the other: as much of it as it takes to try a browser.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A longer message is not taken.
const MESSAGE_BYTES_MAX: u64 = 4 * 1024 * 1024;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const TEXT: u8 = 0x1;
const CONTINUED: u8 = 0x0;
const CLOSE: u8 = 0x8;
const LAST: u8 = 0x80;
/// What stands for a length of two bytes, and of eight.
const SHORT: u8 = 0x7e;
const LONG: u8 = 0x7f;

/// A WebSocket that DevTools answers on.
pub struct Socket<S> {
    stream: S,
    last: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Opens it on a fresh connection.
    pub async fn open(mut stream: S, host: &str, path: &str) -> io::Result<Self> {
        // Nobody but us and the browser is at this connection, so the key is worth nothing.
        let ask = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(ask.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() > HEAD_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            head.push(stream.read_u8().await?);
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            let head = String::from_utf8_lossy(&head);
            let line = head.lines().next().unwrap_or_default();
            return Err(io::Error::other(format!("DevTools said {line:?}")));
        }
        Ok(Self { stream, last: 0 })
    }

    /// Makes a call and gives its result. Events that come before it are let go.
    pub async fn call(&mut self, method: &str, params: Value) -> io::Result<Value> {
        self.make(json!({"method": method, "params": params})).await
    }

    /// The same to one page, in a session that was attached to it.
    pub async fn call_in(
        &mut self,
        session: &str,
        method: &str,
        params: Value,
    ) -> io::Result<Value> {
        let call = json!({"sessionId": session, "method": method, "params": params});
        self.make(call).await
    }

    async fn make(&mut self, mut call: Value) -> io::Result<Value> {
        self.last += 1;
        call["id"] = json!(self.last);
        self.send(call.to_string().as_bytes()).await?;
        loop {
            let message: Value = serde_json::from_slice(&self.receive().await?)?;
            if message.get("id").and_then(Value::as_u64) != Some(self.last) {
                continue;
            }
            if let Some(error) = message.get("error") {
                return Err(io::Error::other(format!("{}: {error}", call["method"])));
            }
            return Ok(message.get("result").cloned().unwrap_or_default());
        }
    }

    async fn send(&mut self, text: &[u8]) -> io::Result<()> {
        const MASKED: u8 = 0x80;
        let mut frame = vec![LAST | TEXT];
        match u16::try_from(text.len()) {
            Ok(length @ ..126) => frame.push(MASKED | length.to_be_bytes()[1]),
            Ok(length) => {
                frame.push(MASKED | SHORT);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => return Err(io::ErrorKind::InvalidInput.into()),
        }
        // A mask of zeros leaves the text as it is.
        frame.extend([0; 4]);
        frame.extend(text);
        self.stream.write_all(&frame).await
    }

    /// The next text. What the other side asks for beside texts is let go.
    async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let kind = self.stream.read_u8().await?;
            let length = match self.stream.read_u8().await? {
                SHORT => u64::from(self.stream.read_u16().await?),
                LONG => self.stream.read_u64().await?,
                length => u64::from(length),
            };
            let whole = u64::try_from(text.len()).unwrap_or(u64::MAX);
            if whole.saturating_add(length) > MESSAGE_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut part = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            self.stream.read_exact(&mut part).await?;
            match kind & 0xf {
                TEXT | CONTINUED => text.extend(part),
                CLOSE => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => continue,
            }
            if kind & LAST != 0 {
                return Ok(text);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_gets_its_own_answer_whatever_comes_before_it() {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let browser = tokio::spawn(async move {
            let mut asked = [0; 4096];
            let count = theirs.read(&mut asked).await.unwrap();
            assert!(
                asked[..count]
                    .starts_with(b"GET /devtools/browser/1 HTTP/1.1\r\nHost: 127.0.0.1:9\r\n")
            );
            let mut answer = b"HTTP/1.1 101 Switching\r\n\r\n".to_vec();
            // An event, a ping, and the answer in two parts.
            answer.extend(b"\x81\x02{}\x89\x00\x01\x09{\"id\":1,\"\x80\x0bresult\":7} ");
            theirs.write_all(&answer).await.unwrap();
            let count = theirs.read(&mut asked).await.unwrap();
            (asked[..2].to_vec(), asked[6..count].to_vec())
        });
        let mut socket = Socket::open(ours, "127.0.0.1:9", "/devtools/browser/1")
            .await
            .unwrap();
        let answer = socket.call("A.b", json!({})).await.unwrap();
        assert_eq!(answer, json!(7));
        let (head, text) = browser.await.unwrap();
        let wanted = br#"{"method":"A.b","params":{},"id":1}"#;
        assert_eq!((head, text), (vec![0x81, 0xa3], wanted.to_vec()));
    }
}
