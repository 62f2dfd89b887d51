//! Watching what a running program writes.
//!
//! Nothing in a namespace bounds a disk, so the workspace is walked every half second. In between the file system is asked
//! what it has free, which costs next to nothing: when that has fallen by as much as the workspace may still grow, it is
//! walked at once. A program can still write more than the limit between two glances: this is a back-stop, and the floor
//! of free space protects the machine.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use agent_core::enforcement::Limits;
use rustix::fs::StatVfs;
use tokio::time::Instant;

use super::KillReason;
use super::deleted;
use crate::directory::{DEPTH_MAX, Directory, Kind, Next};
use crate::options::Options;

/// Between two walks, when nothing presses.
const WALK_EVERY: Duration = Duration::from_millis(500);
/// Between two glances at what the file system has free.
const GLANCE_EVERY: Duration = Duration::from_millis(25);
/// A walk is followed by this many times its own length without one: looking must not become the main work.
const REST: u32 = 4;
/// When so much is gone that what was walked does not explain, it is looked for where a walk does not come. Other programs
/// write to the same disk, so this alone says nothing.
const UNEXPLAINED: Amount = Amount {
    bytes: 16 * 1024 * 1024,
    files: 1000,
};

/// How much a workspace may hold, and the disk must have left.
#[derive(Debug, Clone)]
pub(crate) struct DiskLimits {
    bytes_max: u64,
    files_max: u64,
    free_bytes_min: u64,
}

/// What a workspace holds, or a file system has free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub bytes: u64,
    pub files: u64,
}

impl Amount {
    fn free_of(disk: &StatVfs) -> Self {
        Self {
            bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
            files: disk.f_favail,
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            files: self.files.saturating_sub(other.files),
        }
    }

    fn exceeds(self, other: Self) -> bool {
        self.bytes > other.bytes || self.files > other.files
    }
}

impl DiskLimits {
    pub fn of(options: &Options) -> Self {
        Self {
            bytes_max: options.workspace_bytes_max,
            files_max: options.workspace_files_max,
            free_bytes_min: options.free_space_bytes_min,
        }
    }

    /// For a program that writes next to nothing.
    pub fn none() -> Self {
        Self {
            bytes_max: u64::MAX,
            files_max: u64::MAX,
            free_bytes_min: 0,
        }
    }

    /// How much may still come into a workspace before it is over its limits, or the disk too full.
    pub fn room(&self, directory: &Directory) -> io::Result<Amount> {
        let (held, _) = walk(directory);
        let free = Amount::free_of(&rustix::fs::fstatvfs(directory)?);
        Ok(Amount {
            bytes: (self.bytes_max.saturating_sub(held.bytes))
                .min(free.bytes.saturating_sub(self.free_bytes_min)),
            files: self.files_max.saturating_sub(held.files),
        })
    }

    /// What a record says of them.
    pub fn stated(&self) -> Limits {
        Limits {
            workspace_bytes: Some(self.bytes_max),
            workspace_files: Some(self.files_max),
            free_disk_bytes: Some(self.free_bytes_min),
            ..Limits::default()
        }
    }

    fn floor(&self, free: Amount) -> Result<(), KillReason> {
        if free.bytes < self.free_bytes_min {
            return Err(KillReason::Disk(format!(
                "the machine's disk is nearly full ({} bytes free)",
                free.bytes
            )));
        }
        Ok(())
    }

    /// Judges what the workspace holds by what it held before. Whoever finds too much there may clean up, and need not
    /// hurry: the next snapshot is refused anyhow.
    fn judge(&self, held: Amount, before: Option<Amount>) -> Result<(), KillReason> {
        let Some(before) = before else {
            return Ok(());
        };
        let over = if held.bytes > self.bytes_max && held.bytes > before.bytes {
            format!("more than {} bytes in the workspace", self.bytes_max)
        } else if held.files > self.files_max && held.files > before.files {
            format!("more than {} files in the workspace", self.files_max)
        } else {
            return Ok(());
        };
        Err(KillReason::Disk(over))
    }
}

/// What the workspace holds, and whether directories nest so deep that not all of it was walked.
fn walk(directory: &Directory) -> (Amount, bool) {
    let (mut held, mut is_deep) = (Amount::default(), false);
    let walked = directory.walk("", &mut |walk| {
        held.files += 1;
        held.bytes = held.bytes.saturating_add(walk.found.disk_bytes);
        is_deep |= walk.found.kind == Kind::Folder && walk.found.depth >= DEPTH_MAX;
        Ok::<_, ControlFlow<()>>(Next::Enter)
    });
    // What cannot be walked just now is looked at again soon.
    drop(walked);
    (held, is_deep)
}

/// What was seen at a walk.
#[derive(Debug, Clone, Copy)]
struct Seen {
    held: Amount,
    free: Amount,
}

/// When to look next, and what was seen before.
pub(super) struct Watchdog {
    limits: DiskLimits,
    glance_at: Instant,
    walk_at: Instant,
    rested_at: Instant,
    first: Option<Seen>,
    last: Option<Seen>,
}

impl Watchdog {
    pub fn new(limits: DiskLimits) -> Self {
        let now = Instant::now();
        Self {
            limits,
            glance_at: now + GLANCE_EVERY,
            walk_at: now,
            rested_at: now,
            first: None,
            last: None,
        }
    }

    pub fn due(&self) -> Instant {
        self.glance_at
    }

    /// Looks if it is time to.
    pub fn look(&mut self, directory: &Directory) -> Option<KillReason> {
        let now = Instant::now();
        if now < self.glance_at {
            return None;
        }
        self.glance_at = now + GLANCE_EVERY;
        // A file system that cannot be asked is walked in turn.
        let free = rustix::fs::fstatvfs(directory)
            .map(|disk| Amount::free_of(&disk))
            .ok();
        if let Some(Err(reason)) = free.map(|free| self.limits.floor(free)) {
            return Some(reason);
        }
        let presses = free.is_some_and(|free| self.presses(free));
        if now < self.rested_at || (now < self.walk_at && !presses) {
            return None;
        }
        let exceeded = self.walk(directory, free.unwrap_or_default()).err();
        let ended = Instant::now();
        self.walk_at = ended + WALK_EVERY;
        self.rested_at = ended + (ended - now) * REST;
        exceeded
    }

    /// Whether so much was written somewhere since the last walk that the workspace could be over its limits.
    fn presses(&self, free: Amount) -> bool {
        self.last.is_none_or(|last| {
            let gone = last.free.less(free);
            let bytes_left = self.limits.bytes_max.saturating_sub(last.held.bytes);
            let files_left = self.limits.files_max.saturating_sub(last.held.files);
            gone.exceeds(Amount {
                bytes: bytes_left,
                files: files_left,
            })
        })
    }

    fn walk(&mut self, directory: &Directory, free: Amount) -> Result<(), KillReason> {
        let (mut held, is_deep) = walk(directory);
        let first = *self.first.get_or_insert(Seen { held, free });
        let unexplained = first.free.less(free).less(held.less(first.held));
        if is_deep && unexplained.exceeds(UNEXPLAINED) {
            return Err(KillReason::Disk(format!(
                "directories nested deeper than {DEPTH_MAX}, where files cannot be counted"
            )));
        }
        if unexplained.bytes > UNEXPLAINED.bytes {
            held.bytes = held
                .bytes
                .saturating_add(deleted::bytes_held_open(directory));
        }
        let before = self.last.replace(Seen { held, free });
        self.limits.judge(held, before.map(|before| before.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: DiskLimits = DiskLimits {
        bytes_max: 100,
        files_max: 10,
        free_bytes_min: 0,
    };

    fn amount(bytes: u64, files: u64) -> Amount {
        Amount { bytes, files }
    }

    fn watchdog(held: Amount, free: Amount) -> Watchdog {
        let mut watchdog = Watchdog::new(LIMITS);
        watchdog.last = Some(Seen { held, free });
        watchdog
    }

    #[test]
    fn a_walk_presses_when_as_much_is_gone_as_the_workspace_may_still_grow() {
        let watchdog = watchdog(amount(60, 4), amount(1000, 1000));
        assert!(!watchdog.presses(amount(960, 994)));
        assert!(watchdog.presses(amount(959, 1000)));
        assert!(watchdog.presses(amount(1000, 993)));
        // Others freed something meanwhile.
        assert!(!watchdog.presses(amount(5000, 5000)));
    }

    #[test]
    fn a_workspace_that_was_too_large_before_may_shrink_and_not_grow() {
        let judged = |held, before| LIMITS.judge(held, before).map_err(|over| over.to_string());
        assert_eq!(judged(amount(150, 15), None), Ok(()));
        assert_eq!(judged(amount(140, 14), Some(amount(150, 15))), Ok(()));
        assert_eq!(judged(amount(150, 15), Some(amount(150, 15))), Ok(()));
        assert_eq!(
            judged(amount(151, 1), Some(amount(150, 1))),
            Err("more than 100 bytes in the workspace".to_owned())
        );
        assert_eq!(
            judged(amount(90, 11), Some(amount(80, 10))),
            Err("more than 10 files in the workspace".to_owned())
        );
    }
}
