//! One group: making it, its limits, what it counts, and removing it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::scope::{Controller, Limits};

const PREFIX: &str = "errand-run.";
/// The group that we are in where ours was opened for others.
pub(super) const OWN: &str = "errand-own";

/// Memory is given to groups in pieces, so a group that is full can be short of its limit by some.
const CHARGED_AT_ONCE: u64 = 1024 * 1024;

static NUMBER: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A way into a group.
pub(in super::super) struct Door {
    /// A file through which a process of one thread joins by writing `0`. Whoever opened it must have had the right, not who writes.
    pub joins: OwnedFd,
    /// The group of version 2 itself, for a process that is made in it.
    pub group: Option<OwnedFd>,
}

/// A group of ours; removed when dropped.
#[derive(Debug)]
pub(super) struct Group {
    pub folder: PathBuf,
    version: Version,
}

impl Group {
    /// Makes a group in another one, or in the place where groups can be made.
    pub fn make(within: &Path, version: Version) -> io::Result<Self> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}.{number}", std::process::id());
        let folder = within.join(name);
        fs::create_dir(&folder)?;
        Ok(Self { folder, version })
    }

    /// Bounds what is in it; a limit of 0 is none.
    pub fn limit(&self, controller: Controller, limits: &Limits) -> io::Result<()> {
        let set = |file: &str, value: String| write(&self.folder.join(file), &value);
        let Limits {
            memory_bytes,
            processes_max,
            cpu_percent,
        } = *limits;
        let or = |limit: u64, none: &str| match limit {
            0 => none.to_owned(),
            limit => limit.to_string(),
        };
        // Processor time is counted in periods of 100 ms.
        let quota_us = cpu_percent.saturating_mul(1000);
        match (self.version, controller) {
            (Version::One, Controller::Memory) => {
                set("memory.limit_in_bytes", or(memory_bytes, "-1"))?;
                // Without swap accounting the file is missing, and there is nothing to bound.
                let _ = set("memory.memsw.limit_in_bytes", or(memory_bytes, "-1"));
                Ok(())
            }
            (Version::Two, Controller::Memory) => {
                set("memory.max", or(memory_bytes, "max"))?;
                if memory_bytes > 0 {
                    let _ = set("memory.swap.max", "0".to_owned());
                }
                Ok(())
            }
            (_, Controller::Pids) => set("pids.max", or(processes_max, "max")),
            (Version::One, Controller::Cpu) => {
                set("cpu.cfs_period_us", "100000".to_owned())?;
                set("cpu.cfs_quota_us", or(quota_us, "-1"))
            }
            (Version::Two, Controller::Cpu) => {
                set("cpu.max", format!("{} 100000", or(quota_us, "max")))
            }
        }
    }

    /// Lets groups in it be bounded, and count for it too. Before there are any.
    pub fn open_for_groups(&self, controller: Controller) -> io::Result<()> {
        match (self.version, controller) {
            (Version::Two, _) => delegate(&self.folder, controller),
            (Version::One, Controller::Memory) => {
                // Older kernels count for a group alone unless told otherwise; one without the file cannot.
                match write(&self.folder.join("memory.use_hierarchy"), "1") {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    other => other,
                }
            }
            (Version::One, Controller::Pids | Controller::Cpu) => Ok(()),
        }
    }

    /// The way into it.
    pub fn door(&self) -> io::Result<Door> {
        let name = match self.version {
            // A thread that moves itself waits for no other. A process that does waits until every processor has been
            // idle once, 10 ms and more.
            Version::One => "tasks",
            // Here a thread cannot leave the group of its process.
            Version::Two => "cgroup.procs",
        };
        let joins: File = OpenOptions::new()
            .write(true)
            .open(self.folder.join(name))?;
        let group = match self.version {
            Version::One => None,
            Version::Two => Some(File::open(&self.folder)?.into()),
        };
        Ok(Door {
            joins: joins.into(),
            group,
        })
    }

    /// Whether a process can join it. A group of version 2 may exist and have limits, and still take no process, for those around it.
    pub fn is_joinable(&self) -> bool {
        let kind = fs::read_to_string(self.folder.join("cgroup.type"));
        let is_domain = self.version == Version::One || kind.is_ok_and(|kind| kind == "domain\n");
        is_domain && self.door().is_ok()
    }

    /// How often the kernel ended a process of this very group for want of memory, whose limit that ever was.
    pub fn memory_kills(&self) -> u64 {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        self.count(file, "oom_kill").unwrap_or(0)
    }

    /// How often this group's own limit of memory left nothing but ending a process, where the kernel tells.
    pub fn memory_stops(&self) -> u64 {
        self.count("memory.events.local", "oom").unwrap_or(0)
    }

    /// Whether this group's own limit of memory was in the way after so many times before.
    pub fn memory_stopped(&self, before: u64) -> bool {
        match self.version {
            Version::Two => self.memory_stops() > before,
            // Failures are not counted where swap is accounted for, so how close it came has to tell.
            Version::One => {
                let limit = self.number("memory.limit_in_bytes").unwrap_or(u64::MAX);
                let peak = self.memory_peak_bytes().unwrap_or(0);
                peak >= limit.saturating_sub(CHARGED_AT_ONCE)
            }
        }
    }

    /// How often a process was refused: in this very group, or, where the kernel can tell, for this very group's limit.
    pub fn process_stops(&self) -> u64 {
        let local = self.count("pids.events.local", "max");
        local
            .or_else(|| self.count("pids.events", "max"))
            .unwrap_or(0)
    }

    /// The limit of processes, if it was ever reached as far as the kernel can tell.
    pub fn processes_reached(&self) -> Option<u64> {
        let limit = self.number("pids.max")?;
        let peak = self.number("pids.peak");
        peak.is_none_or(|peak| peak >= limit).then_some(limit)
    }

    /// The limit of processes.
    pub fn processes_max(&self) -> Option<u64> {
        self.number("pids.max")
    }

    /// The most memory that was used.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        self.number(match self.version {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        })
    }

    /// What the kernel says that it bounds here, processor time in microseconds of 100 ms, and the word for what bounds it.
    pub fn bound(&self, controller: Controller) -> Option<(u64, &'static str)> {
        let (by, memory, cpu) = match self.version {
            Version::One => ("cgroup_v1", "memory.limit_in_bytes", "cpu.cfs_quota_us"),
            Version::Two => ("cgroup_v2", "memory.max", "cpu.max"),
        };
        let file = match controller {
            Controller::Memory => memory,
            Controller::Pids => "pids.max",
            Controller::Cpu => cpu,
        };
        let text = fs::read_to_string(self.folder.join(file)).ok()?;
        bound(&text).map(|number| (number, by))
    }

    fn number(&self, file: &str) -> Option<u64> {
        let text = fs::read_to_string(self.folder.join(file)).ok()?;
        text.trim().parse().ok()
    }

    fn count(&self, file: &str, name: &str) -> Option<u64> {
        let text = fs::read_to_string(self.folder.join(file)).ok()?;
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let (_, count) = lines.find(|(found, _)| *found == name)?;
        count.trim().parse().ok()
    }

    /// Ends whatever is still in the group. Nothing should be; this is for what the tree's own means missed.
    pub fn end_the_rest(&self) {
        let left = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        for pid in left.lines().filter_map(|pid| pid.parse().ok()) {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end_the_rest();
        // The kernel lets go of a group a moment after its last process.
        for _ in 0..50 {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Ok(()) | Err(_) => break,
            }
        }
    }
}

/// Lets groups in a folder of version 2 have a controller. First the folder has to be empty of processes.
pub(super) fn delegate(folder: &Path, controller: Controller) -> io::Result<()> {
    let control = folder.join("cgroup.subtree_control");
    write(&control, &format!("+{}", controller.name()))
}

/// The controllers that groups in a folder of version 2 can be given.
pub(super) fn available(folder: &Path) -> Vec<Controller> {
    let names = fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
    let has = |controller: &Controller| names.split_whitespace().any(|n| n == controller.name());
    Controller::ALL.into_iter().filter(has).collect()
}

/// Sees to it that no process is in a folder of version 2, where groups are to be made: if we alone are, we move into a group in it.
/// What bounds the folder bounds us as before. Fails where others are.
///
/// It has to be asked before a controller is given: that of processes and that of processor time can be given where processes
/// are, and then no group in the folder takes any.
pub(super) fn make_room(folder: &Path) -> io::Result<()> {
    // The outermost group has no type, and may have both.
    if !folder.join("cgroup.type").exists() {
        return Ok(());
    }
    let held = fs::read_to_string(folder.join("cgroup.procs"))?;
    if held.is_empty() {
        return Ok(());
    }
    if held.trim() != std::process::id().to_string() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let own = folder.join(OWN);
    match fs::create_dir(&own) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => write(&own.join("cgroup.procs"), "0"),
    }
}

fn write(path: &Path, value: &str) -> io::Result<()> {
    // Never create: in a folder that is no cgroup the file would appear, and bound nothing.
    let mut file = OpenOptions::new().write(true).open(path)?;
    io::Write::write_all(&mut file, value.as_bytes())
}

/// The first number of a file, if it bounds anything: version 2 writes `max` where nothing is bounded, version 1 `-1` or nearly the
/// largest number.
fn bound(text: &str) -> Option<u64> {
    let number: u64 = text.split_whitespace().next()?.parse().ok()?;
    (number < u64::MAX / 4).then_some(number)
}

/// Removes groups of processes that are dead, those within others first.
pub(super) fn remove_left_overs(folder: &Path) {
    // All are read before one is removed: removing while reading makes the kernel pass over some.
    let entries: Vec<fs::DirEntry> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    for entry in entries {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split('.').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            remove_left_overs(&entry.path());
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::ffi::CString;
    use std::os::fd::AsFd;

    use super::super::mounts::candidates;
    use super::*;
    use crate::sandbox::born::{Becomes, Born};

    #[test]
    fn a_program_is_in_its_group_of_version_2_from_the_start() {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap();
        let parents = candidates(&mounts, &own).into_iter();
        let mut made = parents
            .filter(|parent| parent.version == Version::Two)
            .filter_map(|parent| Group::make(&parent.folder, Version::Two).ok());
        let Some(group) = made.next() else {
            println!("not shown here: no group of version 2 can be made");
            return;
        };
        let name = group.folder.file_name().unwrap().to_str().unwrap();
        let script = format!("grep -q '/{name}$' /proc/self/cgroup");
        let null = || File::options().read(true).write(true).open("/dev/null");
        let becomes = Becomes {
            programs: vec![c"/bin/sh".to_owned()],
            arguments: vec![
                c"sh".to_owned(),
                c"-c".to_owned(),
                CString::new(script).unwrap(),
            ],
            environment: vec![c"PATH=/usr/bin:/bin".to_owned()],
            standard: [null().unwrap(), null().unwrap(), null().unwrap()].map(OwnedFd::from),
        };
        let door = group.door().unwrap();
        // Where it would have to move, it fails.
        let prepare =
            |is_in_group: bool| is_in_group.then_some(()).ok_or(rustix::io::Errno::NOTSUP);
        let into = door.group.as_ref().map(AsFd::as_fd);
        let mut born = Born::start(&becomes, into, prepare).unwrap();
        assert_eq!(born.wait().unwrap(), 0);
    }

    #[test]
    fn a_number_that_bounds_nothing_is_not_stated() {
        for (text, wanted) in [
            ("2147483648\n", Some(2_147_483_648)),
            ("200000 100000\n", Some(200_000)),
            ("max 100000\n", None),
            ("max\n", None),
            ("-1\n", None),
            ("9223372036854771712\n", None),
            ("", None),
        ] {
            assert_eq!(bound(text), wanted, "{text}");
        }
    }
}
