//! Renewing a blob that is there already, instead of writing it again.
//!
//! Whoever sweeps unnamed blobs goes by a file's age, so a put must make the file young again even when it
//! writes nothing. The file system sets the time: no clock is read here. The new time is not synced: after a
//! power cut the file may look old, but then its put was not committed either, or a durable commit names it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};

/// How much of a file is compared at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Makes the file young if it is there and whole. `false` means that it has to be written, as it has to when the
/// disk has damaged it: only a new put can mend a blob.
pub(crate) fn renew(path: &Path, content: &[u8]) -> io::Result<bool> {
    match File::open(path) {
        Ok(found) if holds(&found, content)? => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let omit = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_OMIT,
    };
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: omit,
        last_modification: now,
    };
    match utimensat(CWD, path, &times, AtFlags::empty()) {
        // Swept between the look and the touch.
        Err(rustix::io::Errno::NOENT) => return Ok(false),
        touched => touched?,
    }
    // Another put may have renamed the file into place and been killed, or not come yet to syncing the folder.
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(true)
}

/// Whether a file holds exactly these bytes. It is read a piece at a time: a second copy of a large blob would cost its size.
fn holds(mut file: &File, content: &[u8]) -> io::Result<bool> {
    if file.metadata()?.len() != content.len() as u64 {
        return Ok(false);
    }
    let mut piece = vec![0; PIECE_BYTES];
    let mut rest = content;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok(rest.is_empty());
        }
        match rest.strip_prefix(&piece[..read]) {
            Some(left) => rest = left,
            None => return Ok(false),
        }
    }
}
