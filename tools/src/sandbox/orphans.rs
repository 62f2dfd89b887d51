//! Ending what a crash left behind.
//!
//! The kernel ends bwrap with us, and bwrap's first process with bwrap, but for one moment: killed while it starts, bwrap leaves
//! a first process that waits for it for ever. It runs nothing, but it is there. So each bwrap goes by a name that says
//! whose it is, and those whose owner is dead are ended at the next start.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};

const NAME: &str = "errand-sandbox.";

/// The name under which this process starts bwrap.
pub(super) fn name() -> String {
    format!("{NAME}{}", std::process::id())
}

/// Ends the sandboxes of dead processes, and waits a moment for them to be gone.
pub(super) fn end_orphans() {
    let mut ended = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            continue;
        };
        if !is_orphan(&entry.path()) {
            continue;
        }
        // Held first and looked at again: the number could have become another's in between.
        let Ok(held) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
            continue;
        };
        if is_orphan(&entry.path())
            && rustix::process::pidfd_send_signal(&held, Signal::KILL).is_ok()
        {
            ended.push(held);
        }
    }
    for held in &ended {
        let _ = super::tree::readable(std::os::fd::AsFd::as_fd(held), Duration::from_secs(1));
    }
    if !ended.is_empty() {
        tracing::info!(
            count = ended.len(),
            "sandboxes that a crash left were ended"
        );
    }
}

fn is_orphan(process: &Path) -> bool {
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    let name = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let owner = std::str::from_utf8(name)
        .ok()
        .and_then(|name| name.strip_prefix(NAME))
        .filter(|owner| !owner.is_empty() && owner.bytes().all(|byte| byte.is_ascii_digit()));
    owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists())
}
