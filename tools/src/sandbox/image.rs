//! Our own program, as a file in memory that a sandbox can start without seeing the host's file.
//!
//! The file may lie where a workspace's user cannot reach it, and a path into it would be a way back to the host. The copy
//! is sealed: nobody can change what the next sandbox starts.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{MemfdFlags, SealFlags};

/// Made when it is first needed, and kept.
#[derive(Debug, Default)]
pub(super) struct Image(Mutex<Option<OwnedFd>>);

impl Image {
    /// A descriptor to start the program from. Blocks while the copy is made.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let image = match kept.take() {
            Some(image) => image,
            None => copy()?,
        };
        let given = image.try_clone();
        *kept = Some(image);
        given
    }
}

fn copy() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Newer kernels want to be told that it will be run; older ones do not know the word.
    let made = rustix::fs::memfd_create("errand", flags | MemfdFlags::EXEC);
    let mut file = File::from(made.or_else(|_| rustix::fs::memfd_create("errand", flags))?);
    io::copy(&mut File::open("/proc/self/exe")?, &mut file)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    // What is open for writing cannot be run.
    let reopened = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    Ok(reopened.into())
}
