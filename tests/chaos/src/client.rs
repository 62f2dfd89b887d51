//! A small HTTP/1.1 client for the trials: one connection for each request, bounded in time.
//!
//! It holds nothing: a request whose server dies is an error, and the caller decides whether to ask again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long connecting, and each pause within an answer, may take.
const AT_MOST: Duration = Duration::from_secs(10);

/// Where to ask, and with which key.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: SocketAddr,
    pub key: String,
}

/// When a client goes away.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// After so many bytes of its request; all of them where there are fewer.
    pub sent: usize,
    /// So long after that, with whatever has come of the answer by then.
    pub after: Duration,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Client {
    /// Reads something.
    pub fn get(&self, path: &str) -> std::io::Result<Answer> {
        self.ask(&self.request("GET", path, "", &[]))
    }

    /// Submits a body under a key that makes a repeat harmless.
    pub fn post(&self, path: &str, idempotency: &str, body: &Value) -> std::io::Result<Answer> {
        self.ask(&self.submission(path, idempotency, body))
    }

    /// The same as bytes.
    pub fn submission(&self, path: &str, idempotency: &str, body: &Value) -> Vec<u8> {
        let fields =
            format!("idempotency-key: {idempotency}\r\ncontent-type: application/json\r\n");
        self.request("POST", path, &fields, body.to_string().as_bytes())
    }

    /// A request as bytes, with these lines in its head.
    pub fn request(&self, method: &str, path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: errand\r\nauthorization: Bearer {}\r\nconnection: close\r\ncontent-length: {}\r\n{fields}\r\n",
            self.key,
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, AT_MOST)?;
        stream.set_read_timeout(Some(AT_MOST))?;
        stream.set_write_timeout(Some(AT_MOST))?;
        Ok(stream)
    }

    fn ask(&self, request: &[u8]) -> std::io::Result<Answer> {
        let mut stream = self.connect()?;
        stream.write_all(request)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        parse(&bytes).ok_or_else(|| std::io::Error::other("the answer was cut off"))
    }

    /// Begins a request and hangs up in the middle of it or of its answer. Says whether it got that far.
    pub fn hang_up(&self, request: &[u8], moment: Moment) -> std::io::Result<()> {
        let mut stream = self.connect()?;
        stream.write_all(&request[..moment.sent.min(request.len())])?;
        let began = Instant::now();
        let mut chunk = [0; 256];
        while let Some(left) = moment.after.checked_sub(began.elapsed()) {
            if left.is_zero() {
                break;
            }
            stream.set_read_timeout(Some(left))?;
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..split]).ok()?;
    let body = &bytes[split + 4..];
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let field = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let body = if let Some(length) = field("content-length") {
        body.get(..length.parse().ok()?)?.to_vec()
    } else if field("transfer-encoding").is_some() {
        whole(body)?
    } else {
        body.to_vec()
    };
    Some(Answer { status, body })
}

/// The pieces of a chunked body, if the last one is there.
fn whole(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_answers_are_read_and_cut_ones_are_errors() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().body, b"abcde");
        assert!(parse(&chunked[..chunked.len() - 10]).is_none());
        let counted = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(parse(counted).unwrap().status, 404);
        assert!(parse(&counted[..counted.len() - 1]).is_none());
    }

    #[test]
    fn a_client_that_hangs_up_sends_no_more_than_it_should_and_waits_for_no_answer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client {
            address: listener.local_addr().unwrap(),
            key: "key".to_owned(),
        };
        let request = client.request("GET", "/", "", &[]);
        let moment = Moment {
            sent: 20,
            after: Duration::from_millis(1),
        };
        client.hang_up(&request, moment).unwrap();
        let mut seen = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut seen).unwrap();
        assert_eq!(seen, request[..20]);
    }
}
