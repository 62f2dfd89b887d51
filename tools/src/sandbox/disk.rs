//! Watching what a running program writes.
//!
//! Nothing in a namespace bounds a disk, so the workspace is walked every half second. In between the file system is asked
//! what it has free, which costs next to nothing: when that has fallen by as much as the workspace may still grow, it is
//! walked at once. Many small files are counted by their names first, and asked for more often as the limit comes near. A program can
//! still write more than the limit between two glances: this is a back-stop, and the floor of free space protects the machine.
//!
//! What is found is noted for the task and the tenant too. Who makes all their workspaces together too large is ended.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use agent_core::enforcement::Limits;
use rustix::fs::StatVfs;
use tokio::time::Instant;

use super::KillReason;
use super::deleted;
use super::room::{Room, whose};
use super::scope::Scope;
use crate::directory::{DEPTH_MAX, Directory, Kind, Next};
use crate::options::Options;
use crate::workspace::Entered;
use crate::workspace::ledger::{Amount, Sum};

/// Between two walks, when nothing presses.
const WALK_EVERY: Duration = Duration::from_millis(500);
/// Between two glances at what the file system has free.
const GLANCE_EVERY: Duration = Duration::from_millis(25);
/// The same, where at the present pace the limit would be passed before the next one.
const GLANCE_SOON: Duration = Duration::from_millis(2);
/// A walk is followed by this many times its own length without one: looking must not become the main work.
const REST: u32 = 4;
/// When so much is gone that what was walked does not explain, it is looked for where a walk does not come. Other programs
/// write to the same disk, so this alone says nothing.
const UNEXPLAINED: Amount = Amount {
    bytes: 16 * 1024 * 1024,
    files: 1000,
};

fn free_of(disk: &StatVfs) -> Amount {
    Amount {
        bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        files: disk.f_favail,
    }
}

/// How much a workspace may hold, and the disk must have left.
#[derive(Debug, Clone)]
pub(crate) struct DiskLimits {
    max: Amount,
    free_bytes_min: u64,
}

impl DiskLimits {
    pub fn of(options: &Options) -> Self {
        Self {
            max: Amount {
                bytes: options.workspace_bytes_max,
                files: options.workspace_files_max,
            },
            free_bytes_min: options.free_space_bytes_min,
        }
    }

    /// For a program that writes next to nothing.
    pub fn none() -> Self {
        Self {
            max: Amount {
                bytes: u64::MAX,
                files: u64::MAX,
            },
            free_bytes_min: 0,
        }
    }

    /// How much may still come into a workspace before a limit is met that it has, by itself or with others, or the disk too full.
    pub fn room(&self, place: &Entered) -> io::Result<Room> {
        let (held, _) = walk(place.directory());
        let free = free_of(&rustix::fs::fstatvfs(place.directory())?);
        let room = Room::within(&self.sums(held, place));
        Ok(room.on_disk(free.bytes, self.free_bytes_min))
    }

    /// Says whether so much may come into a workspace, and if not, whose limit is in the way. What may is counted from then on: others
    /// of the task and the tenant ask before the next walk. A disk that is full is left to the write, for then the task waits.
    pub fn admit(&self, place: &Entered, coming: Amount) -> Result<(), String> {
        let (held, _) = walk(place.directory());
        Room::within(&self.sums(held, place)).admit(coming)?;
        if let Some(account) = place.account() {
            account.note(held.more(coming));
        }
        Ok(())
    }

    /// What a record says of them.
    pub fn stated(&self) -> Limits {
        Limits {
            workspace_bytes: Some(self.max.bytes),
            workspace_files: Some(self.max.files),
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

    /// What the workspace holds by itself and with others, and whose limit that is, the narrowest first.
    fn sums(&self, held: Amount, place: &Entered) -> Vec<(Scope, Sum)> {
        let own = Sum {
            held,
            max: self.max,
        };
        let mut sums = vec![(Scope::Command, own)];
        if let Some(account) = place.account() {
            let [task, tenant] = account.note(held);
            sums.extend([(Scope::Task, task), (Scope::Tenant, tenant)]);
        }
        sums
    }
}

/// Judges what a workspace holds by what it held before. Whoever finds too much there may clean up, and need not
/// hurry: the next snapshot is refused anyhow.
fn judge(held: Amount, before: Option<Amount>, sums: &[(Scope, Sum)]) -> Result<(), KillReason> {
    let Some(before) = before else {
        return Ok(());
    };
    for (scope, sum) in sums {
        let whose = whose(*scope);
        if sum.held.bytes > sum.max.bytes && held.bytes > before.bytes {
            let max = sum.max.bytes;
            return Err(KillReason::Disk(format!(
                "more than {max} bytes in {whose}"
            )));
        }
        if sum.held.files > sum.max.files && held.files > before.files {
            let max = sum.max.files;
            return Err(KillReason::Disk(format!(
                "more than {max} files in {whose}"
            )));
        }
    }
    Ok(())
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
    /// How much could be written from there on.
    left: Amount,
}

/// When to look next, and what was seen before.
pub(super) struct Watchdog {
    limits: DiskLimits,
    glance_at: Instant,
    walk_at: Instant,
    rested_at: Instant,
    /// The same for counting names.
    counted_at: Instant,
    first: Option<Seen>,
    last: Option<Seen>,
    /// When it was glanced at last, and what was free.
    glanced: Option<(Instant, Amount)>,
}

impl Watchdog {
    pub fn new(limits: DiskLimits) -> Self {
        let now = Instant::now();
        Self {
            limits,
            glance_at: now + GLANCE_EVERY,
            walk_at: now,
            rested_at: now,
            counted_at: now,
            first: None,
            last: None,
            glanced: None,
        }
    }

    pub fn due(&self) -> Instant {
        self.glance_at
    }

    /// Looks if it is time to.
    pub fn look(&mut self, place: &Entered) -> Option<KillReason> {
        let now = Instant::now();
        if now < self.glance_at {
            return None;
        }
        let directory = place.directory();
        // A file system that cannot be asked is walked in turn.
        let free = rustix::fs::fstatvfs(directory)
            .map(|disk| free_of(&disk))
            .ok();
        self.glance_at = now + self.next_glance(now, free);
        if let Some(Err(reason)) = free.map(|free| self.limits.floor(free)) {
            return Some(reason);
        }
        let presses = free.is_some_and(|free| self.presses(free));
        if presses && let Some(reason) = self.count(directory, now, free.unwrap_or_default()) {
            return Some(reason);
        }
        if now < self.rested_at || (now < self.walk_at && !presses) {
            return None;
        }
        let exceeded = self.walk(place, free.unwrap_or_default()).err();
        let ended = Instant::now();
        self.walk_at = ended + WALK_EVERY;
        self.rested_at = ended + (ended - now) * REST;
        exceeded
    }

    /// How long to wait for the next glance: less where what is left would be used up by then.
    fn next_glance(&mut self, now: Instant, free: Option<Amount>) -> Duration {
        let Some(free) = free else {
            return GLANCE_EVERY;
        };
        let before = self.glanced.replace((now, free));
        let (Some(last), Some((at, before))) = (self.last, before) else {
            return GLANCE_EVERY;
        };
        let gone = before.less(free);
        let waited_ms = u64::try_from((now - at).as_millis()).unwrap_or(u64::MAX);
        let in_a_period = |amount: u64| amount.saturating_mul(25) / waited_ms.max(1);
        let coming = Amount {
            bytes: in_a_period(gone.bytes),
            files: in_a_period(gone.files),
        };
        if coming.exceeds(last.left.less(last.free.less(free))) {
            GLANCE_SOON
        } else {
            GLANCE_EVERY
        }
    }

    /// Whether so much was written somewhere since the last walk that the workspace could be over its limits.
    fn presses(&self, free: Amount) -> bool {
        self.last
            .is_none_or(|last| last.free.less(free).exceeds(last.left))
    }

    /// Counts names, where so many files were made somewhere that the workspace could have too many.
    fn count(&mut self, directory: &Directory, now: Instant, free: Amount) -> Option<KillReason> {
        let last = self.last?;
        let max = self.limits.max.files;
        let is_files = last.free.less(free).files > last.left.files;
        if !is_files || now < self.counted_at {
            return None;
        }
        let files = directory.count_entries(max).ok()?;
        let ended = Instant::now();
        self.counted_at = ended + (ended - now) * REST;
        let is_over = files > max && files > last.held.files;
        is_over.then(|| KillReason::Disk(format!("more than {max} files in the workspace")))
    }

    fn walk(&mut self, place: &Entered, free: Amount) -> Result<(), KillReason> {
        let directory = place.directory();
        let (mut held, is_deep) = walk(directory);
        let start = self
            .first
            .map_or((held, free), |first| (first.held, first.free));
        let unexplained = start.1.less(free).less(held.less(start.0));
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
        let sums = self.limits.sums(held, place);
        let left = Room::within(&sums).amount();
        let seen = Seen { held, free, left };
        self.first.get_or_insert(seen);
        let before = self.last.replace(seen);
        judge(held, before.map(|before| before.held), &sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(bytes: u64, files: u64) -> Amount {
        Amount { bytes, files }
    }

    fn sum(held: Amount, max: Amount) -> Sum {
        Sum { held, max }
    }

    fn watchdog(left: Amount, free: Amount) -> Watchdog {
        let mut watchdog = Watchdog::new(DiskLimits::none());
        watchdog.last = Some(Seen {
            held: Amount::default(),
            free,
            left,
        });
        watchdog
    }

    #[test]
    fn a_walk_presses_when_as_much_is_gone_as_the_workspace_may_still_grow() {
        let watchdog = watchdog(amount(40, 6), amount(1000, 1000));
        assert!(!watchdog.presses(amount(960, 994)));
        assert!(watchdog.presses(amount(959, 1000)));
        assert!(watchdog.presses(amount(1000, 993)));
        // Others freed something meanwhile.
        assert!(!watchdog.presses(amount(5000, 5000)));
    }

    #[test]
    fn glances_come_sooner_where_the_limit_would_be_passed_before_the_next_one() {
        let mut watchdog = watchdog(amount(1_000_000, 100), amount(0, 1000));
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut next = |ms, files| watchdog.next_glance(after(ms), Some(amount(0, files)));
        assert_eq!(next(0, 1000), GLANCE_EVERY);
        // 40 files in 25 ms, of 60 that are left; then 20 are left, and 40 would come.
        assert_eq!(next(25, 960), GLANCE_EVERY);
        assert_eq!(next(50, 920), GLANCE_SOON);
        assert_eq!(next(52, 919), GLANCE_EVERY);
    }

    #[test]
    fn a_workspace_that_was_too_large_before_may_shrink_and_not_grow() {
        let judged = |held, before| {
            let sums = [(Scope::Command, sum(held, amount(100, 10)))];
            judge(held, before, &sums).map_err(|over| over.to_string())
        };
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

    #[test]
    fn who_writes_ends_for_what_the_task_or_the_tenant_holds_together_and_who_does_not_goes_on() {
        let own = sum(amount(50, 5), amount(100, 10));
        let task = sum(amount(201, 12), amount(200, 20));
        let tenant = sum(amount(300, 41), amount(1000, 40));
        let judged = |before, shared: (Scope, Sum)| {
            let sums = [(Scope::Command, own), shared];
            judge(own.held, Some(before), &sums).map_err(|over| over.to_string())
        };
        let grown = amount(49, 4);
        assert_eq!(
            judged(grown, (Scope::Task, task)),
            Err("more than 200 bytes in all workspaces of this task together".to_owned())
        );
        assert_eq!(
            judged(grown, (Scope::Tenant, tenant)),
            Err(
                "more than 40 files in all workspaces of this tenant together on this machine"
                    .to_owned()
            )
        );
        assert_eq!(judged(own.held, (Scope::Task, task)), Ok(()));
        let sums = [(Scope::Command, own), (Scope::Tenant, tenant)];
        assert_eq!(Room::within(&sums).amount(), amount(50, 0));
    }
}
