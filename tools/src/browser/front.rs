//! The one port that leads out of a browser's cage: to servers of the same task where a page names its own machine, and to the
//! task's proxy for everything else.
//!
//! The machine of a page is the task's computer. A server that a step started listens on the loopback of another sandbox, so what is
//! asked of `localhost` is carried there. It is decided once for each connection, and whatever follows on it goes to the same place.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use agent_core::enforcement::NetworkReach;
use agent_core::network::NetworkDecisions;
use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::network::{Exit, PROXY_PORT};
use crate::sandbox::{Outlet, Port};

/// The longest head of a request.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// A browser sends a head at once.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// A head that came in part is looked at again after so long.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// What a page may call the machine that it is on.
pub(crate) const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Servers of the same task.
#[async_trait]
pub trait Neighbours: Send + Sync {
    /// Connects to the one that listens on a port.
    async fn connect(&self, port: u16) -> Option<TcpStream>;
}

/// What a browser can reach: nothing if both are absent.
#[derive(Clone, Default)]
pub struct Front {
    /// The task's way out, if it was granted one.
    pub exit: Option<Arc<Exit>>,
    /// The task's own servers.
    pub neighbours: Option<Arc<dyn Neighbours>>,
    /// Where it must not reach both: which of them it has reached. A page of one could tell the other what it sees.
    pub apart: Option<Arc<OnceLock<Side>>>,
}

/// What a browser reaches that must not reach everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The task's own servers.
    Own,
    /// The network.
    Network,
}

impl Front {
    /// The port of the browser's loopback that leads here.
    pub(super) fn port(&self) -> Port {
        Port {
            number: PROXY_PORT,
            outlet: Arc::new(self.clone()),
        }
    }

    /// Why it may not reach this side, if it has reached the other and must not reach both.
    fn apart_from(&self, side: Side) -> Option<&'static str> {
        let reached = *self.apart.as_ref()?.get_or_init(|| side);
        if reached == side {
            return None;
        }
        Some(match side {
            Side::Own => {
                "this task holds private data, and its browser has shown pages of the network, so it does not show pages of the task's own"
            }
            Side::Network => {
                "this task holds private data, and its browser has shown pages of the task's own, so it does not reach the network"
            }
        })
    }

    /// What was decided since the last time.
    pub(super) fn take_decisions(&self) -> NetworkDecisions {
        let exit = self.exit.as_ref();
        exit.map(|exit| exit.take_decisions()).unwrap_or_default()
    }

    async fn serve_own(&self, mut connection: TcpStream, own: &Own) -> io::Result<()> {
        let (head, rest) = read_head(&mut connection).await?;
        if let Some(why) = self.apart_from(Side::Own) {
            return refuse(connection, "403 Forbidden", why).await;
        }
        let reached = match &self.neighbours {
            Some(neighbours) => neighbours.connect(own.port).await,
            None => None,
        };
        let Some(mut reached) = reached else {
            let text = format!("no program of this task listens on port {}", own.port);
            return refuse(connection, "502 Bad Gateway", &text).await;
        };
        if own.is_tunnel {
            let made = b"HTTP/1.1 200 Connection established\r\n\r\n";
            connection.write_all(made).await?;
        } else {
            reached.write_all(as_for_a_server(&head).as_bytes()).await?;
        }
        reached.write_all(&rest).await?;
        tokio::io::copy_bidirectional(&mut connection, &mut reached).await?;
        Ok(())
    }
}

#[async_trait]
impl Outlet for Front {
    async fn serve(&self, connection: TcpStream) {
        let line = tokio::time::timeout(HEAD_WITHIN, first_line(&connection)).await;
        let Ok(Ok(line)) = line else {
            return;
        };
        if let Some(own) = Own::read(&line) {
            // Either side may go at any time.
            let _ = self.serve_own(connection, &own).await;
            return;
        }
        if self.exit.is_some()
            && let Some(why) = self.apart_from(Side::Network)
        {
            let _ = refuse(connection, "403 Forbidden", why).await;
            return;
        }
        match &self.exit {
            Some(exit) => exit.serve(connection).await,
            None => {
                let _ = refuse(
                    connection,
                    "403 Forbidden",
                    "this task was given no network",
                )
                .await;
            }
        }
    }

    fn reach(&self) -> NetworkReach {
        let exit = self.exit.as_ref();
        exit.map_or_else(NetworkReach::none, |exit| exit.reach())
    }
}

/// A request for a server of the task's own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    port: u16,
    /// Whether it asks for a connection and not for a page.
    is_tunnel: bool,
}

impl Own {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let is_tunnel = method == "CONNECT";
        let authority = if is_tunnel {
            target
        } else {
            let rest = target.strip_prefix("http://")?;
            rest.split(['/', '?', '#']).next()?
        };
        let lower = authority.to_ascii_lowercase();
        let port = OWN_NAMES
            .iter()
            .find_map(|name| lower.strip_prefix(name))
            .and_then(|rest| match rest {
                "" if !is_tunnel => Some("80"),
                rest => rest.strip_prefix(':'),
            })?;
        Some(Self {
            port: port.parse().ok()?,
            is_tunnel,
        })
    }
}

/// The first line of what came, which stays there to be read.
async fn first_line(connection: &TcpStream) -> io::Result<String> {
    let mut seen = vec![0; 8 * 1024];
    loop {
        let count = connection.peek(&mut seen).await?;
        let came = seen.get(..count).unwrap_or_default();
        if let Some(end) = came.iter().position(|byte| *byte == b'\n') {
            let line = came.get(..end).unwrap_or_default();
            return Ok(String::from_utf8_lossy(line).trim_end().to_owned());
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if count == seen.len() {
            // So long a line is no address of the task's own.
            return Ok(String::new());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Reads a head, and what came after it.
async fn read_head(connection: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    const END: &[u8] = b"\r\n\r\n";
    let mut got = Vec::new();
    loop {
        if let Some(end) = got.windows(END.len()).position(|some| some == END) {
            let rest = got.split_off(end + END.len());
            got.truncate(end);
            let head = String::from_utf8(got).map_err(io::Error::other)?;
            return Ok((head, rest));
        }
        if got.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if connection.read_buf(&mut got).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// A head for a proxy, made one for the server itself, and the last one of its connection.
fn as_for_a_server(head: &str) -> String {
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or("GET"), words.next());
    let rest = target.and_then(|target| target.strip_prefix("http://"));
    let path = rest.and_then(|rest| rest.find(['/', '?']).and_then(|at| rest.get(at..)));
    let path = match path {
        Some(query) if query.starts_with('?') => format!("/{query}"),
        Some(path) => path.to_owned(),
        None => "/".to_owned(),
    };
    let kept = lines.filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !["connection", "proxy-connection"].contains(&name.to_ascii_lowercase().as_str())
    });
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    for line in kept.chain(["Connection: close", "", ""]) {
        text.push_str(line);
        text.push_str("\r\n");
    }
    // The last of the empty lines has an end that does not belong to the head.
    text.truncate(text.len() - 2);
    text
}

async fn refuse(mut connection: TcpStream, status: &str, text: &str) -> io::Result<()> {
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
    connection.write_all(answer.as_bytes()).await?;
    connection.shutdown().await?;
    // Closing with something unread would take the answer back.
    let mut rest = Vec::new();
    let mut rest_of = connection.take(1024 * 1024);
    let _ = tokio::time::timeout(HEAD_WITHIN, rest_of.read_to_end(&mut rest)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_of_a_page_is_the_tasks_own_and_every_other_name_is_not() {
        let own = |port, is_tunnel| Some(Own { port, is_tunnel });
        for (line, wanted) in [
            ("GET http://localhost:8000/a?b HTTP/1.1", own(8000, false)),
            ("GET http://LocalHost HTTP/1.1", own(80, false)),
            ("POST http://127.0.0.1:5000?x HTTP/1.1", own(5000, false)),
            ("GET http://[::1]:5000/ HTTP/1.1", own(5000, false)),
            ("CONNECT localhost:8000 HTTP/1.1", own(8000, true)),
            ("CONNECT localhost HTTP/1.1", None),
            ("GET http://localhost.example:8000/ HTTP/1.1", None),
            ("GET http://localhost@a.example:8000/ HTTP/1.1", None),
            ("GET http://localhost:8000@a.example/ HTTP/1.1", None),
            ("GET http://127.0.0.10:80/ HTTP/1.1", None),
            ("GET http://a.example/localhost:8000 HTTP/1.1", None),
            ("GET https://localhost:8000/ HTTP/1.1", None),
            ("GET / HTTP/1.1", None),
            ("", None),
        ] {
            assert_eq!(Own::read(line), wanted, "{line}");
        }
    }

    #[test]
    fn a_server_is_asked_as_if_there_were_no_proxy() {
        let head = "GET http://localhost:8000?q=1 HTTP/1.1\r\nHost: localhost:8000\r\nProxy-Connection: keep-alive\r\nAccept: */*";
        assert_eq!(
            as_for_a_server(head),
            "GET /?q=1 HTTP/1.1\r\nHost: localhost:8000\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        let bare = as_for_a_server("GET http://localhost:8000 HTTP/1.1");
        assert_eq!(bare, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    }
}
