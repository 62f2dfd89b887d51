//! Reading files of a workspace from the host side.

use std::fs::File;
use std::io::Read;

use rustix::fs::{FileType, Mode, OFlags, Stat};

use super::walk::{StatKey, kind_name};
use super::{AccessError, Directory, open_beneath};

/// A file's bytes and what it was when they were read.
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What identifies this state of the file.
    pub key: StatKey,
    /// Whether its owner may execute it.
    pub executable: bool,
}

impl Directory {
    /// Reads a regular file whole, if it has at most `bytes_max` bytes.
    pub fn read(&self, path: &str, bytes_max: u64) -> Result<Content, AccessError> {
        let (file, stat) = self.open_file(path)?;
        let bytes = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if bytes > bytes_max {
            return Err(AccessError::TooLarge { bytes, bytes_max });
        }
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        // It may have grown since it was measured, so the limit holds for what is read.
        let read = file
            .take(bytes_max.saturating_add(1))
            .read_to_end(&mut content)?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        if read > bytes_max {
            return Err(AccessError::TooLarge {
                bytes: read,
                bytes_max,
            });
        }
        Ok(Content {
            bytes: content,
            key: StatKey::of(&stat),
            executable: stat.st_mode & 0o100 != 0,
        })
    }

    /// Opens a regular file and says what it is.
    pub fn open_file(&self, path: &str) -> Result<(File, Stat), AccessError> {
        let descriptor = match open_beneath(self, path, OFlags::RDONLY, Mode::empty()) {
            Err(rustix::io::Errno::ACCESS) if self.mends => self.open_after_granting(path)?,
            other => other?,
        };
        let stat = rustix::fs::fstat(&descriptor)?;
        require(&stat, FileType::RegularFile, "file")?;
        Ok((File::from(descriptor), stat))
    }

    /// An ordinary user is bound by the modes that a command left; the files are ours all the same.
    fn open_after_granting(&self, path: &str) -> Result<std::os::fd::OwnedFd, AccessError> {
        let place = open_beneath(self, path, OFlags::PATH, Mode::empty())?;
        let stat = rustix::fs::fstat(&place)?;
        require(&stat, FileType::RegularFile, "file")?;
        let through = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&place));
        rustix::fs::chmod(&through, Mode::from_raw_mode(stat.st_mode | 0o400))?;
        Ok(open_beneath(self, path, OFlags::RDONLY, Mode::empty())?)
    }

    /// What is at a path, without following a link there.
    pub fn stat(&self, path: &str) -> Result<Stat, AccessError> {
        let place = open_beneath(self, path, OFlags::PATH, Mode::empty())?;
        Ok(rustix::fs::fstat(place)?)
    }
}

pub(super) fn require(
    stat: &Stat,
    wanted: FileType,
    name: &'static str,
) -> Result<(), AccessError> {
    let found = FileType::from_raw_mode(stat.st_mode);
    if found == wanted {
        return Ok(());
    }
    if found == FileType::Symlink {
        return Err(AccessError::Link);
    }
    Err(AccessError::Kind {
        found: kind_name(found),
        wanted: name,
    })
}
