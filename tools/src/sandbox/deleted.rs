//! Files that have no name any more and take space all the same, since a program of the workspace holds them open.
//!
//! A walk does not see them. They are found through the descriptors of the processes for which our workspace is theirs, so
//! that nobody is charged for what others hold. Looking costs a pass over all processes of the host: it is done only when
//! space is missing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::directory::Directory;

/// Where a sandboxed process has its workspace, seen through its own root.
const WORKSPACE: &str = "root/workspace";

/// How much space such files of this workspace take. What cannot be looked at counts nothing.
pub(super) fn bytes_held_open(directory: &Directory) -> u64 {
    let Ok(ours) = rustix::fs::fstat(directory) else {
        return 0;
    };
    let mut held = BTreeMap::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = process.path();
        let theirs = fs::metadata(path.join(WORKSPACE));
        if theirs.is_ok_and(|theirs| (theirs.dev(), theirs.ino()) == (ours.st_dev, ours.st_ino)) {
            find(&path, ours.st_dev, &mut held);
        }
    }
    held.values().sum()
}

/// Adds the space of each nameless file that a process holds, by the file's number: several may hold the same.
fn find(process: &Path, device: u64, held: &mut BTreeMap<u64, u64>) {
    for descriptor in fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten()
    {
        if let Ok(file) = fs::metadata(descriptor.path())
            && file.is_file()
            && file.nlink() == 0
            && file.dev() == device
        {
            held.insert(file.ino(), file.blocks().saturating_mul(512));
        }
    }
}
