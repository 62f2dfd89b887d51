//! A request for an `http://` URL, sent on through the guard's own client.
//!
//! That client resolves, checks, connects, speaks TLS where a request is upgraded, and frames the message anew from its
//! parts, so nothing of how the client framed it reaches the destination. Only the body streams through here.

use std::fmt::Write;
use std::future::pending;
use std::io;

use futures_util::stream;

use reqwest::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue};
use reqwest::{Body, Method, Request, Response, StatusCode, Url};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf};
use tokio::sync::mpsc;

use super::body::{Framing, Unframe};
use super::client::Client;
use super::head::Head;
use super::hop::end_to_end;
use super::injection::{Injection, inject};
use super::meter::Meter;
use super::stop::{Stop, name};
use crate::guard::Guard;
use crate::target::Target;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How much is copied at once, in bytes, in each direction.
const COPY_BYTES: usize = 16 * 1024;

/// A request that has been admitted.
pub(crate) struct Forward {
    pub(crate) head: Head,
    pub(crate) url: Url,
    pub(crate) target: Target,
}

/// A piece of a body on its way to the client of the guard. Without `End`, a body that breaks off would look whole.
enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// Sends a request on and its answer back.
pub(crate) async fn forward<S: AsyncRead + AsyncWrite + Unpin>(
    guard: &Guard,
    injections: &[Injection],
    forward: Forward,
    client: &mut Client<'_, S>,
) -> Result<(), Stop> {
    let Forward { head, url, target } = forward;
    let meter = client.meter;
    let early = std::mem::take(&mut client.early);
    if head.expects_continue && head.framing != Framing::None {
        // What can be refused now is refused before the client sends its body.
        let checked = guard.check_target(&target);
        checked.map_err(|reason| Stop::Forbidden(name(&target), reason))?;
        let told = client.stream.write_all(CONTINUE).await;
        told.map_err(|_| Stop::Client)?;
    }
    let (reader, mut writer) = tokio::io::split(&mut *client.stream);
    let (body, pieces) = body(head.framing);
    let mut request = Request::new(head.method.clone(), url);
    *request.headers_mut() = headers(&head, injections, &target);
    *request.body_mut() = body;
    let unframe = Unframe::new(head.framing);
    let sending = send_body((reader, early), unframe, pieces, meter);
    tokio::pin!(sending);
    let answer = tokio::select! {
        biased;
        answer = guard.execute(request) => answer,
        stop = &mut sending => return Err(stop),
    };
    let answer = answer.map_err(|error| Stop::of_guard(&target, error))?;
    if answer.status().is_informational() {
        // Nothing was offered that a destination could switch to.
        return Err(Stop::Upstream(name(&target)));
    }
    client.is_answered = true;
    meter.touch();
    // A destination may answer before it has the whole body, and still want the rest.
    let answering = send_answer(answer, &head, &target, &mut writer, meter);
    tokio::select! {
        biased;
        result = answering => result,
        stop = &mut sending => Err(stop),
    }
}

/// The headers that the destination gets. The guard's client adds `host` from the URL.
fn headers(head: &Head, injections: &[Injection], target: &Target) -> HeaderMap {
    let mut headers = end_to_end(&head.headers);
    inject(injections, target, &mut headers);
    if let Framing::Length(length) = head.framing {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    // Nobody's request comes after this one on its connection, whatever the destination makes of its bytes.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers
}

/// A body for the guard's client, and where its pieces are put.
fn body(framing: Framing) -> (Option<Body>, mpsc::Sender<Piece>) {
    let (pieces, receiver) = mpsc::channel(1);
    if framing == Framing::None {
        return (None, pieces);
    }
    let stream = stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(Piece::End) => None,
            None => Some((Err(io::Error::from(io::ErrorKind::UnexpectedEof)), None)),
        }
    });
    (Some(Body::wrap_stream(stream)), pieces)
}

/// Takes the client's body apart and hands it on. Ends only if that fails, so that it can run beside the answer.
async fn send_body<S: AsyncRead + AsyncWrite + Unpin>(
    (mut reader, early): (ReadHalf<&mut S>, Vec<u8>),
    mut unframe: Unframe,
    pieces: mpsc::Sender<Piece>,
    meter: &Meter<'_>,
) -> Stop {
    let mut buffer = early;
    while !unframe.is_done() {
        let bytes = match unframe.take(&buffer) {
            Ok(bytes) => bytes,
            Err(reason) => return Stop::Body(reason),
        };
        if let Err(stop) = meter.up(bytes.len()) {
            return stop;
        }
        if !bytes.is_empty() && pieces.send(Piece::Bytes(bytes)).await.is_err() {
            // The destination wants no more of it; the answer says why.
            return pending().await;
        }
        meter.touch();
        if unframe.is_done() {
            break;
        }
        buffer.resize(COPY_BYTES, 0);
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => return Stop::Client,
            Ok(length) => buffer.truncate(length),
        }
    }
    let _ = pieces.send(Piece::End).await;
    pending().await
}

/// How the body of an answer is delimited for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimited {
    /// There is none, whatever the headers say.
    Absent,
    /// By its length.
    Length(u64),
    /// By chunks.
    Chunks,
    /// By the end of the connection: for HTTP/1.0.
    Close,
}

async fn send_answer<W: AsyncWrite + Unpin>(
    mut answer: Response,
    head: &Head,
    target: &Target,
    writer: &mut W,
    meter: &Meter<'_>,
) -> Result<(), Stop> {
    let client_broke = |_| Stop::Client;
    let delimited = delimited(&answer, head);
    let bytes = answer_head(&answer, delimited);
    writer.write_all(&bytes).await.map_err(client_broke)?;
    if delimited == Delimited::Absent {
        return writer.shutdown().await.map_err(client_broke);
    }
    loop {
        let chunk = answer.chunk().await;
        let Some(chunk) = chunk.map_err(|_| Stop::Upstream(name(target)))? else {
            break;
        };
        for piece in chunk.chunks(COPY_BYTES) {
            meter.down(piece.len())?;
            if delimited == Delimited::Chunks {
                let size = format!("{:x}\r\n", piece.len());
                let framed = [size.as_bytes(), piece, b"\r\n"].concat();
                writer.write_all(&framed).await.map_err(client_broke)?;
            } else {
                writer.write_all(piece).await.map_err(client_broke)?;
            }
            meter.touch();
        }
    }
    if delimited == Delimited::Chunks {
        let end = writer.write_all(b"0\r\n\r\n").await;
        end.map_err(client_broke)?;
    }
    writer.shutdown().await.map_err(client_broke)
}

fn delimited(answer: &Response, head: &Head) -> Delimited {
    let has_none = head.method == Method::HEAD
        || matches!(
            answer.status(),
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
    match answer.content_length() {
        _ if has_none => Delimited::Absent,
        Some(length) => Delimited::Length(length),
        None if head.is_11 => Delimited::Chunks,
        None => Delimited::Close,
    }
}

/// The head of the answer, in bytes: values of headers need not be text.
fn answer_head(answer: &Response, delimited: Delimited) -> Vec<u8> {
    let status = answer.status();
    let phrase = status.canonical_reason().unwrap_or_default();
    let mut text = format!(
        "HTTP/1.1 {} {phrase}\r\nconnection: close\r\n",
        status.as_u16()
    );
    // Writing to a string cannot fail.
    let _ = match delimited {
        Delimited::Length(length) => write!(text, "content-length: {length}\r\n"),
        Delimited::Chunks => write!(text, "transfer-encoding: chunked\r\n"),
        Delimited::Absent | Delimited::Close => Ok(()),
    };
    let mut bytes = text.into_bytes();
    let headers = answer.headers();
    let mut field = |name: &str, value: &HeaderValue| {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    };
    if let (Delimited::Absent, Some(length)) = (delimited, headers.get(CONTENT_LENGTH)) {
        // The length that a body would have had, as it is for a HEAD.
        field("content-length", length);
    }
    for (name, value) in &end_to_end(headers) {
        field(name.as_str(), value);
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}
