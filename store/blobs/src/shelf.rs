//! What a sweep needs of a folder: shards, ages by the file system's own clock, and removal.
//!
//! A put may come between the look at an age and the removal. The blob was doomed in the database by then, so whatever names it
//! is refused, and puts it again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use agent_core::blob::BlobHash;
use agent_core::id::TenantId;
use agent_core::ports::housekeeping::{Cutoff, OwnedHash};

/// The file system's time, in milliseconds.
pub(crate) fn now_ms(folder: &Path) -> io::Result<i64> {
    let trial = folder.join(format!(".clock-{}", std::process::id()));
    let stat = File::create(&trial).and_then(|file| file.metadata());
    let removed = fs::remove_file(&trial);
    let now = modified_ms(&stat?);
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(now),
    }
}

fn modified_ms(stat: &fs::Metadata) -> i64 {
    stat.mtime() * 1_000 + stat.mtime_nsec() / 1_000_000
}

/// Names in a folder, sorted; none if it is not there.
fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = entries
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// The first `tenant/shard` after this one.
pub(crate) fn shard_after(folder: &Path, after: Option<&str>) -> io::Result<Option<String>> {
    for tenant in names(folder)? {
        let Some(tenant) = tenant.to_str().filter(|name| is_tenant(name)) else {
            continue;
        };
        for shard in names(&folder.join(tenant))? {
            let Some(shard) = shard.to_str() else {
                continue;
            };
            let name = format!("{tenant}/{shard}");
            if after.is_none_or(|after| name.as_str() > after) {
                return Ok(Some(name));
            }
        }
    }
    Ok(None)
}

pub(crate) fn is_tenant(name: &str) -> bool {
    name.parse::<TenantId>().is_ok()
}

/// Blobs of a shard that are older than the moment. Drafts of puts that were killed, if they are as old, are removed.
pub(crate) fn old_in(folder: &Path, shard: &str, cutoff: Cutoff) -> io::Result<Vec<OwnedHash>> {
    let place = folder.join(shard);
    let tenant = shard.split('/').next().and_then(|name| name.parse().ok());
    let Some(tenant): Option<TenantId> = tenant else {
        return Ok(Vec::new());
    };
    let mut old = Vec::new();
    for name in names(&place)? {
        let path = place.join(&name);
        if !is_old(&path, cutoff)? {
            continue;
        }
        match name.to_str().map(str::parse::<BlobHash>) {
            Some(Ok(hash)) => old.push((tenant.clone(), hash)),
            // The unfinished file of a put: its name is the blob's with a mark behind it.
            Some(Err(_)) if name.to_string_lossy().contains('#') => gone(&path)?,
            Some(Err(_)) | None => {}
        }
    }
    Ok(old)
}

fn is_old(path: &Path, cutoff: Cutoff) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(stat) => Ok(stat.is_file() && modified_ms(&stat) < cutoff.0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a blob's file unless it is younger than the moment. Says whether it is gone.
pub(crate) fn remove(path: &Path, cutoff: Cutoff) -> io::Result<bool> {
    if !path.try_exists()? {
        return Ok(true);
    }
    let old = is_old(path, cutoff)?;
    if old {
        gone(path)?;
    }
    Ok(old)
}

fn gone(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
