//! The processes of one program: asking them to end, ending them, and knowing that they are gone.
//!
//! Under bwrap the tree hangs on the first process of its process namespace: when that dies the kernel ends all others,
//! and when it is reaped they are gone. Without bwrap it hangs on a keeper. Processes are held by descriptors, so a number that was given to another process in
//! the meantime is never signalled.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::time::Instant;

use super::keeper;

/// bwrap says who its first process is within moments of its start.
const REPORT_AT_LEAST: Duration = Duration::from_secs(2);

/// A tree of processes.
pub(super) struct Tree {
    leader: OwnedFd,
    /// Whether the leader was waited for: its number may be another's then.
    reaped: bool,
    first: First,
}

enum First {
    /// There is no namespace: the leader is a keeper, which ends only when all others have.
    Kept,
    /// bwrap reports it here.
    Reported {
        status: Option<OwnedFd>,
        report: Vec<u8>,
        known: Option<(Pid, OwnedFd)>,
    },
}

impl Tree {
    /// That of a child of ours.
    pub fn of(child: Pid, status: Option<OwnedFd>) -> io::Result<Self> {
        let leader = rustix::process::pidfd_open(child, PidfdFlags::empty())?;
        let first = match status {
            None => First::Kept,
            Some(status) => {
                rustix::fs::fcntl_setfl(&status, rustix::fs::OFlags::NONBLOCK)?;
                First::Reported {
                    status: Some(status),
                    report: Vec::new(),
                    known: None,
                }
            }
        };
        Ok(Self {
            leader,
            reaped: false,
            first,
        })
    }

    /// Becomes readable when the process that we started has ended.
    pub fn leader(&self) -> BorrowedFd<'_> {
        self.leader.as_fd()
    }

    /// The leader was waited for.
    pub fn was_reaped(&mut self) {
        self.reaped = true;
    }

    pub fn is_reaped(&self) -> bool {
        self.reaped
    }

    /// Becomes readable when there is a report, until the first process is known. The rest is read at the end: it comes in many
    /// pieces, and being woken for each would take the processor from bwrap.
    pub fn status(&self) -> Option<BorrowedFd<'_>> {
        match &self.first {
            First::Kept | First::Reported { known: Some(_), .. } => None,
            First::Reported {
                status,
                known: None,
                ..
            } => status.as_ref().map(AsFd::as_fd),
        }
    }

    /// What was reported.
    pub fn report(&mut self) -> Vec<u8> {
        self.take_status();
        match &mut self.first {
            First::Kept => Vec::new(),
            First::Reported { report, .. } => std::mem::take(report),
        }
    }

    /// Whether the process that we started ends within this time.
    pub fn leader_ended(&self, within: Duration) -> io::Result<bool> {
        readable(self.leader.as_fd(), within)
    }

    /// Takes what is reported now.
    pub fn take_status(&mut self) {
        let leader_lives = !self.leader_ended(Duration::ZERO).unwrap_or(true);
        let First::Reported {
            status,
            report,
            known,
        } = &mut self.first
        else {
            return;
        };
        while let Some(open) = status {
            let mut buffer = [0_u8; 1024];
            match rustix::io::read(open, &mut buffer) {
                Ok(0) => *status = None,
                Ok(read) => report.extend_from_slice(buffer.get(..read).unwrap_or_default()),
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => *status = None,
            }
        }
        // While bwrap lives, the number belongs to its child; later it could be anyone's.
        if known.is_none()
            && leader_lives
            && let Some(pid) = first_pid(report)
            && let Ok(descriptor) = rustix::process::pidfd_open(pid, PidfdFlags::empty())
            && !readable(self.leader.as_fd(), Duration::ZERO).unwrap_or(true)
        {
            *known = Some((pid, descriptor));
        }
    }

    /// Asks the program to end.
    pub fn ask(&mut self) {
        self.take_status();
        let group = match &self.first {
            First::Kept => {
                let _ = rustix::process::pidfd_send_signal(&self.leader, keeper::ASK);
                return;
            }
            First::Reported { known, .. } => known.as_ref().map(|(pid, _)| *pid),
        };
        match group {
            Some(group) => {
                let _ = rustix::process::kill_process_group(group, Signal::TERM);
            }
            None => self.end(),
        }
    }

    /// Ends all of it. Safe to repeat.
    pub fn end(&mut self) {
        if let First::Kept = self.first {
            let _ = rustix::process::pidfd_send_signal(&self.leader, keeper::END);
            return;
        }
        self.learn_first();
        if let First::Reported {
            known: Some((_, descriptor)),
            ..
        } = &self.first
        {
            let _ = rustix::process::pidfd_send_signal(descriptor, Signal::KILL);
        }
        let _ = rustix::process::pidfd_send_signal(&self.leader, Signal::KILL);
    }

    /// Ending bwrap before it has said who its first process is would leave that one behind, waiting for bwrap for ever.
    fn learn_first(&mut self) {
        let until = Instant::now() + REPORT_AT_LEAST;
        self.take_status();
        // It may say so in several pieces.
        while self.first_is_unknown() && !self.leader_ended(Duration::ZERO).unwrap_or(true) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if let Some(status) = self.status() {
                let _ = readable(status, left);
            }
            self.take_status();
        }
    }

    fn first_is_unknown(&self) -> bool {
        matches!(
            &self.first,
            First::Reported {
                known: None,
                status: Some(_),
                ..
            }
        )
    }

    /// Whether all of it is gone within this time.
    pub fn is_gone_within(&self, within: Duration) -> bool {
        match &self.first {
            First::Kept => self.reaped,
            First::Reported {
                known: Some((_, descriptor)),
                ..
            } => readable(descriptor.as_fd(), within).unwrap_or(false),
            // bwrap ended before it was seen: the kernel ended its child with it.
            First::Reported { report, .. } => {
                first_pid(report).is_none_or(|pid| vanishes(pid, within))
            }
        }
    }
}

/// Waits for a process number to be free. Only asks, so another process under the number takes no harm.
fn vanishes(pid: Pid, within: Duration) -> bool {
    const STEP: Duration = Duration::from_millis(5);
    let mut left = within.min(REPORT_AT_LEAST);
    while rustix::process::test_kill_process(pid).is_ok() && !left.is_zero() {
        std::thread::sleep(STEP);
        left = left.saturating_sub(STEP);
    }
    !left.is_zero()
}

pub(super) fn readable(descriptor: BorrowedFd<'_>, within: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(within).map_err(io::Error::other)?;
    let mut waited = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    match rustix::event::poll(&mut waited, Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

/// The documents of a report. It may end in the middle of one.
fn documents(report: &[u8]) -> impl Iterator<Item = serde_json::Value> + '_ {
    serde_json::Deserializer::from_slice(report)
        .into_iter::<serde_json::Value>()
        .map_while(Result::ok)
}

/// The first process, as soon as it is said: in the first piece of a document that comes in many.
fn first_pid(report: &[u8]) -> Option<Pid> {
    let text = std::str::from_utf8(report).ok()?;
    let (_, value) = text.split_once("\"child-pid\":")?;
    let value = value.trim_start();
    // Without what follows it, the number may go on.
    let end = value.find(|next: char| !next.is_ascii_digit())?;
    Pid::from_raw(value.get(..end)?.parse().ok()?)
}

/// The exit status of the program, if it was started at all.
pub(super) fn reported_exit(report: &[u8]) -> Option<i32> {
    let status = documents(report).find_map(|document| document.get("exit-code")?.as_i64())?;
    i32::try_from(status).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_far_as_it_came() {
        let report = b"{ \"child-pid\": 42, \"net-namespace\": 7 }\n{ \"exit-code\": 3 }\n{ \"ex";
        assert_eq!(
            first_pid(report).map(Pid::as_raw_nonzero).map(i32::from),
            Some(42)
        );
        assert_eq!(reported_exit(report), Some(3));
        assert_eq!(first_pid(b"{ \"child-pid\": 42, \"ipc"), first_pid(report));
        assert_eq!(first_pid(b"{ \"child-pid\": 4"), None);
        assert_eq!(reported_exit(b"{ \"child-pid\": 42 }"), None);
    }
}
