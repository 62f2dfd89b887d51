//! A program that goes on in the background, on a terminal of its own, in a sandbox of its own.
//!
//! One task attends to it: reads what it prints, serves its ports, and ends with it. Letting go of the session ends the
//! program, and so does the end of its workspace or of our process; nothing of it is kept beyond that.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::control::{Control, registered};
use super::outlets::{self, Open};
use super::output::{Captured, Keeping};
use super::supervise::{Finished, Supervised};
use super::transcript::{Ends, Transcript, Unread};
use super::{Ended, Enforcement, KillReason, Scope};

/// A program that is asked to end by its terminal gets so long.
const GRACE: Duration = Duration::from_secs(2);
/// What a terminal makes an interrupt of.
const INTERRUPT: &[u8] = b"\x03";
/// A tree that was ended and is not gone after this time hangs in the kernel.
const GONE_WITHIN: Duration = Duration::from_secs(25);
/// After this much silence a program is taken to have said what it had to say.
const QUIET: Duration = Duration::from_millis(300);

/// A program that was started, and what it needs.
pub(super) struct Started {
    pub supervised: Supervised,
    pub terminal: OwnedFd,
    pub control: Control,
    pub open: Vec<Open>,
    /// Cancelled when its workspace comes to an end.
    pub stopped: CancellationToken,
    /// Reads off how it ended.
    pub ended: fn(&Finished) -> Option<Ended>,
    pub enforced: Enforcement,
    pub keeping: Keeping,
    pub output_bytes_max: u64,
}

/// How a background program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// How; nothing where it was stopped from outside.
    pub ended: Option<Ended>,
    /// Whose limit it was, if the kernel ended a process of it for want of memory.
    pub out_of_memory: Option<Scope>,
    /// Whether all of its processes are known to be gone; if not, some hang in the kernel.
    pub is_gone: bool,
}

/// A program in the background. Dropping it ends the program.
pub struct Session {
    shared: Arc<Shared>,
    /// What is written here reaches the program's standard input.
    terminal: Arc<AsyncFd<OwnedFd>>,
    control: Control,
    changed: watch::Receiver<u64>,
    enforced: Enforcement,
    stop: CancellationToken,
    /// Last: ends the program when the session is dropped.
    _ends: DropGuard,
}

struct Shared {
    transcript: Mutex<Transcript>,
    over: Mutex<Option<Over>>,
}

impl Shared {
    fn transcript(&self) -> MutexGuard<'_, Transcript> {
        self.transcript
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self) -> MutexGuard<'_, Option<Over>> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attends to a program from here on.
pub(super) fn attend(started: Started) -> io::Result<Session> {
    let terminal = Arc::new(registered(started.terminal)?);
    let shared = Arc::new(Shared {
        transcript: Mutex::new(Transcript::new(started.keeping)),
        over: Mutex::new(None),
    });
    let (news, changed) = watch::channel(0);
    let stop = CancellationToken::new();
    let attendant = Attendant {
        shared: Arc::clone(&shared),
        terminal: Arc::clone(&terminal),
        news,
        open: started.open,
        stop: stop.clone(),
        stopped: started.stopped,
        ended: started.ended,
        output_bytes_max: started.output_bytes_max,
    };
    tokio::spawn(attendant.attend(started.supervised));
    Ok(Session {
        shared,
        terminal,
        control: started.control,
        changed,
        enforced: started.enforced,
        stop: stop.clone(),
        _ends: stop.drop_guard(),
    })
}

impl Session {
    /// What it is held to.
    pub fn enforced(&self) -> &Enforcement {
        &self.enforced
    }

    /// How it ended, if it has.
    pub fn over(&self) -> Option<Over> {
        self.shared.over().clone()
    }

    /// The next output that was not read.
    pub fn take_unread(&self, bytes_max: usize) -> Unread {
        self.shared.transcript().take_unread(bytes_max)
    }

    /// How much of its output was not read.
    pub fn unread(&self) -> u64 {
        self.shared.transcript().unread()
    }

    /// The start and the end of the output that was not read; all of it counts as read then.
    pub fn take_ends(&self, bytes_max: usize) -> Ends {
        self.shared.transcript().take_ends(bytes_max)
    }

    /// All that it printed so far, as far as it is kept.
    pub fn so_far(&self) -> Captured {
        self.shared.transcript().so_far()
    }

    /// Lets go of output that is on disk. It is for a program that has ended, and whose output was read.
    pub fn forget_stored(&self) {
        self.shared.transcript().forget_stored();
    }

    /// Writes to the program, for at most this long: one that does not read takes a few kilobytes only.
    pub async fn write(&self, mut bytes: &[u8], within: Duration) -> io::Result<()> {
        let writing = async {
            while !bytes.is_empty() {
                let written = self
                    .terminal
                    .async_io(Interest::WRITABLE, |terminal| {
                        rustix::io::write(terminal, bytes).map_err(io::Error::from)
                    })
                    .await?;
                bytes = bytes.get(written..).unwrap_or_default();
            }
            io::Result::Ok(())
        };
        tokio::select! {
            // First: a terminal takes some bytes even when nobody is at its other side any more.
            biased;
            () = self.ended() => Err(io::ErrorKind::BrokenPipe.into()),
            written = writing => written,
            () = tokio::time::sleep(within) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Waits until the program ended, or printed this text, or printed something and then nothing for a while; at most
    /// for the given time.
    pub async fn settle(&self, text: Option<&str>, within: Duration) {
        let mut changed = self.changed.clone();
        let until = Instant::now() + within;
        loop {
            changed.mark_unchanged();
            if self.over().is_some() {
                return;
            }
            let quiet_counts = {
                let transcript = self.shared.transcript();
                match text {
                    Some(text) if transcript.unread_contains(text) => return,
                    Some(_) => false,
                    None => transcript.unread() > 0,
                }
            };
            let quiet_at = Instant::now() + QUIET;
            let wake_at = if quiet_counts {
                until.min(quiet_at)
            } else {
                until
            };
            let news = tokio::time::timeout_at(wake_at, changed.changed()).await;
            if !matches!(news, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// Waits until the program ended.
    pub async fn ended(&self) {
        let mut changed = self.changed.clone();
        // The other side goes when all is over.
        while self.over().is_none() && changed.changed().await.is_ok() {}
    }

    /// Ends the program: first as a person at its terminal would, then for certain. Comes back when all of its processes are gone, or
    /// cannot be ended; which it was, [`Session::over`] says.
    pub async fn stop(&self) {
        if self.over().is_none() {
            let _ = self.write(INTERRUPT, GRACE).await;
            let _ = tokio::time::timeout(GRACE, self.ended()).await;
        }
        self.stop.cancel();
        self.ended().await;
    }

    /// Ends the program at once. Comes back as [`Session::stop`] does.
    pub async fn end(&self) {
        self.stop.cancel();
        self.ended().await;
    }

    /// Connects to a port of its loopback.
    pub async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        self.control.connect(port).await
    }

    /// The ports of its loopback that have a listener.
    pub async fn ports(&self) -> io::Result<Vec<u16>> {
        self.control.ports().await
    }
}

/// Why a program is attended to no longer.
enum Why {
    Ended(Box<io::Result<Finished>>),
    Stopped,
    Printed,
}

struct Attendant {
    shared: Arc<Shared>,
    terminal: Arc<AsyncFd<OwnedFd>>,
    news: watch::Sender<u64>,
    open: Vec<Open>,
    stop: CancellationToken,
    stopped: CancellationToken,
    ended: fn(&Finished) -> Option<Ended>,
    output_bytes_max: u64,
}

impl Attendant {
    async fn attend(self, mut supervised: Supervised) {
        let why = tokio::select! {
            finished = &mut supervised => Why::Ended(Box::new(finished)),
            () = self.stop.cancelled() => Why::Stopped,
            () = self.stopped.cancelled() => Why::Stopped,
            () = self.read_on() => Why::Printed,
            never = outlets::serve(&self.open) => match never {},
        };
        let over = match why {
            Why::Ended(finished) => self.read_off(*finished),
            Why::Stopped => self.end(supervised, None).await,
            Why::Printed => {
                let reason = KillReason::Output(self.output_bytes_max);
                self.end(supervised, Some(Ended::Killed { reason })).await
            }
        };
        while self.read_some().is_ok_and(|read| read > 0) {}
        *self.shared.over() = Some(over);
        self.news.send_modify(|count| *count += 1);
    }

    /// Ends what still runs, and waits until it is gone; its workspace is in use until then.
    async fn end(&self, mut supervised: Supervised, ended: Option<Ended>) -> Over {
        supervised.end();
        let finished = tokio::time::timeout(GONE_WITHIN, supervised).await;
        Over {
            ended,
            out_of_memory: None,
            is_gone: matches!(finished, Ok(Ok(_))),
        }
    }

    fn read_off(&self, finished: io::Result<Finished>) -> Over {
        match finished {
            Ok(finished) => Over {
                ended: (self.ended)(&finished),
                out_of_memory: finished.out_of_memory,
                is_gone: true,
            },
            Err(error) => {
                tracing::warn!(%error, "a background program could not be watched to its end");
                Over {
                    ended: None,
                    out_of_memory: None,
                    is_gone: false,
                }
            }
        }
    }

    /// Reads for as long as this is polled. Comes back when the program printed more than it may.
    async fn read_on(&self) {
        loop {
            let read = self
                .terminal
                .async_io(Interest::READABLE, |_| self.read_some())
                .await;
            match read {
                Ok(read) if read > 0 => {
                    self.news.send_modify(|count| *count += 1);
                    if self.shared.transcript().total() > self.output_bytes_max {
                        return;
                    }
                }
                // The program closed its terminal; it may go on without.
                Ok(_) | Err(_) => std::future::pending().await,
            }
        }
    }

    fn read_some(&self) -> io::Result<usize> {
        let mut buffer = [0_u8; 16 * 1024];
        let read = rustix::io::read(self.terminal.get_ref(), &mut buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        self.shared.transcript().push(bytes);
        Ok(read)
    }
}
