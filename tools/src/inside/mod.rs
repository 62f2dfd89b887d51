//! What Errand's own program does inside a sandbox: it is started there from memory, as the command's user and under the
//! command's filter, and holds nothing that the command may not have.
//!
//! It prepares what only the inside can give, such as a listening socket of the sandbox's own loopback, hands it out to
//! the worker, and becomes the command, or stays beside it to answer questions.

pub(crate) mod document;
mod stay;
pub(crate) mod unpack;
pub(crate) mod wire;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::io::FdFlags;
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Winsize};

use wire::{Hello, Orders};

/// The first argument of a program that is started inside a sandbox.
pub const ARGUMENT: &str = "inside";
/// The exit status of a command that could not be prepared or started, as `env` and shells have it.
const NOT_STARTED: u8 = 126;

/// What programs are told of a terminal's size.
const SIZE: Winsize = Winsize {
    ws_row: 50,
    ws_col: 200,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// Does what the arguments after [`ARGUMENT`] say: orders as JSON, then the command. Does not come back if it becomes
/// the command.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let orders = arguments
        .next()
        .and_then(|text| serde_json::from_str::<Orders>(text.to_str()?).ok());
    let (Some(orders), Some(program)) = (orders, arguments.next()) else {
        eprintln!("errand: `{ARGUMENT}` is for Errand itself, in a sandbox");
        return ExitCode::from(2);
    };
    let job = if let Some(work) = program.to_str().and_then(own) {
        Job::Own(work, arguments.next().unwrap_or_default())
    } else {
        let mut command = Command::new(program);
        command.args(arguments);
        Job::Command(command)
    };
    match prepare_and_start(&orders, job) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("errand: the command could not be started: {error}");
            ExitCode::from(NOT_STARTED)
        }
    }
}

/// The arguments that start our own program where there is no sandbox to start it in.
pub(crate) fn without_sandbox() -> io::Result<[String; 3]> {
    let orders = serde_json::to_string(&Orders::default())?;
    Ok(["/proc/self/exe".to_owned(), ARGUMENT.to_owned(), orders])
}

/// What is to be done once all is prepared.
enum Job {
    /// To become a command, or to stay beside it.
    Command(Command),
    /// To do work of our own, with this argument.
    Own(Work, OsString),
}

/// Work of our own: an answer for its argument, or what is wrong with what it works on.
type Work = fn(&str) -> io::Result<Result<String, String>>;

/// The exit status of such work where the answer is not to be had; why, is on the standard error.
pub(crate) const NOT_HAD: u8 = 3;

/// The work that is asked for by this name, in place of a program.
fn own(program: &str) -> Option<Work> {
    match program {
        document::PROGRAM => Some(document::answer),
        unpack::PROGRAM => Some(unpack::answer),
        _ => None,
    }
}

/// Whether this names something that our own program does, in place of a command.
pub(crate) fn is_own(program: &str) -> bool {
    own(program).is_some()
}

fn prepare_and_start(orders: &Orders, job: Job) -> io::Result<ExitCode> {
    // The command is of the same user; it must not read or change this process.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    if orders.image > 0 {
        drop(inherited(orders.image)?);
    }
    let Some(control) = (orders.control > 0).then(|| inherited(orders.control)) else {
        return start(job);
    };
    let control = control?;
    let prepared = prepare(orders);
    match &prepared {
        Ok(prepared) => prepared.hand_out(&control)?,
        Err(error) => {
            let reason = error.to_string();
            wire::send(&control, &Hello::Failed { reason }, &[])?;
        }
    }
    let Prepared { terminal, .. } = prepared?;
    match job {
        Job::Command(command) if orders.stays => {
            stay::beside(command, &control, terminal).map(ExitCode::from)
        }
        job @ (Job::Command(_) | Job::Own(..)) => {
            drop(control);
            start(job)
        }
    }
}

fn start(job: Job) -> io::Result<ExitCode> {
    match job {
        Job::Command(mut command) => Err(command.exec()),
        Job::Own(work, ask) => Ok(answered(work(&ask.to_string_lossy()))),
    }
}

/// Prints what work of our own came to.
fn answered(answer: io::Result<Result<String, String>>) -> ExitCode {
    let complaint = match answer {
        Ok(Ok(text)) => {
            return match io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            };
        }
        Ok(Err(complaint)) => complaint,
        Err(error) => error.to_string(),
    };
    eprintln!("{complaint}");
    ExitCode::from(NOT_HAD)
}

/// A descriptor that we were started with. The command does not get it.
#[expect(
    unsafe_code,
    reason = "the number was given to us, and nothing else here knows it"
)]
fn inherited(number: i32) -> io::Result<OwnedFd> {
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    rustix::io::fcntl_setfd(unsafe { BorrowedFd::borrow_raw(number) }, FdFlags::CLOEXEC)?;
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// What is handed out.
struct Prepared {
    listeners: Vec<(u16, TcpListener)>,
    /// The side of the terminal that the worker gets.
    terminal: Option<OwnedFd>,
}

fn prepare(orders: &Orders) -> io::Result<Prepared> {
    let mut listeners = Vec::new();
    for port in &orders.ports {
        listeners.push((*port, TcpListener::bind((Ipv4Addr::LOCALHOST, *port))?));
        // `localhost` is both; there may be no IPv6.
        if let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, *port)) {
            listeners.push((*port, listener));
        }
    }
    let terminal = orders.terminal.then(|| {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = rustix::pty::openpt(flags)?;
        rustix::pty::unlockpt(&terminal)?;
        set_up(&terminal)?;
        io::Result::Ok(terminal)
    });
    Ok(Prepared {
        listeners,
        terminal: terminal.transpose()?,
    })
}

/// Before anyone can write to it: no echo, lines as they are.
fn set_up(terminal: &OwnedFd) -> io::Result<()> {
    let mut settings = rustix::termios::tcgetattr(terminal)?;
    // What is written to it must not come back as if the program had said it.
    settings.local_modes -= LocalModes::ECHO;
    settings.output_modes -= OutputModes::ONLCR;
    rustix::termios::tcsetattr(terminal, OptionalActions::Now, &settings)?;
    Ok(rustix::termios::tcsetwinsize(terminal, SIZE)?)
}

impl Prepared {
    fn hand_out(&self, control: &OwnedFd) -> io::Result<()> {
        let hello = Hello::Ready {
            ports: self.listeners.iter().map(|(port, _)| *port).collect(),
            terminal: self.terminal.is_some(),
        };
        let sockets = self.listeners.iter().map(|(_, listener)| listener.as_fd());
        let descriptors: Vec<BorrowedFd<'_>> = sockets
            .chain(self.terminal.as_ref().map(AsFd::as_fd))
            .collect();
        wire::send(control, &hello, &descriptors)
    }
}
