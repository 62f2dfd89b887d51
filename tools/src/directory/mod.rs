//! One workspace directory as the host sees it: reads and writes beneath it, never outside and never through a link.
//!
//! What lies in there was made by foreign code, so no plain path is ever used: every name is resolved by the kernel
//! relative to the directory's descriptor, links are refused, and what was opened is checked to be a regular file.
//! A file is written whole or not at all, under a name of its own that is then moved into place.

mod count;
mod delete;
mod foreign;
mod path;
mod read;
mod rename;
mod walk;
mod wipe;
mod write;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, OFlags, ResolveFlags, Uid};

pub use delete::Deleted;
pub(crate) use path::normalize;
pub(crate) use walk::{DEPTH_MAX, Found, Kind, Next, StatKey, Walk};
pub(crate) use write::Unfinished;

/// Why a file of a workspace could not be reached. All but `Io` are the caller's to mend.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The path is not one that a workspace can have.
    #[error("{0}")]
    Path(&'static str),
    /// Nothing is there.
    #[error("no such file or directory")]
    Missing,
    /// Something else than what was asked for is there.
    #[error("it is a {found}, not a {wanted}")]
    Kind {
        /// What is there.
        found: &'static str,
        /// What was wanted.
        wanted: &'static str,
    },
    /// A link is on the way.
    #[error("it is, or lies behind, a symbolic link; links are not followed")]
    Link,
    /// The file's mode denies it.
    #[error("permission denied by the file's mode; change it with chmod in the shell")]
    Denied,
    /// Something that may not be replaced is there.
    #[error("a {found} of that name is there already")]
    Taken {
        /// What is there.
        found: &'static str,
    },
    /// A directory that holds something.
    #[error("the directory is not empty: it holds {files} files and {folders} directories")]
    NotEmpty {
        /// Files in it and below.
        files: u64,
        /// Directories in it and below.
        folders: u64,
    },
    /// More bytes than may be read or written.
    #[error("it has {bytes} bytes, and at most {bytes_max} can be handled")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The file system said no.
    #[error("the file system refused: {0}")]
    Io(#[from] io::Error),
}

impl From<rustix::io::Errno> for AccessError {
    fn from(errno: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        match errno {
            Errno::NOENT => Self::Missing,
            Errno::LOOP | Errno::XDEV => Self::Link,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::NOTDIR => Self::Kind {
                found: "file",
                wanted: "directory",
            },
            Errno::ISDIR => Self::Kind {
                found: "directory",
                wanted: "file",
            },
            // Opening a socket, or a pipe that no one reads.
            Errno::NXIO => Self::Kind {
                found: "socket or pipe",
                wanted: "file",
            },
            other => Self::Io(other.into()),
        }
    }
}

/// An open workspace directory and the user who owns what is made there.
#[derive(Debug)]
pub struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
    owner: Option<u32>,
    /// Whether modes that keep us out are mended: in a workspace, and in nobody else's directory.
    mends: bool,
}

impl Directory {
    /// Opens a directory whose path leads through directories of our own only.
    pub fn open(path: &Path, owner: Option<u32>) -> io::Result<Self> {
        Self::with(path, owner, true)
    }

    /// Opens a directory that is no workspace. It is left as it is but for what is handed over and taken away.
    pub fn of_somebody(path: &Path) -> io::Result<Self> {
        Self::with(path, None, false)
    }

    fn with(path: &Path, owner: Option<u32>, mends: bool) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self {
            descriptor,
            path: path.to_owned(),
            owner,
            mends,
        })
    }

    /// Its path on the host.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The uid that owns its files, when that is not our own.
    pub fn owner(&self) -> Option<u32> {
        self.owner
    }

    /// Gives the directory itself to its owner, readable by no one else.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        self.own(self.as_fd(), Mode::RWXU)
    }

    /// Gives what we made to the owner.
    fn own(&self, fresh: BorrowedFd<'_>, mode: Mode) -> io::Result<()> {
        if let Some(uid) = self.owner {
            rustix::fs::fchown(fresh, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
        }
        // After the change of owner, which clears bits; and our own umask must not decide.
        rustix::fs::fchmod(fresh, mode)?;
        Ok(())
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Opens a path beneath a directory, following nothing.
pub(crate) fn open_beneath(
    at: impl AsFd,
    path: &str,
    flags: OFlags,
    mode: Mode,
) -> rustix::io::Result<OwnedFd> {
    let path = if path.is_empty() { "." } else { path };
    // A FIFO must not make us wait, nor a terminal become ours. A place that is only named is not opened at all, and the
    // kernel refuses these flags there.
    let careful = if flags.contains(OFlags::PATH) {
        OFlags::empty()
    } else {
        OFlags::NONBLOCK | OFlags::NOCTTY
    };
    rustix::fs::openat2(
        at,
        path,
        flags | careful | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        mode,
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    )
}
