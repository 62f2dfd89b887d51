//! Turning a workspace into a manifest and blobs.
//!
//! Only regular files with names that a manifest can hold are kept. Links, pipes, sockets, devices and odd names are left
//! out and counted. Whoever puts the blobs does so before anything names them.

use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::id::TenantId;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::workspaces::{Snapshot, WorkspaceError};
use agent_core::workspace::{Entry, Manifest};
use futures_util::{StreamExt, TryStreamExt};

use super::ledger::Amount;
use super::place::Held;
use super::restore::access;
use super::{Bounds, blocking, unavailable};
use crate::directory::{AccessError, Kind, Next, StatKey};

/// Files that are read and put at the same time.
const PUTS_AT_ONCE: usize = 4;

impl Bounds {
    pub(super) fn check(self, files: u64, bytes: u64) -> Result<(), WorkspaceError> {
        let what = if files > self.files_max {
            format!(
                "it has more than {} files and directories; delete those that are not needed",
                self.files_max
            )
        } else if bytes > self.bytes_max {
            format!(
                "its files have more than {} bytes together; delete those that are not needed",
                self.bytes_max
            )
        } else {
            return Ok(());
        };
        Err(WorkspaceError::TooLarge(what))
    }
}

/// What a walk found.
struct Survey {
    manifest: Manifest,
    changed: Vec<String>,
    /// The file system's time before the walk: what changed later may have changed twice.
    now: (i64, i64),
}

pub(super) async fn take(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    held: Arc<Held>,
    bounds: Bounds,
) -> Result<Snapshot, WorkspaceError> {
    let room = Arc::clone(&held);
    let survey = blocking(move || survey(&room, bounds)).await?;
    let now = survey.now;
    let stored = survey.changed.into_iter().map(|path| {
        let room = Arc::clone(&held);
        async move { store(blobs, tenant, room, path, bounds).await }
    });
    let stored: Vec<Option<Stored>> = futures_util::stream::iter(stored)
        .buffer_unordered(PUTS_AT_ONCE)
        .try_collect()
        .await?;
    let stored = stored.into_iter().flatten().collect();
    let mut manifest = survey.manifest;
    let mut put = learn(&held, &mut manifest, stored, now);
    let manifest_blob = blobs.put(tenant, manifest.to_json().into_bytes()).await?;
    put.push(manifest_blob.clone());
    put.sort_by(|a, b| a.hash.cmp(&b.hash));
    put.dedup();
    Ok(Snapshot {
        manifest_blob,
        manifest,
        put,
    })
}

fn survey(held: &Held, bounds: Bounds) -> Result<Survey, WorkspaceError> {
    let now = held.home.now().map_err(unavailable)?;
    let cache = held.cache.lock().unwrap_or_else(PoisonError::into_inner);
    let mut survey = Survey {
        manifest: Manifest::default(),
        changed: Vec::new(),
        now,
    };
    let (mut files, mut bytes, mut left_out) = (0_u64, 0_u64, 0_u64);
    let mut on_disk = Amount::default();
    let ended = held.directory.walk("", &mut |walk| {
        let found = &walk.found;
        files += 1;
        on_disk = on_disk.more(Amount {
            bytes: found.disk_bytes,
            files: 1,
        });
        if found.kind == Kind::File {
            bytes = bytes.saturating_add(found.bytes);
        }
        if let Err(error) = bounds.check(files, bytes) {
            return Err(ControlFlow::Break(error));
        }
        if found.kind == Kind::Folder && found.depth >= crate::directory::DEPTH_MAX {
            let error = format!("directories nest deeper than {}", found.depth);
            return Err(ControlFlow::Break(WorkspaceError::TooLarge(error)));
        }
        match (&found.path, found.kind) {
            (Some(path), Kind::File) => match cache.unchanged(path, &found.key, found.executable) {
                Some(entry) => {
                    survey.manifest.0.insert(path.clone(), entry);
                }
                None => survey.changed.push(path.clone()),
            },
            (Some(_), Kind::Folder) => {}
            (None, _) | (_, Kind::Other(_)) => left_out += 1,
        }
        Ok(Next::Enter)
    });
    if let Some(error) = ended.map_err(access)? {
        return Err(error);
    }
    held.account.note(on_disk);
    if left_out > 0 {
        tracing::info!(
            left_out,
            "entries that are not regular files, or have odd names, are not in the snapshot"
        );
    }
    Ok(survey)
}

/// Completes the manifest with what was stored, and says which blobs were put.
fn learn(
    held: &Held,
    manifest: &mut Manifest,
    stored: Vec<Stored>,
    now: (i64, i64),
) -> Vec<BlobRef> {
    let mut put = Vec::new();
    let mut cache = held.cache.lock().unwrap_or_else(PoisonError::into_inner);
    for file in stored {
        manifest.0.insert(file.path.clone(), file.entry.clone());
        if file.put {
            put.push(file.entry.blob.clone());
        }
        let path = file.path.clone();
        cache.learn(file.path, file.key, file.entry, now);
        if file.put {
            cache.refresh(&path);
        }
    }
    cache.keep(|path| manifest.0.contains_key(path));
    put
}

struct Stored {
    path: String,
    key: StatKey,
    entry: Entry,
    put: bool,
}

/// Puts a file. Nothing, if a program in the background removed it, or put something else in its place, since it was seen.
async fn store(
    blobs: &dyn Blobs,
    tenant: &TenantId,
    held: Arc<Held>,
    path: String,
    bounds: Bounds,
) -> Result<Option<Stored>, WorkspaceError> {
    let room = Arc::clone(&held);
    let read = blocking(move || {
        let content = match room.directory.read(&path, bounds.bytes_max) {
            Ok(content) => content,
            Err(AccessError::Missing | AccessError::Kind { .. } | AccessError::Link) => {
                return Ok(None);
            }
            Err(error @ AccessError::TooLarge { .. }) => {
                return Err(WorkspaceError::TooLarge(format!("{path:?}: {error}")));
            }
            Err(error) => return Err(access(error)),
        };
        let hash = BlobHash::of(&content.bytes);
        Ok(Some((path, content, hash)))
    })
    .await?;
    let Some((path, content, hash)) = read else {
        return Ok(None);
    };
    let known = {
        let cache = held.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.same_content(&path, &hash)
    };
    let put = known.is_none();
    let blob: BlobRef = match known {
        Some(blob) => blob,
        None => blobs.put(tenant, content.bytes).await?,
    };
    if blob.hash != hash {
        return Err(unavailable(io::Error::other(
            "the blob store named the bytes differently",
        )));
    }
    Ok(Some(Stored {
        path,
        key: content.key,
        entry: Entry {
            blob,
            executable: content.executable,
        },
        put,
    }))
}
