//! Staying beside a command: answers the worker's questions about the sandbox's loopback until the command ends.
//!
//! One thread, no state: whatever the worker or the command does, this ends with the command and with its status.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags};

use super::wire::{self, Answer, Question};

/// A listener of the same machine answers at once, or hangs.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A listening socket, as `/proc/net/tcp` has it.
const LISTENS: &str = "0A";

/// Runs the command to its end, and gives its exit status; 128 and the number for a signal.
pub(super) fn beside(
    mut command: Command,
    control: &OwnedFd,
    terminal: Option<OwnedFd>,
) -> io::Result<u8> {
    if let Some(terminal) = &terminal {
        attach(&mut command, terminal)?;
    }
    let mut child = command.spawn()?;
    // Its own copies of the terminal are in the command.
    drop(command);
    // The worker's copy is the only one from here on, so that it sees the end.
    drop(terminal);
    let ended = pidfd(&child)?;
    let mut worker_listens = true;
    loop {
        let mut waited = vec![PollFd::new(&ended, PollFlags::IN)];
        if worker_listens {
            waited.push(PollFd::new(control, PollFlags::IN));
        }
        match rustix::event::poll(&mut waited, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |at: usize| waited.get(at).is_some_and(|one| !one.revents().is_empty());
        let (has_ended, is_asked) = (is_ready(0), is_ready(1));
        if has_ended {
            return status_of(&mut child);
        }
        if is_asked {
            worker_listens = answer(control).unwrap_or(false);
        }
    }
}

fn pidfd(child: &Child) -> io::Result<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}

fn status_of(child: &mut Child) -> io::Result<u8> {
    let status = child.wait()?;
    let signal = status.signal().map(|signal| 128 + signal);
    let status = status.code().or(signal).unwrap_or(i32::from(u8::MAX));
    Ok(u8::try_from(status).unwrap_or(u8::MAX))
}

/// Gives the command the terminal, in a session of its own.
#[expect(
    unsafe_code,
    reason = "what runs between fork and exec makes plain system calls only"
)]
fn attach(command: &mut Command, terminal: &OwnedFd) -> io::Result<()> {
    let name = rustix::pty::ptsname(terminal, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let inner = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
    command
        .stdin(Stdio::from(inner.try_clone()?))
        .stdout(Stdio::from(inner.try_clone()?))
        .stderr(Stdio::from(inner));
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(BorrowedFd::borrow_raw(libc::STDIN_FILENO))?;
            Ok(())
        });
    }
    Ok(())
}

/// Answers one question. `false`: the worker asks no more.
fn answer(control: &OwnedFd) -> io::Result<bool> {
    let Some((question, _)) = wire::receive::<Question>(control)? else {
        return Ok(false);
    };
    match question {
        Question::Connect(port) => match connect(port) {
            Ok(stream) => wire::send(control, &Answer::Connected, &[stream.as_fd()])?,
            Err(error) => wire::send(control, &Answer::Failed(error.to_string()), &[])?,
        },
        Question::Ports => wire::send(control, &Answer::Ports(ports()), &[])?,
    }
    Ok(true)
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&v4, CONNECT_WITHIN)
        .or_else(|error| TcpStream::connect_timeout(&v6, CONNECT_WITHIN).map_err(|_| error))
}

/// The ports of this sandbox that have a listener.
fn ports() -> Vec<u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(std::fs::read_to_string);
    let mut found: Vec<u16> = tables
        .iter()
        .flatten()
        .flat_map(|table| listed(table))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn listed(table: &str) -> impl Iterator<Item = u16> + '_ {
    table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next()?, fields.nth(1)?);
        let (_, port) = local.rsplit_once(':')?;
        (state == LISTENS).then(|| u16::from_str_radix(port, 16).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn the_listeners_of_a_table_of_sockets_are_found() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
            \x20  0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000\n\
            \x20  1: 0100007F:1F41 0100007F:1F40 01 00000000:00000000 00:00000000\n\
            \x20  2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000\n";
        assert_eq!(listed(table).collect::<Vec<_>>(), [8000, 80]);
    }
}
