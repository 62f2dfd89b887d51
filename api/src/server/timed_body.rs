//! A request's body with time limits: between two pieces, and for all of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::request::body::TooSlow;

/// How long a body may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Between two pieces.
    pub idle: Duration,
    /// In all.
    pub whole: Duration,
}

/// A body that fails with [`TooSlow`] when its client takes too long.
pub struct TimedBody {
    body: Incoming,
    times: Times,
    /// Both begin when the body is first asked for, so that a request that waits for a slot is not charged.
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    ended: bool,
    unread: Arc<AtomicBool>,
}

impl TimedBody {
    /// Sets `unread` when it is dropped before its end.
    pub fn new(body: Incoming, times: Times, unread: Arc<AtomicBool>) -> Self {
        let ended = body.is_end_stream();
        Self {
            body,
            times,
            deadline: None,
            timer: None,
            ended,
            unread,
        }
    }

    /// The timer until the next piece must have come.
    fn timer(&mut self) -> &mut Pin<Box<Sleep>> {
        let now = Instant::now();
        let whole = *self.deadline.get_or_insert(now + self.times.whole);
        let next = (now + self.times.idle).min(whole);
        self.timer
            .get_or_insert_with(|| Box::pin(sleep_until(next)))
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.timer = None;
                self.ended |= frame.is_none() || self.body.is_end_stream();
                Poll::Ready(frame.map(|piece| piece.map_err(Into::into)))
            }
            Poll::Pending => match self.timer().as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Some(Err(TooSlow.into()))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for TimedBody {
    fn drop(&mut self) {
        if !self.ended {
            self.unread.store(true, Ordering::Release);
        }
    }
}
