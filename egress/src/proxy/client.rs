//! The client's side of one connection: its stream, the head that it sends, and whether it has been answered.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::head::{self, HEAD_BYTES_MAX, Head};
use super::meter::Meter;
use super::stop::Stop;

/// A client and what it may still be told.
pub(crate) struct Client<'a, S> {
    pub(crate) stream: &'a mut S,
    pub(crate) meter: &'a Meter<'a>,
    /// Bytes that came with the head and belong to what follows it.
    pub(crate) early: Vec<u8>,
    /// Whether an answer has begun, after which no other can be given.
    pub(crate) is_answered: bool,
}

impl<'a, S: AsyncRead + Unpin> Client<'a, S> {
    pub(crate) fn new(stream: &'a mut S, meter: &'a Meter<'a>) -> Self {
        Self {
            stream,
            meter,
            early: Vec::new(),
            is_answered: false,
        }
    }

    /// Reads the head of a request, and gives its length in bytes too. The time for it is for all of it, so a client that
    /// sends a byte now and then gains nothing.
    pub(crate) async fn head(&mut self) -> Result<(Head, usize), Stop> {
        let head_ms = self.meter.head_ms();
        let bytes = timeout(Duration::from_millis(head_ms), self.head_bytes()).await;
        let bytes = bytes.map_err(|_| Stop::HeadTime(head_ms))??;
        let head = Head::parse(&bytes).map_err(Stop::Malformed)?;
        Ok((head, bytes.len()))
    }

    async fn head_bytes(&mut self) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = self.stream.read(&mut buffer).await;
            let length = read.map_err(|_| Stop::Client)?;
            if length == 0 {
                let is_nothing = bytes.is_empty();
                return Err(if is_nothing {
                    Stop::Nothing
                } else {
                    Stop::Client
                });
            }
            self.meter.touch();
            let seen = bytes.len();
            bytes.extend_from_slice(&buffer[..length]);
            // TLS, SOCKS and the like, which would otherwise be called malformed HTTP.
            if !bytes[0].is_ascii_alphabetic() && bytes[0] != b'\r' {
                return Err(Stop::NotForAProxy);
            }
            let end = head::end_of(&bytes, seen).map_err(Stop::Malformed)?;
            if end.unwrap_or(bytes.len()) > HEAD_BYTES_MAX {
                return Err(Stop::HeadTooLong);
            }
            if let Some(end) = end {
                self.early = bytes.split_off(end);
                return Ok(bytes);
            }
        }
    }
}
