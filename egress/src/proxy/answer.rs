//! The proxy's own answers: short texts for whoever reads the client's output.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::stop::Stop;

/// How long a client may take to read an answer, and again to close.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of what a client still sends is taken off its connection, in bytes: closing while bytes lie unread can make its
/// system throw the answer away.
const DRAINED_MAX: usize = 1024 * 1024;

/// Tells the client why its request ended, where there are words for it, and lets it read them.
pub(crate) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, stop: &Stop) {
    if let Some(text) = text(stop) {
        last_words(stream, text.as_bytes()).await;
    }
}

/// Writes bytes, and then lets the client read them.
pub(crate) async fn last_words<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, words: &[u8]) {
    let writing = async {
        stream.write_all(words).await?;
        stream.shutdown().await
    };
    if let Ok(Ok(())) = timeout(PATIENCE, writing).await {
        drain(stream).await;
    }
}

/// Waits for a moment until a client has closed, to which everything has been said.
pub(crate) async fn drain<S: AsyncRead + Unpin>(stream: &mut S) {
    let draining = async {
        let mut buffer = [0; 4096];
        let mut drained = 0;
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            drained += length;
            if drained > DRAINED_MAX {
                return;
            }
        }
    };
    let _ = timeout(PATIENCE, draining).await;
}

/// The reason stands in the status line too: many clients show nothing else of a refused CONNECT.
fn text(stop: &Stop) -> Option<String> {
    let (status, phrase) = stop.status()?;
    let reason = stop.to_string();
    let length = reason.len() + "\n".len();
    Some(format!(
        "HTTP/1.1 {status} {phrase}: {reason}\r\n\
         content-type: text/plain\r\n\
         content-length: {length}\r\n\
         connection: close\r\n\r\n\
         {reason}\n"
    ))
}
