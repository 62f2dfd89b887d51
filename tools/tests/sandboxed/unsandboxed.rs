//! Commands that run without isolation since the operator chose so: they are bounded and ended all the same.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::room::{Room, processes_with, until};
use serde_json::json;
use tools::SandboxKind;

async fn open_room() -> Room {
    Room::with(|options| options.sandbox = SandboxKind::None).await
}

/// Leaves a process that is nobody's child, in a session of its own.
fn daemon(number: u32) -> String {
    format!(
        "python3 -c 'import os; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); os.execvp(\"sleep\", [\"sleep\", \"{number}\"])' > /dev/null 2>&1; setsid -f sleep {number} > /dev/null 2>&1"
    )
}

#[tokio::test]
async fn an_unsandboxed_command_ends_as_it_says() {
    let room = open_room().await;
    for (command, starts) in [
        ("echo out; echo err >&2; exit 3", "exit status: 3 "),
        ("kill -9 $$", "exit status: 137 "),
        ("no-such-program", "exit status: 127 "),
        ("true", "exit status: 0 "),
    ] {
        let outcome = room.shell(command).await;
        assert!(outcome.content.starts_with(starts), "{}", outcome.content);
    }
    let outcome = room.shell("echo out; echo err >&2; cat").await;
    assert!(
        outcome
            .content
            .ends_with("--- stdout\nout\n--- stderr\nerr"),
        "{}",
        outcome.content
    );
}

#[tokio::test]
async fn what_an_unsandboxed_command_leaves_running_ends_with_it() {
    let room = open_room().await;
    let started = Instant::now();
    let command = format!(
        "{}; sleep 98781 & echo $(pgrep -fc '[s]leep 98781')",
        daemon(98781)
    );
    // The shell itself is the fourth.
    assert_eq!(room.prints(&command).await, "4");
    assert_eq!(processes_with("98781"), 0);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_unsandboxed_command_that_takes_too_long_is_asked_and_then_ended_with_all_it_started() {
    let room = open_room().await;
    let command = format!(
        "{}; trap 'echo asked' TERM; while :; do sleep 0.05; done",
        daemon(98782)
    );
    let outcome = room
        .tool("shell", json!({"command": command, "timeout_s": 1}))
        .await;
    let wanted = "killed: wall time of 1 s\n--- stdout\nasked";
    assert!(outcome.content.starts_with(wanted), "{}", outcome.content);
    assert_eq!(processes_with("98782"), 0);
}

/// Not a test by itself: the process that dies in the one below.
#[tokio::test]
#[ignore = "started and killed by another test"]
async fn a_process_that_will_be_killed() {
    let room = open_room().await;
    let forever = format!("{}; sleep 98783; true", daemon(98783));
    room.tool("shell", json!({"command": forever, "timeout_s": 60}))
        .await;
}

#[tokio::test]
async fn what_an_unsandboxed_command_left_is_ended_with_our_process() {
    // What it leaves lies in here.
    let folder = tempfile::tempdir().unwrap();
    let mut doomed = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "unsandboxed::a_process_that_will_be_killed",
        ])
        .env("TMPDIR", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // The shell, what it waits for, and two that are nobody's.
    until("the command runs", || processes_with("98783") >= 4).await;
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    until("all of it is gone", || processes_with("98783") == 0).await;
}
