//! CONNECT: bytes in both directions, once the client's TLS greeting has named the host that the tunnel is for.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::{answer, last_words};
use super::client::Client;
use super::client_hello::{self, Greeting, HELLO_BYTES_MAX, Unreadable};
use super::meter::Meter;
use super::stop::{Stop, name};
use crate::guard::Guard;
use crate::permit::Named;
use crate::target::Target;

const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// A TLS alert: fatal, access denied. Clients show it by that name.
const ALERT_ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// How much is copied at once, in bytes, in each direction.
const COPY_BYTES: usize = 16 * 1024;

/// Serves a tunnel to its end.
pub(crate) async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(
    guard: &Guard,
    target: &Target,
    client: &mut Client<'_, S>,
) -> Result<(), Stop> {
    // Before the client is told anything, so that it learns of a refusal as an answer to its request.
    let dialled = guard.dial(target).await;
    let mut upstream = dialled.map_err(|error| Stop::of_dialling(target, error))?;
    client.is_answered = true;
    let established = client.stream.write_all(ESTABLISHED).await;
    established.map_err(|_| Stop::Client)?;
    let meter = client.meter;
    meter.touch();
    let greeting = expect_greeting(client, target).await?;
    meter.up(greeting.len())?;
    let sent = upstream.write_all(&greeting).await;
    sent.map_err(|_| Stop::Upstream(name(target)))?;
    drop(greeting);
    copy(client.stream, upstream, target, meter).await
}

/// Copies in both directions until both have ended.
async fn copy<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut S,
    mut upstream: TcpStream,
    target: &Target,
    meter: &Meter<'_>,
) -> Result<(), Stop> {
    let upstream_broke = |_| Stop::Upstream(name(target));
    let client_broke = |_| Stop::Client;
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_upstream, mut to_upstream) = upstream.split();
    let up = async {
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let read = from_client.read(&mut buffer).await;
            let length = read.map_err(client_broke)?;
            if length == 0 {
                // The other direction may still have much to say.
                return to_upstream.shutdown().await.map_err(upstream_broke);
            }
            meter.up(length)?;
            let written = to_upstream.write_all(&buffer[..length]).await;
            written.map_err(upstream_broke)?;
            meter.touch();
        }
    };
    let down = async {
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let read = from_upstream.read(&mut buffer).await;
            let length = read.map_err(upstream_broke)?;
            if length == 0 {
                return to_client.shutdown().await.map_err(client_broke);
            }
            meter.down(length)?;
            let written = to_client.write_all(&buffer[..length]).await;
            written.map_err(client_broke)?;
            meter.touch();
        }
    };
    tokio::try_join!(up, down).map(|_| ())
}

/// Waits for the client's greeting, and says why where it may not pass.
async fn expect_greeting<S: AsyncRead + AsyncWrite + Unpin>(
    client: &mut Client<'_, S>,
    target: &Target,
) -> Result<Vec<u8>, Stop> {
    let head_ms = client.meter.head_ms();
    let early = std::mem::take(&mut client.early);
    let greeting = greeting(client.stream, early, target, client.meter);
    let greeting = timeout(Duration::from_millis(head_ms), greeting).await;
    match greeting {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(stop)) => {
            refuse(client.stream, &stop).await;
            Err(stop)
        }
        Err(_) => Err(Stop::HeadTime(head_ms)),
    }
}

/// The bytes of the client's greeting, if they are for the tunnel's host. Nothing has been sent on.
async fn greeting<S: AsyncRead + Unpin>(
    client: &mut S,
    mut bytes: Vec<u8>,
    target: &Target,
    meter: &Meter<'_>,
) -> Result<Vec<u8>, Stop> {
    loop {
        match client_hello::read(&bytes) {
            Ok(Greeting::Complete(found)) => {
                return check_name(target, found.as_deref()).map(|()| bytes);
            }
            Ok(Greeting::Incomplete) if bytes.len() >= HELLO_BYTES_MAX => {
                return Err(Stop::Greeting("it is too long"));
            }
            Ok(Greeting::Incomplete) => {}
            Err(Unreadable::NotTls) => return Err(Stop::NotTls),
            Err(Unreadable::Malformed(reason)) => return Err(Stop::Greeting(reason)),
        }
        let mut buffer = [0; 4096];
        let read = client.read(&mut buffer).await;
        match read.map_err(|_| Stop::Client)? {
            0 => return Err(Stop::Client),
            length => bytes.extend_from_slice(&buffer[..length]),
        }
        meter.touch();
    }
}

/// Whether a greeting may go to where the tunnel leads. An address has no name that could be compared, and a name in the
/// greeting would choose among the sites behind it.
fn check_name(target: &Target, found: Option<&str>) -> Result<(), Stop> {
    match (&target.host, found) {
        (Named::Name(wanted), Some(found)) if wanted == found => Ok(()),
        (Named::Address(_), None) => Ok(()),
        (Named::Name(_), None) => Err(Stop::NoName(name(target))),
        (Named::Name(_) | Named::Address(_), Some(_)) => Err(Stop::OtherName(name(target))),
    }
}

/// Says no in the language that the client speaks inside the tunnel.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(client: &mut S, stop: &Stop) {
    if matches!(stop, Stop::NotTls) {
        answer(client, stop).await;
    } else if !matches!(stop, Stop::Client) {
        last_words(client, &ALERT_ACCESS_DENIED).await;
    }
}
