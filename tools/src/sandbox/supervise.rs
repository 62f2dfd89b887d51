//! Watching one running program to its end, or to its limits.
//!
//! One thread starts the program and stays until its tree is gone. The kernel ends the sandbox when that thread ends, so
//! nothing outlives us, whatever happens. The thread learns that no one waits any more by the closing of a pipe.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;
use std::{io, thread};

use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::born::Born;
use super::census::{Census, Enrolled};
use super::cgroup::Groups;
use super::disk::{DiskLimits, Watchdog};
use super::launch::Launch;
use super::output::{Capture, Captured, Keeping};
use super::tree::Tree;
use super::{KillReason, Scope};
use crate::workspace::Entered;

/// Between asking a program to end and ending it.
const GRACE: Duration = Duration::from_secs(2);
/// How long output is read after the program's end: what it left behind may hold the pipe for ever.
const DRAIN: Duration = Duration::from_millis(200);
/// A tree that the kernel does not end in this time hangs in a device.
const END_AT_LEAST: Duration = Duration::from_secs(10);

/// A program to watch.
pub(super) struct Watched {
    pub launch: Launch,
    /// Where bwrap reports.
    pub status: Option<OwnedFd>,
    pub place: Entered,
    pub groups: Option<Groups>,
    /// What is looked at where no cgroup counts it.
    pub census: Option<Arc<Census>>,
    pub wall_time: Duration,
    pub keeping: Keeping,
    pub output_bytes_max: u64,
    pub disk: DiskLimits,
}

/// What became of it.
pub(super) struct Finished {
    /// Why we ended it.
    pub killed: Option<KillReason>,
    /// The exit status of the process that we started; 128 and the number for a signal.
    pub exit: i32,
    /// What bwrap reported.
    pub report: Vec<u8>,
    pub took: Duration,
    pub stdout: Captured,
    pub stderr: Captured,
    pub out_of_memory: Option<Scope>,
    pub processes_refused_above: Option<(Scope, u64)>,
    pub memory_peak_bytes: Option<u64>,
}

/// A program that runs. Its end comes when its tree is gone. Letting go of it ends the tree.
pub(super) struct Supervised {
    answered: oneshot::Receiver<io::Result<Finished>>,
    /// Closed when no one waits any more.
    waiting: Option<OwnedFd>,
}

impl Supervised {
    /// Ends the tree; the end still comes when it is gone.
    pub fn end(&mut self) {
        self.waiting = None;
    }

    /// Waits for its end, which is brought about when `stopped` is cancelled.
    pub async fn finished(mut self, stopped: &CancellationToken) -> io::Result<Finished> {
        tokio::select! {
            finished = &mut self => return finished,
            () = stopped.cancelled() => self.end(),
        }
        self.await
    }
}

impl Future for Supervised {
    type Output = io::Result<Finished>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        let answered = Pin::new(&mut self.answered).poll(context);
        answered.map(|answer| answer.map_err(io::Error::other).flatten())
    }
}

/// Runs a program.
pub(super) fn supervise(watched: Watched) -> io::Result<Supervised> {
    let (gone, waiting) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let (answer, answered) = oneshot::channel();
    thread::Builder::new()
        .name("sandbox".to_owned())
        .spawn(move || {
            let outcome = Watch::start(watched, gone).and_then(Watch::finish);
            let (outcome, groups) = match outcome {
                Ok((finished, groups)) => (Ok(finished), groups),
                Err(error) => (Err(error), None),
            };
            // No one may wait any more, and that is fine.
            let _ = answer.send(outcome);
            // They are empty, and nobody waits for their removal.
            drop(groups);
        })?;
    Ok(Supervised {
        answered,
        waiting: Some(waiting),
    })
}

struct Watch {
    tree: Tree,
    child: Born,
    stdout: Option<File>,
    stderr: Option<File>,
    out: Capture,
    err: Capture,
    gone: Option<OwnedFd>,
    started: Instant,
    wall_time: Duration,
    killed: Option<KillReason>,
    /// When to end it with force, once it was asked to end.
    force_at: Option<Instant>,
    /// When to give up, once it was ended with force.
    give_up_at: Option<Instant>,
    /// Whether the tree was seen to be gone.
    is_gone: bool,
    output_bytes_max: u64,
    watchdog: Watchdog,
    enrolled: Option<Enrolled>,
    groups: Option<Groups>,
    /// Last: the place is in use until everything above is gone.
    place: Entered,
}

impl Watch {
    fn start(watched: Watched, gone: OwnedFd) -> io::Result<Self> {
        let started = Instant::now();
        let launched = watched.launch.spawn()?;
        let child = launched.born;
        let tree = Tree::of(child.pid(), watched.status)?;
        let owner = watched.place.owner();
        let number = child.pid().as_raw_nonzero().get().unsigned_abs();
        let enrolled = watched.census.map(|census| census.enrol(number, owner));
        for stream in [&launched.stdout, &launched.stderr] {
            rustix::fs::fcntl_setfl(stream, rustix::fs::OFlags::NONBLOCK)?;
        }
        Ok(Self {
            tree,
            child,
            stdout: Some(launched.stdout),
            stderr: Some(launched.stderr),
            out: Capture::new(watched.keeping.clone()),
            err: Capture::new(watched.keeping),
            gone: Some(gone),
            started,
            wall_time: watched.wall_time,
            killed: None,
            force_at: None,
            give_up_at: None,
            is_gone: false,
            output_bytes_max: watched.output_bytes_max,
            watchdog: Watchdog::new(watched.disk),
            enrolled,
            groups: watched.groups,
            place: watched.place,
        })
    }

    /// Watches until the end. Its groups are left to the caller, empty.
    fn finish(mut self) -> io::Result<(Finished, Option<Groups>)> {
        while !self.tree.leader_ended(Duration::ZERO)? {
            self.wait(self.next_deadline())?;
            self.enforce()?;
        }
        let took = self.started.elapsed();
        self.tree.end();
        // From here on its number may be another's.
        self.enrolled = None;
        let exit = self.child.wait()?;
        self.tree.was_reaped();
        if !self.tree.is_gone_within(END_AT_LEAST) {
            return Err(io::Error::other("the program's processes cannot be ended"));
        }
        self.is_gone = true;
        let drained_at = Instant::now() + DRAIN;
        while (self.stdout.is_some() || self.stderr.is_some()) && Instant::now() < drained_at {
            self.gone = None;
            self.wait(drained_at)?;
        }
        let groups = self.groups.take();
        let finished = Finished {
            killed: self.killed.take(),
            exit,
            report: self.tree.report(),
            took,
            stdout: self.out.finish(),
            stderr: self.err.finish(),
            out_of_memory: groups.as_ref().and_then(Groups::out_of_memory),
            processes_refused_above: groups.as_ref().and_then(Groups::processes_refused_above),
            memory_peak_bytes: groups.as_ref().and_then(Groups::memory_peak_bytes),
        };
        if let Some(groups) = &groups {
            groups.end_the_rest();
        }
        Ok((finished, groups))
    }

    fn next_deadline(&self) -> Instant {
        let limit = self.started + self.wall_time;
        let next = self.give_up_at.or(self.force_at).unwrap_or(limit);
        let enrolled = self.enrolled.as_ref().map(Enrolled::due);
        let next = enrolled.map_or(next, |due| next.min(due));
        next.min(self.watchdog.due())
    }

    /// Waits until something happens or the time comes, and takes what is there.
    fn wait(&mut self, until: Instant) -> io::Result<()> {
        let mut waited = Vec::with_capacity(5);
        let streams = [
            self.tree.status(),
            self.gone.as_ref().map(AsFd::as_fd),
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
            // An ended leader stays readable, and would wake us at once.
            (!self.tree.is_reaped()).then(|| self.tree.leader()),
        ];
        let mut which = Vec::with_capacity(5);
        for (index, stream) in streams.iter().enumerate() {
            if let Some(stream) = stream {
                which.push(index);
                waited.push(PollFd::from_borrowed_fd(*stream, PollFlags::IN));
            }
        }
        let timeout = Timespec::try_from(until.saturating_duration_since(Instant::now()))
            .map_err(io::Error::other)?;
        match rustix::event::poll(&mut waited, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(other) => return Err(other.into()),
        }
        let mut ready = [false; 5];
        for (index, waited) in which.iter().zip(&waited) {
            if let Some(ready) = ready.get_mut(*index) {
                *ready = !waited.revents().is_empty();
            }
        }
        drop(waited);
        let [status, gone, stdout, stderr, _] = ready;
        if status {
            self.tree.take_status();
        }
        if gone {
            self.gone = None;
            self.kill(KillReason::Stopped);
        }
        if stdout {
            take(&mut self.stdout, &mut self.out);
        }
        if stderr {
            take(&mut self.stderr, &mut self.err);
        }
        Ok(())
    }

    fn enforce(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if let Some(give_up_at) = self.give_up_at {
            if now >= give_up_at {
                return Err(io::Error::other("the program's processes cannot be ended"));
            }
            return Ok(());
        }
        let printed = self.out.total().saturating_add(self.err.total());
        if printed > self.output_bytes_max {
            self.kill(KillReason::Output(self.output_bytes_max));
        } else if let Some(reason) = self.watchdog.look(&self.place) {
            self.kill(reason);
        } else if let Some(reason) = self.enrolled.as_mut().and_then(Enrolled::look) {
            self.kill(reason);
        } else if self.force_at.is_some_and(|force_at| now >= force_at) {
            self.force();
        } else if self.force_at.is_none() && now >= self.started + self.wall_time {
            self.killed = Some(KillReason::WallTime(self.wall_time));
            self.tree.ask();
            self.force_at = Some(now + GRACE);
        }
        Ok(())
    }

    fn kill(&mut self, reason: KillReason) {
        self.killed.get_or_insert(reason);
        self.force();
    }

    fn force(&mut self) {
        self.tree.end();
        self.give_up_at.get_or_insert(Instant::now() + END_AT_LEAST);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.is_gone {
            return;
        }
        // Watching failed, or the tree did not end.
        self.tree.end();
        let _ = self.child.wait();
        self.tree.was_reaped();
        if !self.tree.is_gone_within(END_AT_LEAST) {
            self.place.leaves_processes();
        }
    }
}

fn take<S: Read>(stream: &mut Option<S>, capture: &mut Capture) {
    if let Some(open) = stream
        && !capture.fill(open).unwrap_or(false)
    {
        *stream = None;
    }
}
