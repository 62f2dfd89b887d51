//! What is known about the content of a workspace's files, so that unchanged files are neither hashed nor stored again.
//!
//! It lives in memory only: after a crash a workspace is restored from its manifest, and knowledge starts anew.

use std::collections::HashMap;
use std::time::Duration;

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::workspace::Entry;
use tokio::time::Instant;

use crate::directory::StatKey;

/// The sweep of blobs takes what nothing has named for a day; a put that is older than half of it is done again.
const PUT_HOLDS: Duration = Duration::from_hours(12);

/// A file as it was when we last knew its content.
#[derive(Debug, Clone)]
struct Known {
    key: StatKey,
    entry: Entry,
    put_at: Instant,
    /// Whether an equal key proves equal content. Not so when it may have changed within the same tick of the clock.
    settled: bool,
}

/// Knowledge by path.
#[derive(Debug, Default)]
pub(super) struct Cache {
    known: HashMap<String, Known>,
}

impl Cache {
    /// The file's entry, if it is certainly unchanged.
    pub fn unchanged(&self, path: &str, key: &StatKey, executable: bool) -> Option<Entry> {
        let known = self.known.get(path)?;
        let certain = known.settled && known.key == *key && known.put_at.elapsed() < PUT_HOLDS;
        certain.then(|| Entry {
            executable,
            ..known.entry.clone()
        })
    }

    /// The blob of these bytes, if the file held them before and they were put recently.
    pub fn same_content(&self, path: &str, hash: &BlobHash) -> Option<BlobRef> {
        let known = self.known.get(path)?;
        let same = known.entry.blob.hash == *hash && known.put_at.elapsed() < PUT_HOLDS;
        same.then(|| known.entry.blob.clone())
    }

    /// Remembers a file that was read, or written, before `now` by the file system's clock.
    pub fn learn(&mut self, path: String, key: StatKey, entry: Entry, now: (i64, i64)) {
        let put_at = match self.known.get(&path) {
            Some(known) if known.entry.blob == entry.blob => known.put_at,
            _ => Instant::now(),
        };
        let settled = key.changed() < now;
        self.known.insert(
            path,
            Known {
                key,
                entry,
                put_at,
                settled,
            },
        );
    }

    /// Remembers that a blob was put again.
    pub fn refresh(&mut self, path: &str) {
        if let Some(known) = self.known.get_mut(path) {
            known.put_at = Instant::now();
        }
    }

    /// Forgets all files but these.
    pub fn keep(&mut self, keep: impl Fn(&str) -> bool) {
        self.known.retain(|path, _| keep(path));
    }
}
