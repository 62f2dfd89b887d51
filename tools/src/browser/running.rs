//! A browser that runs.

use std::io;
use std::path::Path;

use agent_core::network::NetworkDecisions;
use tokio::net::TcpStream;

use super::devtools::{self, Address};
use super::front::Front;
use crate::sandbox::{DOWNLOADS, Enforcement, Over, Session};
use crate::workspace::Entered;

/// One browser. Dropping it ends it; [`Running::end`] also waits until all of it is gone.
pub struct Running {
    pub(super) session: Session,
    pub(super) address: Address,
    pub(super) version: String,
    pub(super) front: Front,
    /// Its downloads. The folder goes when both this and the browser are gone.
    pub(super) place: Entered,
}

impl Running {
    /// A new connection to its DevTools. A WebSocket is opened on it with a GET of [`Running::path`].
    pub async fn stream(&self) -> io::Result<TcpStream> {
        self.session.connect(self.address.port).await
    }

    /// The path under which DevTools answers for the whole browser. The `Host` that goes with it is [`Running::host`].
    pub fn path(&self) -> &str {
        &self.address.path
    }

    /// What DevTools wants to be called: it refuses names.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.address.port)
    }

    /// What it calls itself, such as `Chrome/156.0.8078.79`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The folder of its downloads on this machine. What is in it was made by foreign code.
    pub fn downloads(&self) -> &Entered {
        &self.place
    }

    /// The same folder as the browser is to be told of it.
    pub fn downloads_inside(&self) -> &'static Path {
        Path::new(DOWNLOADS)
    }

    /// What it is held to.
    pub fn enforced(&self) -> &Enforcement {
        self.session.enforced()
    }

    /// What it tried to reach since the last time, and what was decided.
    pub fn take_decisions(&self) -> NetworkDecisions {
        self.front.take_decisions()
    }

    /// What it printed and nobody has read yet.
    pub fn printed(&self) -> String {
        let unread = self.session.take_unread(super::launcher::SAID_BYTES_MAX);
        String::from_utf8_lossy(&unread.bytes).into_owned()
    }

    /// How it ended, if it has.
    pub fn over(&self) -> Option<Over> {
        self.session.over()
    }

    /// Waits until it ended, however that came, and tells how.
    pub async fn ended(&self) -> Option<Over> {
        self.session.ended().await;
        self.session.over()
    }

    /// Ends it. Comes back when all of its processes and its folder are gone.
    pub async fn end(self) -> Option<Over> {
        self.session.end().await;
        let over = self.session.over();
        // Removing files blocks; failing to is told by whoever removes them.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
        over
    }

    pub(super) async fn ask_version(session: &Session, address: &Address) -> io::Result<String> {
        let stream = session.connect(address.port).await?;
        devtools::version(stream, address.port).await
    }
}
