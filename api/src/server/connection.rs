//! One connection: its requests one after the other, its time limits, and its end.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::lingering::linger;
use super::stall::Stall;
use super::timed_body::{TimedBody, Times};
use crate::app::App;

/// Longest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Serves a connection to its end. When `closing` is set, the request at work is finished and no other is begun.
pub async fn serve(app: &Arc<App>, router: Router, stream: TcpStream, closing: CancellationToken) {
    let options = &app.options;
    let stall = Duration::from_millis(options.write_stall_timeout_ms);
    let times = Times {
        idle: Duration::from_millis(options.body_idle_timeout_ms),
        whole: Duration::from_millis(options.body_timeout_ms),
    };
    // Set when an answer was written although the request's body was not read to its end.
    let unread = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&unread);
    let service = service_fn(move |request: Request<Incoming>| {
        let flag = Arc::clone(&flag);
        let request = request.map(|body| Body::new(TimedBody::new(body, times, flag)));
        Box::pin(router.clone().oneshot(request))
    });
    let io = TokioIo::new(Stall::new(stream, stall));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(options.header_timeout_ms))
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(io, service);
    let mut told_to_end = false;
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|context| connection.poll_without_shutdown(context)) => break ended,
            () = closing.cancelled(), if !told_to_end => {
                told_to_end = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        // A client that goes away or is too slow is not news for the operator.
        tracing::debug!(%error, "a connection ended early");
    }
    let stream = connection.into_parts().io.into_inner().into_inner();
    linger(stream, unread.load(Ordering::Acquire)).await;
}
