//! The end of a browser, and that nothing is left of it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tools::browser::Front;

use crate::room::{Room, is_root, until};
use crate::stage::{launched, processes, room};

/// The word that makes this program start a browser and hold it.
pub const HOLD: &str = "hold-a-browser";
/// Nobody's on any machine.
const ORDINARY: u32 = 47_112;

pub async fn a_browser_that_is_killed_is_noticed_at_once() {
    let room = room().await;
    let running = launched(&room, Front::default()).await;
    let all = processes();
    let (path, _, _) = all.iter().find(|(_, kind, _)| kind.is_empty()).unwrap();
    let pid = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let killed = Instant::now();
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    let over = tokio::time::timeout(Duration::from_secs(5), running.ended()).await;
    let over = over.unwrap().unwrap();
    assert!(over.is_gone, "{over:?}");
    assert!(
        killed.elapsed() < Duration::from_secs(2),
        "{:?}",
        killed.elapsed()
    );
    until("all of it is gone", || processes().is_empty()).await;
    running.end().await;
}

/// Threads of this process, folders of its workspaces, and groups of its commands.
fn held(room: &Room) -> (usize, Vec<String>, usize) {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
    let task = room.folder.join(room.place.task.as_str());
    let names = std::fs::read_dir(task).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    (
        threads,
        names.collect(),
        groups(Path::new("/sys/fs/cgroup"), 8),
    )
}

fn groups(folder: &Path, depth: u32) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders
        .map(|entry| {
            let name = entry.file_name();
            let own = format!("errand-run.{}.", std::process::id());
            let is_own = name.to_string_lossy().starts_with(&own);
            let below = if depth > 0 {
                groups(&entry.path(), depth - 1)
            } else {
                0
            };
            usize::from(is_own) + below
        })
        .sum()
}

pub async fn nothing_is_left_of_browsers_that_were_ended_or_let_go_of() {
    let room = room().await;
    // What is made once and kept is there after the first.
    launched(&room, Front::default()).await.end().await;
    let settled = |held: &(usize, Vec<String>, usize)| held.1.len() == 1 && held.2 == 0;
    until("the first is gone", || settled(&held(&room))).await;
    let (threads, _, _) = held(&room);
    let isolation = room.parts.sandbox.probe().await.stated.isolation;
    let has_groups = isolation == "bubblewrap";
    for round in 0..4 {
        let running = launched(&room, Front::default()).await;
        assert!(held(&room).1.len() == 2 && !processes().is_empty());
        assert_eq!(held(&room).2 > 0, has_groups);
        if round % 2 == 0 {
            let over = running.end().await;
            assert!(over.unwrap().is_gone);
            // What was waited for is gone at once.
            assert!(processes().is_empty());
            assert_eq!(held(&room).1.len(), 1);
        } else {
            drop(running);
        }
        until("it is gone", || {
            processes().is_empty() && settled(&held(&room))
        })
        .await;
    }
    until("its threads are gone", || held(&room).0 <= threads).await;
}

/// Starts a browser, says so, and waits to be killed.
pub fn hold() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let room = room().await;
        let _running = launched(&room, Front::default()).await;
        let pids = processes().into_iter();
        let pids = pids.map(|(path, _, _)| path.to_string_lossy().into_owned());
        println!("{}", pids.collect::<Vec<_>>().join(" "));
        std::future::pending::<()>().await;
    });
    ExitCode::FAILURE
}

pub async fn no_browser_outlives_the_process_that_started_it() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .arg(HOLD)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(holder.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    let paths: Vec<&Path> = line.split_whitespace().map(Path::new).collect();
    assert!(paths.len() > 3, "{line}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    until("the browser is gone", || {
        !paths.iter().any(|path| path.exists())
    })
    .await;
}

/// Those that look at nothing that only root can have.
const TESTS: &[&str] = &[
    "cage::a_browser_shows_a_page_and_says_what_holds_it",
    "cage::pages_run_in_the_browsers_own_sandbox_within_ours",
    "cage::files_of_the_machine_and_inner_pages_are_not_shown",
    "reach::a_page_is_fetched_only_where_the_task_was_granted_its_host",
    "reach::what_a_page_does_beside_the_proxy_arrives_nowhere",
    "reach::commands_of_the_same_task_do_not_reach_the_browser",
    "remains::a_browser_that_is_killed_is_noticed_at_once",
    "remains::nothing_is_left_of_browsers_that_were_ended_or_let_go_of",
    "remains::no_browser_outlives_the_process_that_started_it",
];

pub async fn what_holds_for_root_holds_for_an_ordinary_user() {
    if !is_root() {
        println!("not started as root: the tests themselves have shown it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The user has to reach it, wherever the tests were built.
    let program = folder.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for path in [folder.path(), &program] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let room = folder.path().join("room");
    std::fs::create_dir(&room).unwrap();
    chown(&room, Some(ORDINARY), Some(ORDINARY)).unwrap();
    let output = Command::new(&program)
        .arg("--exact")
        .args(TESTS)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TMPDIR", &room)
        .current_dir(&room)
        .uid(ORDINARY)
        .gid(ORDINARY)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{printed}{complaints}");
    let passed = format!("test result: ok. {} passed", TESTS.len());
    assert!(printed.contains(&passed), "{printed}");
}
