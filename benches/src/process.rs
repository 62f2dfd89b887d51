//! Processes as the kernel accounts for them: processor time, memory, the machine's load.

use std::fs;

/// What `/proc/<pid>/stat` says.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    /// Its parent.
    pub parent: u32,
    /// Ticks that it has used itself.
    own_ticks: u64,
    /// Ticks that its children used that have ended.
    ended_ticks: u64,
}

/// A process's statistics, if it is there.
pub fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in brackets and may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        own_ticks: number(11)? + number(12)?,
        ended_ticks: number(13)? + number(14)?,
    })
}

/// Milliseconds of processor that a process has used.
pub fn cpu_ms(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |stat| milliseconds(stat.own_ticks))
}

/// Milliseconds of processor that a process and its children have used.
pub fn family_cpu_ms(parent: u32) -> f64 {
    let own = stat(parent).map_or(0, |stat| stat.own_ticks + stat.ended_ticks);
    let children = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            stat(pid).filter(|stat| stat.parent == parent)
        });
    milliseconds(own + children.map(|stat| stat.own_ticks).sum::<u64>())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "ticks of minutes, not of centuries"
)]
fn milliseconds(ticks: u64) -> f64 {
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
    ticks as f64 * 1_000.0
        / per_second
            .ok()
            .flatten()
            .map_or(100.0, |found| found as f64)
}

/// Resident memory in KB: now, and at most so far.
pub fn resident_kb(pid: u32) -> (f64, f64) {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let find = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0.0)
    };
    (find("VmRSS:"), find("VmHWM:"))
}

/// The machine in a line: processors, and its load over the last minute.
pub fn machine() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load
        .split_whitespace()
        .next()
        .unwrap_or("unknown")
        .to_owned();
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    format!("{processors} processors ({model}), load {load} at the start")
}
