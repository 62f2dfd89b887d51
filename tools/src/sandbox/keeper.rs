//! A process between us and an unsandboxed program: it ends with the program or with us, and takes all that was started along.
//!
//! No namespace ties such a program's processes to us. So the kernel is asked for two things: to tell the keeper when we die,
//! and to make the keeper the parent of every process whose own parent ended. It is a copy of ours that never becomes
//! another program, so it makes plain system calls only. It stays who we are: started as root, the program cannot end it.

use std::ffi::c_int;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};

/// Asks the keeper to ask the program to end.
pub(super) const ASK: Signal = Signal::USR1;
/// Makes the keeper end the program and all that it started. The kernel sends it when we die.
pub(super) const END: Signal = Signal::TERM;

/// Parts this process, which `parent` has started and which has one thread: the keeper stays under its number, and this
/// returns in a new one, with the keeper's number, its parent's.
#[expect(
    unsafe_code,
    reason = "plain system calls on variables of this function"
)]
pub(super) fn keep(parent: Pid) -> rustix::io::Result<Pid> {
    let keeper = rustix::process::getpid();
    let mut before = no_signals();
    let all = all_signals();
    // Before there is a child whose end could be missed.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, &raw mut before) };
    rustix::process::set_child_subreaper(Some(keeper))?;
    // Not the library's `fork`, which runs what others have registered.
    let number = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    match i32::try_from(number).ok().and_then(Pid::from_raw) {
        None if number == 0 => {
            unsafe {
                libc::sigprocmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut())
            };
            Ok(keeper)
        }
        None => Err(rustix::io::Errno::AGAIN),
        Some(program) => {
            let code = watch(program, parent);
            unsafe { libc::_exit(code) }
        }
    }
}

/// Waits for the program, or for a reason to end it. Gives the status to exit with.
#[expect(
    unsafe_code,
    reason = "plain system calls on variables of this function"
)]
fn watch(program: Pid, parent: Pid) -> c_int {
    let _ = rustix::process::setsid();
    let _ = rustix::thread::set_name(c"errand-keeper");
    // It holds a copy of our memory, and the program may be of the same user.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let _ = rustix::process::set_parent_process_death_signal(Some(END));
    // Whoever reads the program's output must not wait for us.
    unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
    let mut exit = None;
    let all = all_signals();
    while exit.is_none() && rustix::process::getppid() == Some(parent) {
        let signal = unsafe { libc::sigwaitinfo(&raw const all, std::ptr::null_mut()) };
        if signal == END.as_raw() {
            break;
        }
        if signal == ASK.as_raw() {
            let _ = rustix::process::kill_process_group(program, Signal::TERM);
        }
        while let Some((pid, code)) = reap(libc::WNOHANG) {
            exit = exit.or((pid == program).then_some(code));
        }
    }
    // What loses its parent becomes a child of ours, so in the end all of it is seen here.
    loop {
        end_children();
        match reap(0) {
            Some((pid, code)) => exit = exit.or((pid == program).then_some(code)),
            None => return exit.unwrap_or(128 + Signal::KILL.as_raw()),
        }
    }
}

/// Waits for a child. Gives its number, and its exit status as shells have it.
#[expect(
    unsafe_code,
    reason = "a plain system call on a variable of this function"
)]
fn reap(options: c_int) -> Option<(Pid, c_int)> {
    let mut status = 0;
    let number = unsafe { libc::waitpid(-1, &raw mut status, options) };
    let code = if libc::WIFSIGNALED(status) {
        128 + libc::WTERMSIG(status)
    } else {
        libc::WEXITSTATUS(status)
    };
    // Minus one when there is no child, and zero when none has ended.
    (number > 0)
        .then(|| Pid::from_raw(number))
        .flatten()
        .map(|pid| (pid, code))
}

/// Ends the children that there are now, or as many as fit into one look.
fn end_children() {
    let mut text = [0_u8; 4096];
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let list = rustix::fs::open(c"/proc/thread-self/children", flags, Mode::empty());
    let read = list
        .and_then(|list| rustix::io::read(&list, &mut text))
        .unwrap_or(0);
    let mut number = 0_i32;
    for byte in text.iter().take(read) {
        if byte.is_ascii_digit() {
            number = number
                .saturating_mul(10)
                .saturating_add(i32::from(byte - b'0'));
            continue;
        }
        // A number that was cut off has no space behind it, and comes again.
        if let Some(pid) = Pid::from_raw(number) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        number = 0;
    }
}

#[expect(unsafe_code, reason = "the library fills the variable")]
fn all_signals() -> libc::sigset_t {
    let mut signals = no_signals();
    unsafe { libc::sigfillset(&raw mut signals) };
    signals
}

#[expect(
    unsafe_code,
    reason = "a set of signals is plain bits, and the library empties it"
)]
fn no_signals() -> libc::sigset_t {
    let mut signals = unsafe { std::mem::zeroed() };
    unsafe { libc::sigemptyset(&raw mut signals) };
    signals
}
