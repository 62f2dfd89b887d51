//! Starting a program in its cgroup of version 2, and waiting for its end.
//!
//! A process that moves into such a group waits until every processor has been idle once, ten milliseconds and more; one that is
//! made in it waits for nothing. The standard library makes processes in our own group only, so they are made here. Until it
//! becomes another program the new process is a copy of ours with one thread, which makes plain system calls only: no
//! allocation, no lock.

use std::ffi::{CStr, CString, c_char};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions};

/// Libraries do not have it, or in a number that is too small for it.
const CLONE_INTO_CGROUP: libc::c_ulonglong = 1 << 33;

/// What the new process becomes.
pub(super) struct Becomes {
    /// The first of these that exists.
    pub programs: Vec<CString>,
    /// From its name on.
    pub arguments: Vec<CString>,
    /// Each with its name, as `NAME=value`.
    pub environment: Vec<CString>,
    /// Its standard input, output and errors. Their numbers here are above those.
    pub standard: [OwnedFd; 3],
}

/// A child of ours.
pub(super) struct Born {
    pid: Pid,
    /// Its exit status, once it was waited for: its number may be another's then.
    exit: Option<i32>,
}

impl Born {
    /// Starts a program, in this group if the kernel can do that. The new process prepares itself, told whether it is in the
    /// group; its error is ours.
    pub fn start(
        becomes: &Becomes,
        group: Option<BorrowedFd<'_>>,
        prepare: impl Fn(bool) -> rustix::io::Result<()>,
    ) -> io::Result<Self> {
        let (failed, tells) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let arguments = pointers(&becomes.arguments);
        let environment = pointers(&becomes.environment);
        let (new, is_in_group) = part(group)?;
        let Some(pid) = new else {
            let error = match take_standard(&becomes.standard).and_then(|()| prepare(is_in_group)) {
                Ok(()) => exec(&becomes.programs, &arguments, &environment),
                Err(error) => error,
            };
            let _ = rustix::io::write(&tells, &error.raw_os_error().to_ne_bytes());
            leave()
        };
        drop(tells);
        let mut born = Self { pid, exit: None };
        let mut number = [0; 4];
        // Nothing comes where it became the program, which closed the other end.
        if File::from(failed).read_exact(&mut number).is_ok() {
            born.wait()?;
            return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)));
        }
        Ok(born)
    }

    /// Its process number, which is its own until it was waited for.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits for its end. Gives its exit status; 128 and the number for a signal. Safe to repeat.
    pub fn wait(&mut self) -> io::Result<i32> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let wait = || rustix::process::waitpid(Some(self.pid), WaitOptions::empty());
        let waited = rustix::io::retry_on_intr(wait)?;
        let exit = waited.and_then(|(_, status)| {
            let signal = || status.terminating_signal().map(|signal| 128 + signal);
            status.exit_status().or_else(signal)
        });
        let exit = exit.unwrap_or(-1);
        self.exit = Some(exit);
        Ok(exit)
    }
}

/// Pointers to each, and the one to nothing that ends such a list.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    let each = texts.iter().map(|text| text.as_ptr());
    each.chain([ptr::null()]).collect()
}

/// Makes a copy of this process, in a group if one is named and it can be. Gives the copy's number, or nothing in the copy itself;
/// and whether the copy is in the group.
#[expect(
    unsafe_code,
    reason = "plain system calls on variables of this function"
)]
fn part(group: Option<BorrowedFd<'_>>) -> rustix::io::Result<(Option<Pid>, bool)> {
    let mut how: libc::clone_args = unsafe { std::mem::zeroed() };
    how.exit_signal = libc::c_ulonglong::from(libc::SIGCHLD.unsigned_abs());
    if let Some(group) = group {
        how.flags = CLONE_INTO_CGROUP;
        how.cgroup = libc::c_ulonglong::from(group.as_raw_fd().unsigned_abs());
        // Not the library's `fork`, which knows of no groups and runs what others have registered.
        let number = unsafe { libc::syscall(libc::SYS_clone3, &raw const how, size_of_val(&how)) };
        if number >= 0 {
            return Ok((pid_of(number), true));
        }
        // An old kernel, or a filter around us that does not know the call.
    }
    // Libraries around ours may have locks of their own, which their handlers make free in the copy.
    let number = unsafe { libc::fork() };
    if number < 0 {
        return Err(last_error());
    }
    Ok((pid_of(number.into()), false))
}

fn pid_of(number: libc::c_long) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Puts the standard descriptors in their places, and signals to what they are at the start of a program.
#[expect(unsafe_code, reason = "plain system calls")]
fn take_standard(standard: &[OwnedFd; 3]) -> rustix::io::Result<()> {
    for (number, descriptor) in (0..).zip(standard) {
        if unsafe { libc::dup2(descriptor.as_raw_fd(), number) } < 0 {
            return Err(last_error());
        }
    }
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        // Ours is ignored, and what is ignored stays so.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
    Ok(())
}

/// Becomes the first of these programs that exists. Comes back with an error only.
#[expect(
    unsafe_code,
    reason = "the lists end with a null pointer, and what they point to is still there"
)]
fn exec(programs: &[CString], arguments: &[*const c_char], environment: &[*const c_char]) -> Errno {
    let mut error = Errno::NOENT;
    for program in programs {
        let program: &CStr = program;
        unsafe { libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
        error = last_error();
        if error != Errno::NOENT && error != Errno::NOTDIR && error != Errno::ACCESS {
            break;
        }
    }
    error
}

#[expect(unsafe_code, reason = "a plain system call that does not come back")]
fn leave() -> ! {
    unsafe { libc::_exit(127) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn start(programs: &[&CStr], script: &CStr) -> io::Result<Born> {
        let null = || File::options().read(true).write(true).open("/dev/null");
        let becomes = Becomes {
            programs: programs.iter().map(|name| (*name).to_owned()).collect(),
            arguments: [c"sh", c"-c", script].map(CStr::to_owned).to_vec(),
            environment: vec![c"STATUS=3".to_owned()],
            standard: [null()?.into(), null()?.into(), null()?.into()],
        };
        Born::start(&becomes, None, |_| Ok(()))
    }

    #[test]
    fn the_first_program_that_exists_is_started_and_its_end_is_told_again_and_again() {
        for (script, wanted) in [(c"exit $STATUS", 3), (c"kill -9 $$", 137)] {
            let mut born = start(&[c"/missing/sh", c"/bin/sh"], script).unwrap();
            assert_eq!(born.wait().unwrap(), wanted);
            assert_eq!(born.wait().unwrap(), wanted);
        }
    }

    #[test]
    fn what_cannot_be_started_says_why() {
        let failed = start(&[c"/missing/sh"], c"")
            .err()
            .map(|error| error.kind());
        assert_eq!(failed, Some(io::ErrorKind::NotFound));
    }
}
