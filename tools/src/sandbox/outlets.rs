//! Ports of a sandbox's own loopback that lead out of it, to where we say.
//!
//! The sandbox has no other way out. Its listening sockets are handed to us before the command starts, so a connection
//! is accepted here and nothing runs inside for it; which sandbox a connection comes from is known by its socket.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use agent_core::enforcement::NetworkReach;
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpListener, TcpStream};

/// Connections of one sandbox that are served at the same time; further ones wait in their sockets.
const CONNECTIONS_MAX: usize = 64;
/// Without descriptors to spare accepting fails at once, again and again.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Where connections to a port of a sandbox's loopback lead.
#[async_trait]
pub trait Outlet: Send + Sync {
    /// Serves one connection to its end.
    async fn serve(&self, connection: TcpStream);
    /// How far those who connect reach through it, beyond their own step.
    fn reach(&self) -> NetworkReach {
        NetworkReach::none()
    }
}

/// A port of the sandbox's loopback and what is behind it.
#[derive(Clone)]
pub struct Port {
    /// The port.
    pub number: u16,
    /// Where its connections lead.
    pub outlet: Arc<dyn Outlet>,
}

/// How far a program reaches that has these ports and no other way out.
pub(super) fn reach(ports: &[Port]) -> NetworkReach {
    let mut reaches = ports.iter().map(|port| port.outlet.reach());
    let outward = reaches.find(|reach| *reach != NetworkReach::none());
    outward.unwrap_or_else(NetworkReach::none)
}

/// A listening socket of a sandbox, and where its connections lead.
pub(super) struct Open {
    listener: TcpListener,
    outlet: Arc<dyn Outlet>,
}

/// Matches sockets with the ports that they were asked for.
pub(super) fn open(listeners: Vec<(u16, StdListener)>, ports: &[Port]) -> io::Result<Vec<Open>> {
    let mut open = Vec::with_capacity(listeners.len());
    for (number, listener) in listeners {
        let port = ports.iter().find(|port| port.number == number);
        let port = port.ok_or(io::ErrorKind::InvalidData)?;
        listener.set_nonblocking(true)?;
        open.push(Open {
            listener: TcpListener::from_std(listener)?,
            outlet: Arc::clone(&port.outlet),
        });
    }
    Ok(open)
}

async fn accept(open: &Open) -> (&Open, io::Result<TcpStream>) {
    let accepted = open.listener.accept().await;
    (open, accepted.map(|(stream, _)| stream))
}

/// Serves connections for as long as this is polled. Dropping it closes them all.
pub(super) async fn serve(open: &[Open]) -> Infallible {
    let mut accepting: FuturesUnordered<_> = open.iter().map(accept).collect();
    let mut serving = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some((from, accepted)) = accepting.next(), if serving.len() < CONNECTIONS_MAX => {
                match accepted {
                    Ok(stream) => serving.push(from.outlet.serve(stream)),
                    Err(error) => {
                        tracing::warn!(%error, "a connection of a sandbox could not be accepted");
                        tokio::time::sleep(AFTER_FAILURE).await;
                    }
                }
                accepting.push(accept(from));
            }
            Some(()) = serving.next() => {}
            else => std::future::pending().await,
        }
    }
}
