//! Making a workspace hold exactly the files of a manifest.
//!
//! What is certainly there already stays; everything else is removed and written anew. While this goes on no one can
//! enter the place, and a restore that was broken off leaves it closed until the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use agent_core::id::TenantId;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::workspaces::WorkspaceError;
use agent_core::workspace::{Entry, Manifest, check_path};
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::OwnedRwLockWriteGuard;

use super::ledger::Amount;
use super::place::Held;
use super::{Bounds, blocking, unavailable};
use crate::directory::{AccessError, Found, Kind, Next, StatKey};

/// Blobs that are had at the same time.
const GETS_AT_ONCE: usize = 4;
/// Files are written in batches of this many, or of this many bytes: handing work to another thread costs more than a file.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Refuses a manifest that no workspace can hold.
pub(super) fn check(manifest: &Manifest, bounds: Bounds) -> Result<(), WorkspaceError> {
    let files = u64::try_from(manifest.0.len()).unwrap_or(u64::MAX);
    let bytes = manifest
        .0
        .values()
        .fold(0_u64, |sum, entry| sum.saturating_add(entry.blob.bytes));
    bounds.check(files, bytes)?;
    let folders = folders_of(manifest);
    for path in manifest.0.keys() {
        let wrong = check_path(path).err().or_else(|| {
            folders
                .contains(path.as_str())
                .then_some("a file lies below a file")
        });
        if let Some(wrong) = wrong {
            return Err(unavailable(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the manifest cannot be restored: {wrong}"),
            )));
        }
    }
    Ok(())
}

pub(super) async fn restore(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    held: Arc<Held>,
    manifest: &Manifest,
) -> Result<(), WorkspaceError> {
    let still = Arc::new(Arc::clone(&held.in_use).write_owned().await);
    held.ready.store(false, Ordering::Release);
    let (room, wanted, guard) = (Arc::clone(&held), manifest.clone(), Arc::clone(&still));
    let missing = blocking(move || prune(&room, &wanted, &guard)).await?;
    let written = fill(blobs, tenant, &held, missing, &still).await?;
    let (room, guard) = (Arc::clone(&held), Arc::clone(&still));
    blocking(move || settle(&room, written, &guard)).await?;
    held.account.note(amount(manifest));
    held.ready.store(true, Ordering::Release);
    Ok(())
}

/// Writes files as their blobs come, in any order and some at a time, so that few are in memory.
async fn fill(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    held: &Arc<Held>,
    missing: BTreeMap<String, Entry>,
    still: &Arc<Still>,
) -> Result<Vec<Written>, WorkspaceError> {
    let gets = missing.into_iter().map(|(path, entry)| async move {
        let bytes = blobs.get(tenant, &entry.blob.hash).await?;
        Ok::<_, WorkspaceError>((path, entry, bytes))
    });
    let mut coming = futures_util::stream::iter(gets).buffer_unordered(GETS_AT_ONCE);
    let mut written = Vec::new();
    loop {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_FILES && bytes < BATCH_BYTES {
            let Some(file) = coming.try_next().await? else {
                break;
            };
            bytes += file.2.len();
            batch.push(file);
        }
        if batch.is_empty() {
            return Ok(written);
        }
        let (room, guard) = (Arc::clone(held), Arc::clone(still));
        let done = blocking(move || {
            batch
                .into_iter()
                .map(|(path, entry, bytes)| write(&room, path, entry, &bytes, &guard))
                .collect::<Result<Vec<Written>, WorkspaceError>>()
        });
        written.extend(done.await?);
    }
}

type Still = OwnedRwLockWriteGuard<()>;

/// Removes what the manifest does not have, and says what is missing then.
fn prune(
    held: &Held,
    manifest: &Manifest,
    _still: &Arc<Still>,
) -> Result<BTreeMap<String, Entry>, WorkspaceError> {
    let folders = folders_of(manifest);
    let mut missing = manifest.0.clone();
    let mut cache = held.cache.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = &held.directory;
    directory.reopen().map_err(unavailable)?;
    directory
        .walk::<()>("", &mut |walk| {
            let found = &walk.found;
            let path = found.path.as_deref().unwrap_or_default();
            if found.kind == Kind::Folder && folders.contains(path) {
                return Ok(Next::Enter);
            }
            let wanted = missing.get(path);
            if wanted.is_some_and(|wanted| is_there(&cache, path, found, wanted)) {
                missing.remove(path);
                return Ok(Next::Pass);
            }
            match directory.remove(walk.parent, walk.name) {
                Ok(()) => Ok(Next::Pass),
                Err(error) => {
                    tracing::warn!(%error, "an entry of a workspace could not be removed");
                    Err(ControlFlow::Break(()))
                }
            }
        })
        .map_err(access)?
        .map_or(Ok(()), |()| {
            Err(unavailable(io::Error::other(
                "the workspace cannot be cleared",
            )))
        })?;
    cache.keep(|path| manifest.0.contains_key(path) && !missing.contains_key(path));
    Ok(missing)
}

/// A file with a second name could be changed through it later, so it is not kept.
fn is_there(cache: &super::cache::Cache, path: &str, found: &Found, wanted: &Entry) -> bool {
    found.kind == Kind::File
        && found.only_name
        && cache.unchanged(path, &found.key, found.executable).as_ref() == Some(wanted)
}

struct Written {
    path: String,
    entry: Entry,
    key: StatKey,
}

fn write(
    held: &Held,
    path: String,
    entry: Entry,
    bytes: &[u8],
    _still: &Arc<Still>,
) -> Result<Written, WorkspaceError> {
    let directory = &held.directory;
    directory
        .write(&path, bytes, Some(entry.executable))
        .map_err(access)?;
    let stat = directory.stat(&path).map_err(access)?;
    let key = StatKey::of(&stat);
    Ok(Written { path, entry, key })
}

/// Remembers what was written, after the clock has moved on, so that the knowledge is certain.
fn settle(held: &Held, written: Vec<Written>, _still: &Arc<Still>) -> Result<(), WorkspaceError> {
    let last = written.iter().map(|file| file.key.changed()).max();
    let mut now = held.home.now().map_err(unavailable)?;
    // A tick is at most 10 ms. If the clock does not move, the files are hashed once more later, which is no harm.
    for _ in 0..20 {
        if last.is_none_or(|last| last < now) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
        now = held.home.now().map_err(unavailable)?;
    }
    let mut cache = held.cache.lock().unwrap_or_else(PoisonError::into_inner);
    for file in written {
        cache.learn(file.path, file.key, file.entry, now);
    }
    Ok(())
}

/// What a workspace holds that holds a manifest, but for what the file system adds.
fn amount(manifest: &Manifest) -> Amount {
    let folders = folders_of(manifest).len();
    let mut held = Amount {
        bytes: 0,
        files: u64::try_from(manifest.0.len() + folders).unwrap_or(u64::MAX),
    };
    for entry in manifest.0.values() {
        held.bytes = held.bytes.saturating_add(entry.blob.bytes);
    }
    held
}

fn folders_of(manifest: &Manifest) -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for path in manifest.0.keys() {
        let mut rest = path.as_str();
        while let Some((parent, _)) = rest.rsplit_once('/') {
            if !folders.insert(parent.to_owned()) {
                break;
            }
            rest = parent;
        }
    }
    folders
}

pub(super) fn access(error: AccessError) -> WorkspaceError {
    unavailable(match error {
        AccessError::Io(error) => error,
        other @ (AccessError::Path(_)
        | AccessError::Missing
        | AccessError::Kind { .. }
        | AccessError::Link
        | AccessError::Denied
        | AccessError::Taken { .. }
        | AccessError::NotEmpty { .. }
        | AccessError::TooLarge { .. }) => io::Error::other(other),
    })
}
