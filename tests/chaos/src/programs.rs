//! Where PostgreSQL's programs are, and as whom they run.
//!
//! It only looks; a machine without them is told what to install.

use std::path::{Path, PathBuf};

use nix::unistd::User;

const INSTALL: &str =
    "PostgreSQL 15 or newer is needed: apt-get install postgresql (or put initdb on PATH)";

/// The user as whom a server runs that root starts.
pub fn unprivileged() -> User {
    let user = ["postgres", "nobody"].into_iter();
    let mut known = user.filter_map(|name| User::from_name(name).ok().flatten());
    known.next().unwrap()
}

/// The folder of the newest server that is installed.
pub fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let packaged = versions.filter_map(|entry| {
        let folder = entry.ok()?.path();
        let version: u32 = folder.file_name()?.to_str()?.parse().ok()?;
        Some((version, folder.join("bin")))
    });
    let newest = packaged.max().map(|(_, folder)| folder);
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let folders = newest.into_iter().chain(std::env::split_paths(&on_path));
    let has_server =
        |folder: &PathBuf| is_file(&folder.join("initdb")) && is_file(&folder.join("postgres"));
    folders
        .into_iter()
        .find(has_server)
        .unwrap_or_else(|| panic!("{INSTALL}"))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}
