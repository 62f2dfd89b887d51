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
