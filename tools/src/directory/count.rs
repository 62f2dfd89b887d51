//! Counting the entries of a workspace by their names alone.
//!
//! This asks for no facts of any entry, so it takes a small part of the time of a walk. It is for a glance at a tree that grows fast.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::walk::DEPTH_MAX;
use super::{AccessError, Directory, open_beneath};

impl Directory {
    /// How many entries there are, as far as they can be looked at; counting ends above `max`.
    pub(crate) fn count_entries(&self, max: u64) -> Result<u64, AccessError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let top = open_beneath(self, "", flags, Mode::empty())?;
        let mut found = 0;
        // Foreign code changes what is looked at, so what fails was not there.
        let _ = count(&top, 0, max, &mut found);
        Ok(found)
    }
}

fn count(at: &OwnedFd, depth: usize, max: u64, found: &mut u64) -> rustix::io::Result<()> {
    for entry in Dir::read_from(at)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        *found += 1;
        if *found > max {
            return Ok(());
        }
        let is_folder = match entry.file_type() {
            FileType::Directory => true,
            FileType::Unknown => rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory),
            FileType::RegularFile
            | FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice => false,
        };
        if is_folder && depth < DEPTH_MAX {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if let Ok(below) = rustix::fs::openat(at, name, flags, Mode::empty()) {
                count(&below, depth + 1, max, found)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn files_folders_and_links_are_entries_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir_all(path.join("a/b")).unwrap();
        std::fs::write(path.join("a/b/file"), "x").unwrap();
        std::os::unix::fs::symlink("/usr", path.join("link")).unwrap();
        let directory = Directory::open(path, None).unwrap();
        assert_eq!(directory.count_entries(100).unwrap(), 4);
        assert_eq!(directory.count_entries(2).unwrap(), 3);
    }
}
