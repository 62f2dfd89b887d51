//! The server: accepts connections, bounds them, and ends them in good order.
//!
//! axum's own `serve` has no time limits and no limit of connections, so the loop is built here on hyper-util. Every
//! connection is a member of one set that this future owns: when it ends, they have ended.

mod connection;
mod lingering;
mod refuse;
mod stall;
mod timed_body;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::app::{App, Parts};
use crate::ending::Ending;
use crate::options::Options;
use crate::routes;
use crate::slots::Slots;

/// Refusals that are being written at once; beyond them a connection is closed without a word.
const REFUSALS_MAX: usize = 64;
/// Pause after a failed accept: the usual cause is that no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The HTTP API over some store.
pub struct Server {
    app: Arc<App>,
    router: Router,
}

struct Loop {
    server: Server,
    connections: Arc<Slots<IpAddr>>,
    refusals: Arc<Slots<IpAddr>>,
    ending: Ending,
    open: JoinSet<()>,
}

impl Server {
    /// A server that is not listening yet, and that ends as it is told there.
    pub fn new(options: Options, parts: Parts, ending: Ending) -> Self {
        let app = App::new(options, parts, ending);
        let router = routes::all(Arc::clone(&app));
        Self { app, router }
    }

    /// The same, for a process that says how it is and takes no tasks.
    pub fn health_only(options: Options, parts: Parts, ending: Ending) -> Self {
        let app = App::new(options, parts, ending);
        let router = routes::health_only(Arc::clone(&app));
        Self { app, router }
    }

    /// Serves until it is to close, then lets requests at work end within `drain_ms`.
    pub async fn serve(self, listener: TcpListener) {
        let options = &self.app.options;
        let mut serving = Loop {
            connections: Slots::new(options.connections_max, options.connections_per_address_max),
            refusals: Slots::new(REFUSALS_MAX, REFUSALS_MAX),
            ending: self.app.ending.clone(),
            open: JoinSet::new(),
            server: self,
        };
        let ending = serving.ending.clone();
        loop {
            tokio::select! {
                () = ending.closing.cancelled() => break,
                () = ending.at_once.cancelled() => break,
                // Finished connections are taken out as they end, so the set does not grow.
                Some(_) = serving.open.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => serving.begin(stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        serving.drain().await;
    }
}

impl Loop {
    fn begin(&mut self, stream: TcpStream, peer: SocketAddr) {
        // Small answers must not wait for the peer's acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not set nodelay");
        }
        let address = peer.ip().to_canonical();
        if let Some(slot) = self.connections.take(address) {
            let app = Arc::clone(&self.server.app);
            let router = self.server.router.clone();
            let closing = self.ending.closing.clone();
            self.open.spawn(async move {
                connection::serve(&app, router, stream, closing).await;
                drop(slot);
            });
        } else if let Some(slot) = self.refusals.take(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) {
            tracing::warn!(%address, "a connection above the limit was refused");
            self.open.spawn(async move {
                refuse::refuse(stream).await;
                drop(slot);
            });
        }
    }

    async fn drain(mut self) {
        // What was told to close by itself is not ready either.
        self.ending.draining.cancel();
        self.ending.closing.cancel();
        let limit = Duration::from_millis(self.server.app.options.drain_ms);
        let all_ended = async { while self.open.join_next().await.is_some() {} };
        let in_time = tokio::select! {
            ended = tokio::time::timeout(limit, all_ended) => ended.is_ok(),
            () = self.ending.at_once.cancelled() => false,
        };
        if !in_time && !self.open.is_empty() {
            tracing::warn!(open = self.open.len(), "connections were cut at shutdown");
        }
        self.open.shutdown().await;
    }
}
