//! How the program inside a sandbox and the worker outside talk: short messages over a socket pair, descriptors beside them.
//!
//! The worker must take what comes from inside for hostile: a command of the same user may have got hold of the socket. So
//! messages are bounded, and a descriptor is used only after it was looked at.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest message.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// The most descriptors that one message carries.
pub const DESCRIPTORS_MAX: usize = 64;

/// What the program inside is to do, given in its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Orders {
    /// Its end of the socket pair.
    pub control: i32,
    /// The descriptor that it was started from, of no use any more.
    pub image: i32,
    /// Ports of the sandbox's own loopback whose listening sockets are handed out.
    pub ports: Vec<u16>,
    /// Whether the command gets a terminal, whose other side is handed out.
    pub terminal: bool,
    /// Whether it stays beside the command and answers questions.
    pub stays: bool,
}

/// The first message from inside. Its descriptors: for each port a listening socket, in order, then the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hello {
    /// The command is started next.
    Ready {
        /// The ports whose sockets come with this.
        ports: Vec<u16>,
        /// Whether a terminal comes with this.
        terminal: bool,
    },
    /// It could not be prepared, and is not started.
    Failed {
        /// Why not.
        reason: String,
    },
}

/// What the worker asks a program that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// To connect to a port of the sandbox's loopback.
    Connect(u16),
    /// Which ports have a listener.
    Ports,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The connected socket comes with this.
    Connected,
    /// The ports that have a listener.
    Ports(Vec<u16>),
    /// It could not be done.
    Failed(String),
}

/// A pair of sockets that keep messages apart.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType};
    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok((ours, theirs))
}

/// Sends one message.
pub fn send<T: Serialize>(
    socket: impl AsFd,
    message: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let text = serde_json::to_vec(message).map_err(io::Error::other)?;
    if text.len() > MESSAGE_BYTES_MAX || descriptors.len() > DESCRIPTORS_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let slices = [IoSlice::new(&text)];
    rustix::net::sendmsg(socket, &slices, &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one message; `None` when the other side is gone.
pub fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut text = vec![0_u8; MESSAGE_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let got = {
        let mut slices = [IoSliceMut::new(&mut text)];
        rustix::net::recvmsg(socket, &mut slices, &mut beside, RecvFlags::CMSG_CLOEXEC)?
    };
    let mut descriptors = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = message {
            descriptors.extend(some);
        }
    }
    if got.bytes == 0 {
        return Ok(None);
    }
    if got
        .flags
        .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC)
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the message is too long",
        ));
    }
    let message = serde_json::from_slice(text.get(..got.bytes).unwrap_or_default());
    Ok(Some((message.map_err(io::Error::other)?, descriptors)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_message_carries_descriptors_and_the_end_is_told() {
        let (ours, theirs) = pair().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        send(&theirs, &Question::Connect(8000), &[writer.as_fd()]).unwrap();
        drop((theirs, writer));
        let (question, descriptors) = receive::<Question>(&ours).unwrap().unwrap();
        assert_eq!((question, descriptors.len()), (Question::Connect(8000), 1));
        rustix::io::write(&descriptors[0], b"x").unwrap();
        let mut got = [0; 4];
        assert_eq!(rustix::io::read(&reader, &mut got).unwrap(), 1);
        assert!(receive::<Question>(&ours).unwrap().is_none());
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let (ours, theirs) = pair().unwrap();
        rustix::io::write(&theirs, b"nonsense").unwrap();
        assert!(receive::<Question>(&ours).is_err());
        rustix::io::write(&theirs, &vec![b' '; MESSAGE_BYTES_MAX + 1]).unwrap();
        assert!(receive::<Question>(&ours).is_err());
    }
}
