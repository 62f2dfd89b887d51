//! Deleting a file or a directory of a workspace by its path.

use std::ffi::CString;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::walk::kind_name;
use super::{AccessError, Directory, Kind, Next};

/// What was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// What the path named.
    pub kind: &'static str,
    /// Files that are gone.
    pub files: u64,
    /// Directories that are gone.
    pub folders: u64,
    /// Size of the files.
    pub bytes: u64,
}

impl Directory {
    /// Deletes what is at a path: of a link the link itself, of a directory everything in it, if `recursive` is set or it is
    /// empty.
    pub fn delete(&self, path: &str, recursive: bool) -> Result<Deleted, AccessError> {
        let (parent, name) = self.parent_of(path)?;
        let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let mut deleted = Deleted {
            kind: kind_name(kind),
            files: 0,
            folders: 0,
            bytes: 0,
        };
        if kind != FileType::Directory {
            rustix::fs::unlinkat(&parent, name, AtFlags::empty())?;
            deleted.files = 1;
            if kind == FileType::RegularFile {
                deleted.bytes = u64::try_from(stat.st_size).unwrap_or(0);
            }
            return Ok(deleted);
        }
        self.count(path, &mut deleted);
        if !recursive {
            return match rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => Err(AccessError::NotEmpty {
                    files: deleted.files,
                    folders: deleted.folders - 1,
                }),
                other => Ok(other.map(|()| deleted)?),
            };
        }
        let name = CString::new(name).map_err(|_| AccessError::Missing)?;
        self.remove(parent.as_fd(), &name)?;
        Ok(deleted)
    }

    /// Counts a directory and what is in it. What cannot be opened is not counted, and deleted all the same.
    fn count(&self, path: &str, deleted: &mut Deleted) {
        deleted.folders = 1;
        let _ = self.walk::<()>(path, &mut |walk| {
            match walk.found.kind {
                Kind::Folder => deleted.folders += 1,
                Kind::File => {
                    deleted.files += 1;
                    deleted.bytes = deleted.bytes.saturating_add(walk.found.bytes);
                }
                Kind::Other(_) => deleted.files += 1,
            }
            Ok(Next::Enter)
        });
    }
}
