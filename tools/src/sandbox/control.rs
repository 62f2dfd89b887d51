//! Our end of the talk with the program that was started inside a sandbox.
//!
//! What comes from there is looked at before it is used: a socket must be one of TCP, and a listening one where that was asked for.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketType, ipproto};
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::inside::wire::{self, Answer, Hello, Question};

/// The program inside answers at once, unless the command has stopped it.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A descriptor whose readiness the runtime tells.
#[expect(
    unsafe_code,
    reason = "an owned descriptor is open until it is dropped, and stays the same one"
)]
pub(super) fn registered(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    rustix::io::ioctl_fionbio(&descriptor, true)?;
    Ok(unsafe { AsyncFd::register(descriptor) }?)
}

/// What was handed out before the command started.
pub(super) struct Handed {
    pub listeners: Vec<(u16, TcpListener)>,
    pub terminal: Option<OwnedFd>,
}

/// The worker's end.
pub(super) struct Control {
    socket: AsyncFd<OwnedFd>,
    /// How many answers are still to come to whoever gave up waiting. One asks at a time, so that no answer is taken for another's.
    owed: Mutex<u32>,
}

impl Control {
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            socket: registered(socket)?,
            owed: Mutex::new(0),
        })
    }

    async fn receive<T: DeserializeOwned>(&self) -> io::Result<(T, Vec<OwnedFd>)> {
        let received = self
            .socket
            .async_io(Interest::READABLE, |socket| wire::receive(socket))
            .await?;
        received.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Waits for what is handed out.
    pub async fn handed(&self) -> io::Result<Handed> {
        let (hello, descriptors) = self.receive::<Hello>().await?;
        let (ports, terminal) = match hello {
            Hello::Ready { ports, terminal } => (ports, terminal),
            Hello::Failed { reason } => return Err(io::Error::other(reason)),
        };
        if descriptors.len() != ports.len() + usize::from(terminal) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut descriptors = descriptors.into_iter();
        let mut listeners = Vec::with_capacity(ports.len());
        for (port, socket) in ports.into_iter().zip(descriptors.by_ref()) {
            check_tcp(&socket)?;
            if !sockopt::socket_acceptconn(&socket)? {
                return Err(io::ErrorKind::InvalidData.into());
            }
            listeners.push((port, TcpListener::from(socket)));
        }
        Ok(Handed {
            listeners,
            terminal: descriptors.next(),
        })
    }

    async fn ask(&self, question: Question) -> io::Result<(Answer, Option<OwnedFd>)> {
        let mut owed = self.owed.lock().await;
        let asked = async {
            // Whoever asked before may have given up, at any point below.
            while *owed > 0 {
                self.receive::<Answer>().await?;
                *owed -= 1;
            }
            *owed += 1;
            wire::send(self.socket.as_fd(), &question, &[])?;
            let (answer, descriptors) = self.receive::<Answer>().await?;
            *owed -= 1;
            io::Result::Ok((answer, descriptors.into_iter().next()))
        };
        tokio::time::timeout(ANSWER_WITHIN, asked)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Connects to a port of the sandbox's loopback. Only where the program stays beside the command.
    pub async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        match self.ask(Question::Connect(port)).await? {
            (Answer::Connected, Some(socket)) => {
                check_tcp(&socket)?;
                let stream = std::net::TcpStream::from(socket);
                stream.set_nonblocking(true)?;
                TcpStream::from_std(stream)
            }
            (Answer::Failed(reason), _) => Err(io::Error::other(reason)),
            (Answer::Connected | Answer::Ports(_), _) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// The ports of the sandbox's loopback that have a listener.
    pub async fn ports(&self) -> io::Result<Vec<u16>> {
        match self.ask(Question::Ports).await? {
            (Answer::Ports(ports), _) => Ok(ports),
            (Answer::Failed(reason), _) => Err(io::Error::other(reason)),
            (Answer::Connected, _) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn check_tcp(socket: &impl AsFd) -> io::Result<()> {
    let family = sockopt::socket_domain(socket)?;
    let is_internet = family == AddressFamily::INET || family == AddressFamily::INET6;
    let is_stream = sockopt::socket_type(socket)? == SocketType::STREAM;
    if is_internet && is_stream && sockopt::socket_protocol(socket)? == Some(ipproto::TCP) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "what came out of the sandbox is not a TCP socket",
    ))
}
