//! Holding the tools that write files to the room that a workspace has, by itself and with others, as commands are held to it.

use std::collections::BTreeSet;

use super::Complaint;
use crate::directory::Directory;
use crate::sandbox::disk::DiskLimits;
use crate::workspace::Entered;
use crate::workspace::ledger::Amount;

/// Refuses changes for which there is no room. Each is a path and the bytes that the file has afterwards; nothing where it goes. What
/// takes no more room than before is never refused.
pub(super) fn admit<'a>(
    place: &Entered,
    limits: &DiskLimits,
    changes: impl IntoIterator<Item = (&'a str, Option<usize>)>,
) -> Result<(), Complaint> {
    let coming = growth(place.directory(), changes);
    if coming == Amount::default() {
        return Ok(());
    }
    limits
        .admit(place, coming)
        .map_err(|why| Complaint::Model(format!("nothing was changed: {why}")))
}

/// What comes beyond what goes. What cannot be looked at is taken for absent: the write says what is wrong with it.
fn growth<'a>(
    directory: &Directory,
    changes: impl IntoIterator<Item = (&'a str, Option<usize>)>,
) -> Amount {
    let (mut coming, mut going) = (Amount::default(), Amount::default());
    let mut folders = BTreeSet::new();
    for (path, bytes) in changes {
        if let Ok(there) = directory.stat(path) {
            going = going.more(Amount {
                bytes: u64::try_from(there.st_size).unwrap_or(0),
                files: 1,
            });
        }
        let Some(bytes) = bytes else { continue };
        coming = coming.more(Amount {
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            files: 1,
        });
        let above = path.match_indices('/').map(|(end, _)| &path[..end]);
        folders.extend(above.filter(|folder| directory.stat(folder).is_err()));
    }
    coming.files += u64::try_from(folders.len()).unwrap_or(u64::MAX);
    coming.less(going)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_counted_against_what_goes_and_new_directories_are_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "0123456789").unwrap();
        let directory = Directory::open(folder.path(), None).unwrap();
        let grown = |changes: &[(&str, Option<usize>)]| {
            let Amount { bytes, files } = growth(&directory, changes.iter().copied());
            (bytes, files)
        };
        assert_eq!(grown(&[("a", Some(12))]), (2, 0));
        assert_eq!(grown(&[("a", Some(3))]), (0, 0));
        assert_eq!(grown(&[("b/c/d", Some(5)), ("b/e", Some(1))]), (6, 4));
        assert_eq!(grown(&[("a", None), ("b", Some(11))]), (1, 0));
        assert_eq!(grown(&[("absent", None)]), (0, 0));
    }
}
