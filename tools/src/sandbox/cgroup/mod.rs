//! Bounding a program's processes together: memory, number and processor time, where cgroups can be written.
//!
//! Which controllers are usable, and of which version, is found out one by one by making a group; that a hierarchy is
//! mounted says little. Groups lie below our own, so no limit set on us is left. A crash leaves empty groups, which the
//! next start removes.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agent_core::enforcement::Limits as Stated;

use crate::options::Options;

const PREFIX: &str = "errand-run.";

/// One resource that is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controller {
    Memory,
    Pids,
    Cpu,
}

const CONTROLLERS: [Controller; 3] = [Controller::Memory, Controller::Pids, Controller::Cpu];

impl Controller {
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where groups can be made.
#[derive(Debug, Clone)]
struct Parent {
    folder: PathBuf,
    version: Version,
    controllers: Vec<Controller>,
}

/// The limits of every program.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    memory_bytes: u64,
    processes_max: u64,
    cpu_percent: u64,
}

/// What cgroups can do here.
#[derive(Debug, Clone)]
pub(super) struct Cgroups {
    parents: Vec<Parent>,
    limits: Limits,
}

/// The groups of one program; removed when dropped.
pub(super) struct Groups {
    made: Vec<(Version, PathBuf)>,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Cgroups {
    /// Bounds nothing.
    pub fn none(options: &Options) -> Self {
        Self {
            parents: Vec::new(),
            limits: Limits {
                memory_bytes: options.memory_bytes,
                processes_max: options.processes_max,
                cpu_percent: options.cpu_percent,
            },
        }
    }

    /// Finds out what can be bounded here, and removes groups that a crash left.
    pub fn detect(options: &Options) -> Self {
        let mut cgroups = Self::none(options);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        for parent in candidates(&mounts, &own) {
            let open = CONTROLLERS
                .into_iter()
                .filter(|controller| parent.controllers.contains(controller))
                .filter(|controller| !cgroups.bounds(*controller))
                .collect();
            let usable = cgroups.try_out(&Parent {
                controllers: open,
                ..parent
            });
            cgroups.parents.extend(usable);
        }
        cgroups
    }

    /// Whether a resource is bounded.
    pub fn bounds(&self, controller: Controller) -> bool {
        self.parents
            .iter()
            .any(|parent| parent.controllers.contains(&controller))
    }

    /// What a trial group in this parent can do.
    fn try_out(&self, parent: &Parent) -> Option<Parent> {
        if parent.controllers.is_empty() {
            return None;
        }
        remove_left_overs(&parent.folder);
        if parent.version == Version::Two {
            for controller in &parent.controllers {
                // Fails where processes are in the group itself; then the group around it may do.
                let control = parent.folder.join("cgroup.subtree_control");
                let _ = write(&control, &format!("+{}", controller.name()));
            }
        }
        let folder = make(parent).ok()?;
        let controllers: Vec<Controller> = parent
            .controllers
            .iter()
            .copied()
            .filter(|controller| self.limit(parent.version, &folder, *controller).is_ok())
            .collect();
        let joinable = OpenOptions::new()
            .write(true)
            .open(folder.join("cgroup.procs"))
            .is_ok();
        let _ = fs::remove_dir(&folder);
        (joinable && !controllers.is_empty()).then(|| Parent {
            controllers,
            ..parent.clone()
        })
    }

    /// Makes the groups of one program.
    pub fn make(&self) -> io::Result<Groups> {
        let mut groups = Groups { made: Vec::new() };
        for parent in &self.parents {
            let folder = make(parent)?;
            groups.made.push((parent.version, folder.clone()));
            for controller in &parent.controllers {
                self.limit(parent.version, &folder, *controller)?;
            }
        }
        Ok(groups)
    }

    fn limit(&self, version: Version, folder: &Path, controller: Controller) -> io::Result<()> {
        let set = |file: &str, value: String| write(&folder.join(file), &value);
        let Limits {
            memory_bytes,
            processes_max,
            cpu_percent,
        } = self.limits;
        // Processor time is counted in periods of 100 ms.
        let quota_us = cpu_percent.saturating_mul(1000);
        match (version, controller) {
            (Version::One, Controller::Memory) => {
                set("memory.limit_in_bytes", memory_bytes.to_string())?;
                // Without swap accounting the file is missing, and there is nothing to bound.
                let _ = set("memory.memsw.limit_in_bytes", memory_bytes.to_string());
                Ok(())
            }
            (Version::Two, Controller::Memory) => {
                set("memory.max", memory_bytes.to_string())?;
                let _ = set("memory.swap.max", "0".to_owned());
                Ok(())
            }
            (_, Controller::Pids) => set("pids.max", processes_max.to_string()),
            (Version::One, Controller::Cpu) => {
                set("cpu.cfs_period_us", "100000".to_owned())?;
                set("cpu.cfs_quota_us", quota_us.to_string())
            }
            (Version::Two, Controller::Cpu) => set("cpu.max", format!("{quota_us} 100000")),
        }
    }
}

impl Groups {
    /// Files through which a process of one thread joins by writing `0`. Whoever opened them must have had the right, not who
    /// writes.
    pub fn doors(&self) -> io::Result<Vec<OwnedFd>> {
        self.made
            .iter()
            .map(|(version, folder)| {
                let name = match version {
                    // A thread that moves itself waits for no other. A process that does waits until every processor has been
                    // idle once, 10 ms and more.
                    Version::One => "tasks",
                    // Here a thread cannot leave the group of its process.
                    Version::Two => "cgroup.procs",
                };
                let door: File = OpenOptions::new().write(true).open(folder.join(name))?;
                Ok(door.into())
            })
            .collect()
    }

    /// Adds what the kernel says that it bounds here. What it does not bound is left as it is.
    pub fn state(&self, stated: &mut Stated) {
        for (version, folder) in &self.made {
            let number = |file: &str| first_number(&folder.join(file));
            let (by, memory, cpu) = match version {
                Version::One => ("cgroup_v1", "memory.limit_in_bytes", "cpu.cfs_quota_us"),
                Version::Two => ("cgroup_v2", "memory.max", "cpu.max"),
            };
            let by = || Some(by.to_owned());
            if let Some(bytes) = number(memory) {
                (stated.memory_bytes, stated.memory_by) = (Some(bytes), by());
            }
            if let Some(count) = number("pids.max") {
                (stated.processes, stated.processes_by) = (Some(count), by());
            }
            if let Some(quota_us) = number(cpu) {
                (stated.cpu_percent, stated.cpu_by) = (Some(quota_us / 1_000), by());
            }
        }
    }

    /// Ends whatever is still in the groups. Nothing should be; this is for what the tree's own means missed.
    pub fn end_the_rest(&self) {
        for (_, folder) in &self.made {
            let left = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            for pid in left.lines().filter_map(|pid| pid.parse().ok()) {
                if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
        }
    }

    /// Whether the kernel ended a process for want of memory.
    pub fn out_of_memory(&self) -> bool {
        self.made.iter().any(|(version, folder)| {
            let file = match version {
                Version::One => "memory.oom_control",
                Version::Two => "memory.events",
            };
            let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
            text.lines()
                .filter_map(|line| line.strip_prefix("oom_kill "))
                .any(|count| count.trim() != "0")
        })
    }

    /// The limit on processes, if one more was refused for it.
    pub fn processes_refused_above(&self) -> Option<u64> {
        self.made.iter().find_map(|(_, folder)| {
            let events = fs::read_to_string(folder.join("pids.events")).ok()?;
            let refused = events.lines().find_map(|line| line.strip_prefix("max "))?;
            let limit = fs::read_to_string(folder.join("pids.max")).ok()?;
            (refused.trim() != "0")
                .then(|| limit.trim().parse().ok())
                .flatten()
        })
    }

    /// The most memory that was used.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        self.made.iter().find_map(|(version, folder)| {
            let file = match version {
                Version::One => "memory.max_usage_in_bytes",
                Version::Two => "memory.peak",
            };
            let text = fs::read_to_string(folder.join(file)).ok()?;
            text.trim().parse().ok()
        })
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        self.end_the_rest();
        for (_, folder) in &self.made {
            // The kernel lets go of a group a moment after its last process.
            for _ in 0..50 {
                match fs::remove_dir(folder) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    Ok(()) | Err(_) => break,
                }
            }
        }
    }
}

fn make(parent: &Parent) -> io::Result<PathBuf> {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("{PREFIX}{}.{number}", std::process::id());
    let folder = parent.folder.join(name);
    fs::create_dir(&folder)?;
    Ok(folder)
}

fn write(path: &Path, value: &str) -> io::Result<()> {
    // Never create: in a folder that is no cgroup the file would appear, and bound nothing.
    let mut file = OpenOptions::new().write(true).open(path)?;
    io::Write::write_all(&mut file, value.as_bytes())
}

/// The first number of a file, if it is one that bounds anything.
fn first_number(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    bound(&text)
}

/// Version 2 writes `max` where nothing is bounded, version 1 `-1` or nearly the largest number.
fn bound(text: &str) -> Option<u64> {
    let number: u64 = text.split_whitespace().next()?.parse().ok()?;
    (number < u64::MAX / 4).then_some(number)
}

fn remove_left_overs(folder: &Path) {
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
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Folders in which groups might be made: version 2 before version 1, our own group before the one around it.
fn candidates(mounts: &str, own: &str) -> Vec<Parent> {
    let mut found = Vec::new();
    for (root, point, kind, options) in mounts.lines().filter_map(mount) {
        let two = kind == "cgroup2";
        let controllers: Vec<Controller> = CONTROLLERS
            .into_iter()
            .filter(|controller| two || options.split(',').any(|o| o == controller.name()))
            .collect();
        let Some(path) = own_path(own, two, &controllers) else {
            continue;
        };
        let below = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        let folder = Path::new(point).join(below);
        let version = if two { Version::Two } else { Version::One };
        let around = folder
            .parent()
            .filter(|parent| two && parent.starts_with(point));
        for folder in [Some(folder.as_path()), around].into_iter().flatten() {
            found.push(Parent {
                folder: folder.to_owned(),
                version,
                controllers: controllers.clone(),
            });
        }
    }
    found.sort_by_key(|parent| parent.version == Version::One);
    found
}

/// Root, mount point, kind and options of a line of `mountinfo`, if it is a cgroup.
fn mount(line: &str) -> Option<(&str, &str, &str, &str)> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, point) = (left.next()?, left.next()?);
    let mut right = right.split(' ');
    let kind = right.next().filter(|kind| kind.starts_with("cgroup"))?;
    Some((root, point, kind, right.nth(1).unwrap_or_default()))
}

/// Our own group in a hierarchy.
fn own_path<'a>(own: &'a str, two: bool, controllers: &[Controller]) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, names, path) = (parts.next()?, parts.next()?, parts.next()?);
        let here = if two {
            number == "0" && names.is_empty()
        } else {
            controllers
                .iter()
                .any(|controller| names.split(',').any(|name| name == controller.name()))
        };
        here.then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn controllers_of_both_versions_are_found_where_we_are() {
        let mounts = "\
30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
31 25 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
33 25 0:29 / /data rw - ext4 /dev/vda rw";
        let own = "4:memory:/box/1\n1:cpu,cpuacct:/\n0::/system/errand";
        let found: Vec<(PathBuf, Version)> = candidates(mounts, own)
            .into_iter()
            .map(|parent| (parent.folder, parent.version))
            .collect();
        assert_eq!(
            found,
            vec![
                ("/sys/fs/cgroup/unified/system/errand".into(), Version::Two),
                ("/sys/fs/cgroup/unified/system".into(), Version::Two),
                ("/sys/fs/cgroup/memory/box/1".into(), Version::One),
                ("/sys/fs/cgroup/cpu".into(), Version::One),
            ]
        );
    }
}
