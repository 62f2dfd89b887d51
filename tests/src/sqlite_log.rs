//! The write-ahead log of an SQLite file, read from outside: how many commits and pages it holds.
//!
//! Only reads. A log that was begun anew after a checkpoint is told apart by its number, so that nobody subtracts counts of
//! two logs.

use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// What a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Number of the log: it rises whenever the log is begun anew.
    pub log: u32,
    /// Transactions.
    pub commits: u64,
    /// Bytes, of pages and their headers.
    pub bytes: u64,
}

/// What the log of the database file `path` holds; nothing when there is none.
pub fn contents(path: &Path) -> Option<Contents> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    let log = std::fs::read(name).ok()?;
    let word = |at: usize| {
        let bytes = log.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    let page_bytes = word(8)? as usize;
    let salts = log.get(16..24)?;
    let mut found = Contents {
        log: word(12)?,
        commits: 0,
        bytes: 0,
    };
    let mut at = HEADER_BYTES;
    // Frames behind the last one of this log are left over from the one before and have other salts.
    while log.get(at + 8..at + 16) == Some(salts) {
        found.commits += u64::from(word(at + 4)? != 0);
        found.bytes += (FRAME_HEADER_BYTES + page_bytes) as u64;
        at += FRAME_HEADER_BYTES + page_bytes;
    }
    Some(found)
}
