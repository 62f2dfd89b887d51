//! The processes that a server started, as the kernel tells of them.

fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn is_below(pid: i32, top: u32) -> bool {
    let mut pid = pid;
    while let Some(above) = parent(pid) {
        if i64::from(above) == i64::from(top) {
            return true;
        }
        pid = above;
    }
    false
}

/// All that this process started, and what those did.
pub fn below(top: u32) -> Vec<i32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| is_below(*pid, top)).collect()
}

/// The Chromiums among them, each by its first process: the others say of themselves what they are.
pub fn chromium_below(top: u32) -> Vec<i32> {
    let is_chromium = |pid: &i32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut arguments = line.split('\0');
        let is_program = arguments
            .next()
            .is_some_and(|program| program.ends_with("chromium"));
        is_program && !arguments.any(|argument| argument.starts_with("--type="))
    };
    below(top).into_iter().filter(is_chromium).collect()
}

/// The process among them that takes the most memory.
pub fn heaviest_below(top: u32) -> Option<i32> {
    below(top).into_iter().max_by_key(|pid| memory_kib(*pid))
}

/// The memory of a process: what it has alone, and its share of the rest.
fn memory_kib(pid: i32) -> u64 {
    number(pid, "smaps_rollup", "Pss:")
}

/// The number in a line of one of the kernel's files about a process.
fn number(pid: i32, file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// What a server holds, with all that runs below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub processes: usize,
    /// Of the server itself.
    pub threads: u64,
    /// Of the server itself.
    pub descriptors: usize,
    pub memory_mb: u64,
}

impl Held {
    pub fn by(server: u32) -> Self {
        let below = below(server);
        let descriptors = std::fs::read_dir(format!("/proc/{server}/fd"));
        let memory: u64 = below.iter().map(|pid| memory_kib(*pid)).sum();
        Self {
            processes: below.len(),
            threads: number(i32::try_from(server).unwrap(), "status", "Threads:"),
            descriptors: descriptors.map_or(0, Iterator::count),
            memory_mb: memory / 1024,
        }
    }

    /// Whether it is as much as the other but for a few that come and go: threads of a pool, connections that are kept.
    pub fn is_like(self, other: Self, processes: usize) -> bool {
        self.processes <= other.processes + processes
            && self.threads <= other.threads + 4
            && self.descriptors <= other.descriptors + 6
    }
}
