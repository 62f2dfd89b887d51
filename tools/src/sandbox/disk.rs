//! Watching what a running program writes.
//!
//! Nothing in a namespace bounds a disk, so we look every half second. A program can write more than the limit between
//! two looks: this is a back-stop, and the floor of free space protects the machine.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::Instant;

use super::KillReason;
use crate::directory::{Directory, Next};
use crate::options::Options;

const EVERY: Duration = Duration::from_millis(500);

/// How much a workspace may hold, and the disk must have left.
#[derive(Debug, Clone)]
pub(super) struct DiskLimits {
    bytes_max: u64,
    files_max: u64,
    free_bytes_min: u64,
}

impl DiskLimits {
    pub fn of(options: &Options) -> Self {
        Self {
            bytes_max: options.workspace_bytes_max,
            files_max: options.workspace_files_max,
            free_bytes_min: options.free_space_bytes_min,
        }
    }

    /// What is wrong with the workspace now, if anything.
    pub fn exceeded(&self, directory: &Directory) -> Option<KillReason> {
        if let Ok(disk) = rustix::fs::fstatvfs(directory) {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            if free < self.free_bytes_min {
                return Some(KillReason::Disk(format!(
                    "the machine's disk is nearly full ({free} bytes free)"
                )));
            }
        }
        let (mut files, mut bytes) = (0_u64, 0_u64);
        let over = directory.walk("", &mut |walk| {
            files += 1;
            bytes = bytes.saturating_add(walk.found.disk_bytes);
            let over = if files > self.files_max {
                format!("more than {} files in the workspace", self.files_max)
            } else if bytes > self.bytes_max {
                format!("more than {} bytes in the workspace", self.bytes_max)
            } else {
                return Ok(Next::Enter);
            };
            Err(ControlFlow::Break(KillReason::Disk(over)))
        });
        // What cannot be walked just now is looked at again soon.
        over.ok().flatten()
    }
}

/// When to look next.
pub(super) struct Watchdog {
    limits: DiskLimits,
    next: Instant,
}

impl Watchdog {
    pub fn new(limits: DiskLimits) -> Self {
        Self {
            limits,
            next: Instant::now() + EVERY,
        }
    }

    pub fn due(&self) -> Instant {
        self.next
    }

    /// Looks if it is time to.
    pub fn look(&mut self, directory: &Directory) -> Option<KillReason> {
        let started = Instant::now();
        if started < self.next {
            return None;
        }
        let exceeded = self.limits.exceeded(directory);
        // A large tree takes long to walk; looking must not become the main work.
        self.next = Instant::now() + EVERY.max(started.elapsed() * 10);
        exceeded
    }
}
