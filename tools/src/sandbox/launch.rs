//! Starting a process with nothing of ours: no environment, no descriptors, no privileges, bounded resources.
//!
//! Between fork and exec only plain system calls are made: no allocation, no lock. Privileges are given up before exec, so
//! the started program never runs as host root.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::mount::MountPropagationFlags;
use rustix::process::{Gid, Pid, Resource, Rlimit, Signal, Uid};
use rustix::thread::UnshareFlags;

use super::born::{Becomes, Born};
use super::cgroup::Door;
use super::keeper;
use crate::options::Options;

/// A folder made reachable for a user who cannot pass the folders above it: bound to an existing folder, in a mount
/// namespace that only the started process has.
pub(super) struct Stage {
    pub source: CString,
    pub target: CString,
}

/// A process to start.
pub(super) struct Launch {
    pub program: PathBuf,
    /// What it goes by in a list of processes, if not by its path.
    pub name: Option<String>,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// Descriptors that it inherits, under their numbers here.
    pub inherited: Vec<OwnedFd>,
    /// Cgroups that it joins.
    pub doors: Vec<Door>,
    pub owner: Option<u32>,
    pub stages: Vec<Stage>,
    /// The directory to start in; the root if none.
    pub directory: Option<OwnedFd>,
    /// Its standard input; empty if none.
    pub input: Option<OwnedFd>,
    pub limits: Vec<(Resource, u64)>,
    /// Whether a keeper stands between us and it, for want of a namespace that ends with it.
    pub is_kept: bool,
}

/// The limits that each process has.
pub(super) fn process_limits(options: &Options, memory_is_bounded: bool) -> Vec<(Resource, u64)> {
    let mut limits = vec![
        (Resource::Core, 0),
        (Resource::Fsize, options.file_bytes_max),
        (Resource::Nofile, options.open_files_max),
        (Resource::Memlock, 64 * 1024),
    ];
    if !memory_is_bounded {
        // Data, not address space: many runtimes reserve far more addresses than they use.
        limits.push((Resource::Data, options.memory_bytes));
    }
    limits
}

/// A process that was started, and what it prints.
pub(super) struct Launched {
    pub born: Born,
    pub stdout: File,
    pub stderr: File,
}

impl Launch {
    /// Starts the process. Its output comes through pipes.
    pub fn spawn(self) -> io::Result<Launched> {
        let piped = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
        let ((stdout, out), (stderr, err)) = (piped()?, piped()?);
        let input = match self.input {
            Some(input) => input,
            None => File::open("/dev/null")?.into(),
        };
        let name = self
            .name
            .as_ref()
            .map_or(self.program.as_os_str(), |name| name.as_ref());
        let mut arguments = vec![CString::new(name.as_bytes())?];
        for argument in self.arguments {
            arguments.push(CString::new(argument)?);
        }
        // The last of a name holds.
        let variables: BTreeMap<&str, &str> = self
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let mut environment = Vec::with_capacity(variables.len());
        for (name, value) in &variables {
            environment.push(CString::new(format!("{name}={value}"))?);
        }
        let becomes = Becomes {
            programs: programs(&self.program, variables.get("PATH").copied())?,
            arguments,
            environment,
            standard: [input, out, err],
        };
        let prepare = Prepare {
            owner: self.owner,
            stages: self.stages,
            directory: self.directory,
            limits: self
                .limits
                .iter()
                .map(|(resource, limit)| (*resource, lowered(*resource, *limit)))
                .collect(),
            inherit: self.inherited.iter().map(AsRawFd::as_raw_fd).collect(),
            parent: rustix::process::getpid(),
            is_kept: self.is_kept,
            doors: self.doors,
        };
        let mut groups = prepare.doors.iter().filter_map(|door| door.group.as_ref());
        let group = groups.next().map(AsFd::as_fd);
        Ok(Launched {
            born: Born::start(&becomes, group, |is_in_group| prepare.run(is_in_group))?,
            stdout: stdout.into(),
            stderr: stderr.into(),
        })
    }
}

/// Where a program may be: a bare name is looked for in the folders in which the program itself will look.
fn programs(program: &Path, path: Option<&str>) -> io::Result<Vec<CString>> {
    let named = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from);
    if program.as_os_str().as_bytes().contains(&b'/') {
        return Ok(vec![named(program)?]);
    }
    let folders = path.into_iter().flat_map(|folders| folders.split(':'));
    folders
        .map(|folder| named(&Path::new(folder).join(program)))
        .collect()
}

/// A limit can be lowered by anyone and raised by few.
pub(super) fn lowered(resource: Resource, limit: u64) -> Rlimit {
    let hard = rustix::process::getrlimit(resource).maximum;
    let limit = hard.map_or(limit, |hard| hard.min(limit));
    Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    }
}

struct Prepare {
    doors: Vec<Door>,
    owner: Option<u32>,
    stages: Vec<Stage>,
    directory: Option<OwnedFd>,
    limits: Vec<(Resource, Rlimit)>,
    inherit: Vec<i32>,
    parent: Pid,
    is_kept: bool,
}

const CLOSE_RANGE_CLOEXEC: libc::c_uint = 1 << 2;

impl Prepare {
    /// In the new process, which may be in its group of version 2 already.
    fn run(&self, is_in_group: bool) -> rustix::io::Result<()> {
        // First of all: joining a cgroup can take long, and all that time this process holds copies of our sockets and locks.
        end_with(self.parent)?;
        for door in &self.doors {
            if door.group.is_none() || !is_in_group {
                rustix::io::write(&door.joins, b"0")?;
            }
        }
        let parent = if self.is_kept {
            keeper::keep(self.parent)?
        } else {
            self.parent
        };
        // A session of its own: no terminal of ours, and one process group to signal.
        let _ = rustix::process::setsid();
        let _ = rustix::process::nice(5);
        be_first_to_go();
        match &self.directory {
            Some(directory) => rustix::process::fchdir(directory)?,
            None => rustix::process::chdir(c"/")?,
        }
        if !self.stages.is_empty() {
            bind(&self.stages)?;
        }
        if let Some(uid) = self.owner {
            become_user(uid)?;
        }
        // Changing the user has undone it, and the parent may be another.
        end_with(parent)?;
        for (resource, limit) in &self.limits {
            rustix::process::setrlimit(*resource, *limit)?;
        }
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
        close_above_standard()?;
        for descriptor in &self.inherit {
            keep_open(*descriptor)?;
        }
        Ok(())
    }
}

/// The kernel ends this process with its parent; a parent that is gone already is noticed here.
fn end_with(parent: Pid) -> rustix::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() == Some(parent) {
        return Ok(());
    }
    Err(rustix::io::Errno::SRCH)
}

/// When memory is short the kernel takes a sandboxed program before us.
fn be_first_to_go() {
    const PATH: &CStr = c"/proc/self/oom_score_adj";
    if let Ok(file) = rustix::fs::open(PATH, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _ = rustix::io::write(&file, b"500");
        // It goes with this program. The library's `close` may take a lock that another thread of the original held.
        std::mem::forget(file);
    }
}

#[expect(
    unsafe_code,
    reason = "the process has one thread, so no other loses its view of the file system"
)]
fn bind(stages: &[Stage]) -> rustix::io::Result<()> {
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }?;
    // Nothing that we mount is seen outside.
    let inward = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    rustix::mount::mount_change(c"/", inward)?;
    for Stage { source, target } in stages {
        rustix::mount::mount_bind(source, target)?;
    }
    Ok(())
}

fn become_user(uid: u32) -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(group, group, group)?;
    rustix::thread::set_thread_res_uid(user, user, user)
}

/// Marks all descriptors but the standard ones to be closed at exec; closing them now would hide a failed exec from us.
#[expect(unsafe_code, reason = "no safe binding of this system call is at hand")]
fn close_above_standard() -> rustix::io::Result<()> {
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3 as libc::c_uint,
            libc::c_uint::MAX,
            CLOSE_RANGE_CLOEXEC,
        )
    };
    if outcome == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error().raw_os_error().map_or(
        rustix::io::Errno::NOSYS,
        rustix::io::Errno::from_raw_os_error,
    ))
}

#[expect(
    unsafe_code,
    reason = "the descriptor is open: its owner lives in the parent until the process is started"
)]
fn keep_open(descriptor: i32) -> rustix::io::Result<()> {
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    rustix::io::fcntl_setfd(descriptor, FdFlags::empty())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_is_looked_for_where_the_program_will_look() {
        let found = |name: &str, path| programs(Path::new(name), path).unwrap();
        assert_eq!(
            found("sh", Some("/a:/b")),
            [c"/a/sh", c"/b/sh"].map(CStr::to_owned)
        );
        assert_eq!(found("./sh", Some("/a:/b")), [c"./sh".to_owned()]);
        assert_eq!(found("sh", None), Vec::<CString>::new());
    }
}
