//! Using up what a machine has: each bomb is bounded, the outcome says by what, and whoever comes next notices nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::room::{Room, processes_with, until};
use agent_core::ports::tool::ToolOutcome;
use agent_core::ports::workspaces::{WorkspaceError, Workspaces};
use agent_core::workspace::Manifest;
use serde_json::json;

const MIB: u64 = 1024 * 1024;

/// Runs a bomb and, while it runs, sees how much the workspace grows to.
async fn explode(room: &Room, command: &str, timeout_s: u64) -> ToolOutcome {
    let outcome = room
        .tool("shell", json!({"command": command, "timeout_s": timeout_s}))
        .await;
    // The next command works in the same place and in another one, and nothing is left of the bomb.
    assert_eq!(room.prints("echo still here").await, "still here");
    let other = room.beside(9).await;
    let there = room
        .tool_in(&other, "shell", json!({"command": "echo and there"}))
        .await;
    assert!(there.content.ends_with("and there"), "{}", there.content);
    until("nothing is left", || processes_with("a-bomb") == 0).await;
    outcome
}

fn says(outcome: &ToolOutcome, text: &str) {
    let shown: String = outcome.content.chars().take(2000).collect();
    assert!(outcome.content.contains(text), "no {text:?} in: {shown}");
}

/// Only cgroups tell that a process was refused.
async fn names_the_limit_on_processes(room: &Room, outcome: &ToolOutcome) {
    if room.parts.sandbox.probe().await.stated.isolation == "bubblewrap" {
        says(outcome, "because one command may have 40 at the same time");
    }
}

/// The number that a bomb printed after this name.
fn counted(outcome: &ToolOutcome, name: &str) -> u64 {
    let text = outcome
        .content
        .lines()
        .find_map(|line| line.strip_prefix(name));
    text.and_then(|text| text.trim().parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {}", outcome.content))
}

#[tokio::test]
async fn threads_are_bounded() {
    let room = Room::with(|options| options.processes_max = 40).await;
    let bomb = "exec python3 - a-bomb <<'P'
import threading
started = 0
stop = threading.Event()
try:
    while started < 500:
        threading.Thread(target=stop.wait, daemon=True).start()
        started += 1
except RuntimeError as error:
    print(error)
print('started', started)
stop.set()
P";
    let outcome = explode(&room, bomb, 20).await;
    says(&outcome, "can't start new thread");
    assert!(counted(&outcome, "started ") < 40, "{}", outcome.content);
    names_the_limit_on_processes(&room, &outcome).await;
}

#[tokio::test]
async fn processes_that_nobody_waits_for_are_bounded_and_gone_afterwards() {
    let room = Room::with(|options| options.processes_max = 40).await;
    let bomb = "exec python3 - a-bomb <<'P'
import os
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            os._exit(0)
        made += 1
except OSError as error:
    print(error)
print('made', made)
P";
    let outcome = explode(&room, bomb, 20).await;
    says(&outcome, "Resource temporarily unavailable");
    assert!(counted(&outcome, "made ") < 40, "{}", outcome.content);
    names_the_limit_on_processes(&room, &outcome).await;
}

#[tokio::test]
async fn open_files_are_bounded() {
    let room = Room::with(|options| options.open_files_max = 100).await;
    let bomb = "exec python3 - a-bomb <<'P'
import os
opened = 0
try:
    while opened < 5000:
        os.open('/dev/null', os.O_RDONLY)
        opened += 1
except OSError as error:
    print(error)
print('opened', opened)
P";
    let outcome = explode(&room, bomb, 20).await;
    says(&outcome, "Too many open files");
    assert!(counted(&outcome, "opened ") < 100, "{}", outcome.content);
}

#[tokio::test]
async fn memory_of_many_processes_is_bounded_together() {
    let room = Room::with(|options| options.memory_bytes = 96 * MIB).await;
    let bomb = "exec python3 - a-bomb <<'P'
import os
for _ in range(8):
    if os.fork() == 0:
        kept = bytearray(40 * 1024 * 1024)
        os._exit(0 if kept[-1] == 0 and not __import__('time').sleep(1) else 1)
print('survived', sum(os.waitstatus_to_exitcode(os.wait()[1]) == 0 for _ in range(8)))
P";
    let outcome = explode(&room, bomb, 20).await;
    if room.parts.sandbox.probe().await.stated.isolation == "bubblewrap" {
        says(&outcome, "needed more memory than there is for one command");
    } else {
        // Looked at now and then, as the probe says.
        says(
            &outcome,
            "killed: one command may have 100663296 bytes of memory",
        );
    }
}

#[tokio::test]
async fn folders_in_memory_are_small() {
    let room = Room::new().await;
    for path in ["/tmp", "/dev/shm"] {
        let bomb =
            format!(": a-bomb; head -c 200M /dev/zero > {path}/x; stat -c 'kept %s' {path}/x");
        let outcome = explode(&room, &bomb, 20).await;
        says(&outcome, "No space left on device");
        assert!(
            counted(&outcome, "kept ") <= 64 * MIB,
            "{}",
            outcome.content
        );
    }
    let outcome = explode(&room, ": a-bomb; cd /tmp && for i in $(seq 40); do mkdir d$i && (cd d$i && seq 2000 | xargs touch) || break; done", 30).await;
    assert!(outcome.content.len() < 20_000);
}

#[tokio::test]
async fn a_file_larger_than_the_memory_limit_is_no_use_of_memory() {
    let room = Room::with(|options| options.memory_bytes = 96 * MIB).await;
    let bomb = "exec python3 - a-bomb <<'P'
import mmap
with open('large', 'w+b') as file:
    for _ in range(200):
        file.write(bytes(1 << 20))
    file.flush()
    with mmap.mmap(file.fileno(), 0) as mapped:
        print('sum', sum(mapped[at] for at in range(0, len(mapped), 4096)))
P";
    let outcome = explode(&room, bomb, 30).await;
    assert!(outcome.ok, "{}", outcome.content);
}

#[tokio::test]
async fn ten_gigabytes_of_output_are_not_kept() {
    let room = Room::new().await;
    let outcome = explode(&room, ": a-bomb; yes | head -c 10G", 60).await;
    says(&outcome, "killed: more than 268435456 bytes of output");
    assert!(outcome.content.len() < 20_000);
}

#[tokio::test]
async fn spinning_processes_end_with_the_wall_time() {
    let room = Room::new().await;
    let bomb =
        "for i in 1 2 3 4 5 6 7 8; do (exec -a a-bomb bash -c 'while :; do :; done') & done; wait";
    let outcome = explode(&room, bomb, 1).await;
    says(&outcome, "killed: wall time of 1 s");
}

fn free_bytes(path: &Path) -> u64 {
    let disk = rustix::fs::statvfs(path).unwrap();
    disk.f_bavail * disk.f_frsize
}

/// Runs a bomb, and says what the workspace's file system lost at the most while it ran.
async fn explode_on_disk(room: &Room, bomb: &str) -> (ToolOutcome, u64) {
    let path = room.folder.clone();
    let before = free_bytes(&path);
    let over = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&over);
    let watching = std::thread::spawn(move || {
        let mut least = u64::MAX;
        while !ended.load(Ordering::Relaxed) {
            least = least.min(free_bytes(&path));
            std::thread::sleep(Duration::from_millis(2));
        }
        least
    });
    let outcome = explode(room, bomb, 50).await;
    over.store(true, Ordering::Relaxed);
    let most = before.saturating_sub(watching.join().unwrap());
    println!("{} MiB at the most", most / MIB);
    room.restore(&Manifest::default()).await;
    assert_eq!(std::fs::read_dir(room.files()).unwrap().count(), 0);
    (outcome, most)
}

fn on_disk(options: &mut tools::Options) {
    options.workspace_bytes_max = 64 * MIB;
    options.file_bytes_max = 16 * MIB;
}

#[tokio::test]
async fn many_files_below_the_limit_of_each_are_bounded_together() {
    let room = Room::with(on_disk).await;
    let bomb = ": a-bomb; for i in $(seq 1000); do head -c 16M /dev/zero > f$i; done";
    let (outcome, most) = explode_on_disk(&room, bomb).await;
    says(
        &outcome,
        "killed: more than 67108864 bytes in the workspace",
    );
    assert!(most < 1024 * MIB, "{}", most);
}

#[tokio::test]
async fn files_that_are_deleted_and_still_open_count() {
    let room = Room::with(on_disk).await;
    let bomb = "exec python3 - a-bomb <<'P'
import os
block = bytes(1 << 20)
kept = []
for number in range(300):
    kept.append(open('hidden', 'wb'))
    os.unlink('hidden')
    for _ in range(16):
        kept[-1].write(block)
print('all written')
P";
    let (outcome, most) = explode_on_disk(&room, bomb).await;
    says(
        &outcome,
        "killed: more than 67108864 bytes in the workspace",
    );
    assert!(most < 1024 * MIB, "{}", most);
}

#[tokio::test]
async fn files_that_lie_too_deep_to_be_counted_end_the_command() {
    let room = Room::with(on_disk).await;
    let bomb = ": a-bomb; for i in $(seq 70); do mkdir d && cd d; done; for i in $(seq 1000); do head -c 16M /dev/zero > f$i; done";
    let (outcome, most) = explode_on_disk(&room, bomb).await;
    says(
        &outcome,
        "killed: directories nested deeper than 64, where files cannot be counted",
    );
    assert!(most < 1024 * MIB, "{}", most);
}

#[tokio::test]
async fn thirty_thousand_files_are_too_many() {
    let room = Room::new().await;
    let bomb = "exec python3 - a-bomb <<'P'
import os
for number in range(30000):
    os.close(os.open(f'f{number}', os.O_CREAT))
__import__('time').sleep(5)
P";
    let outcome = room
        .tool("shell", json!({"command": bomb, "timeout_s": 50}))
        .await;
    says(&outcome, "killed: more than 20000 files in the workspace");
    let made = std::fs::read_dir(room.files()).unwrap().count();
    println!("{made} files");
    assert_eq!(room.prints("rm -rf /workspace/*; ls -A").await, "");
}

#[tokio::test]
async fn a_deep_tree_is_refused_by_the_snapshot_and_can_be_removed() {
    let room = Room::new().await;
    let bomb = "exec python3 - a-bomb <<'P'
import os
for _ in range(5000):
    os.mkdir('d')
    os.chdir('d')
P";
    explode(&room, bomb, 20).await;
    let taken = room.parts.workspaces.snapshot(&room.place).await;
    assert!(
        matches!(taken, Err(WorkspaceError::TooLarge(_))),
        "{taken:?}"
    );
    room.restore(&Manifest::default()).await;
    assert_eq!(std::fs::read_dir(room.files()).unwrap().count(), 0);
}

#[tokio::test]
async fn files_with_holes_take_no_space_and_are_not_taken_into_a_snapshot() {
    let room = Room::new().await;
    let bomb = ": a-bomb; for i in $(seq 50); do truncate -s 250M hole$i; done";
    let (outcome, most) = explode_on_disk(&room, bomb).await;
    assert!(outcome.ok, "{}", outcome.content);
    assert!(most < 256 * MIB, "{}", most);
    room.shell(bomb).await;
    let taken = room.parts.workspaces.snapshot(&room.place).await;
    assert!(
        matches!(taken, Err(WorkspaceError::TooLarge(_))),
        "{taken:?}"
    );
    assert!(!room.shell("truncate -s 1T huge").await.ok);
}
