//! Closing a connection whose client is still sending.
//!
//! A socket that is closed while bytes of the client lie unread resets the connection, and the client may lose the
//! answer that was just written: "413" would arrive as "connection reset". So our side is closed first, and what
//! still comes is thrown away for a while.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a client may go on sending after the answer.
const LINGER: Duration = Duration::from_secs(5);
/// A pause of this length ends it earlier.
const PAUSE: Duration = Duration::from_secs(2);

/// Closes our side; if `unread`, throws away what the client still sends until it stops.
pub async fn linger(mut stream: TcpStream, unread: bool) {
    if stream.shutdown().await.is_err() || !unread {
        return;
    }
    let mut waste = vec![0_u8; 16 * 1024];
    let throw_away = async {
        while let Ok(Ok(1..)) = tokio::time::timeout(PAUSE, stream.read(&mut waste)).await {}
    };
    // Either way the socket is dropped next; there is nobody to tell.
    let _ended = tokio::time::timeout(LINGER, throw_away).await;
}
