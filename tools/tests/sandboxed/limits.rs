//! What a command can use up, and that nothing of it stays behind.

use std::time::{Duration, Instant};

use crate::room::{Room, processes_with, until};
use agent_core::ports::tool::ToolBox;
use agent_core::ports::workspaces::Workspaces;
use serde_json::json;

const MIB: u64 = 1024 * 1024;

#[tokio::test]
async fn a_fork_bomb_is_contained() {
    let room = Room::with(|options| options.processes_max = 40).await;
    // Bounded by itself too, so that a failing sandbox does not take the machine with it.
    let bomb =
        "n=0; while [ $n -lt 300 ]; do sleep 5 & n=$((n+1)); done 2>/dev/null; jobs -p | wc -l";
    let outcome = room
        .tool("shell", json!({"command": bomb, "timeout_s": 20}))
        .await;
    let started: Vec<u32> = outcome
        .content
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect();
    assert!(
        started.iter().all(|count| *count <= 40),
        "{}",
        outcome.content
    );
}

#[tokio::test]
async fn a_flood_of_output_is_cut_and_counted() {
    let room = Room::new().await;
    let outcome = room
        .shell("head -c 5000000 /dev/zero | tr '\\0' x; echo end")
        .await;
    assert!(outcome.ok, "{}", outcome.content);
    assert!(outcome.content.len() < 17_000, "{}", outcome.content.len());
    assert!(
        outcome
            .content
            .contains("bytes left out here; all 5000004 are in .errand/output/"),
        "{}",
        outcome.content.len()
    );
    assert!(outcome.content.ends_with("xend"));
}

#[tokio::test]
async fn output_that_is_not_shown_whole_is_a_file_that_the_model_can_look_at_and_the_oldest_go_first()
 {
    let room = Room::with(|options| {
        options.output_stored_bytes_max = 4 * MIB;
        options.workspace_bytes_max = 64 * MIB;
    })
    .await;
    let lines = "for i in $(seq 300000); do echo line $i; done; echo wrong >&2";
    let outcome = room.shell(lines).await;
    let call = agent_core::id::CallId::new(&agent_core::ports::entropy::Seeded::new(7));
    let path = format!(".errand/output/{call}.stdout");
    let told = format!(" bytes left out here; all 3488895 are in {path} ...]\n");
    assert!(outcome.content.contains(&told), "{:.300}", outcome.content);
    assert!(
        outcome.content.ends_with("line 300000\n--- stderr\nwrong"),
        "{}",
        outcome.content.len()
    );
    let read = json!({"path": path, "start_line": 150_000, "line_count": 2});
    let shown = room.tool("file_read", read).await.content;
    assert!(shown.ends_with("\nline 150000\nline 150001"), "{shown}");
    let found = room.prints(&format!("grep -c 77 /workspace/{path}")).await;
    assert_eq!(found, "11073");
    // It is kept with the step's files, and neither listed nor searched unless it is named.
    let snapshot = room.snapshot().await;
    let paths: Vec<&String> = snapshot.manifest.0.keys().collect();
    assert_eq!(paths, [&path]);
    assert_eq!(
        room.tool("file_list", json!({})).await.content,
        "nothing is there"
    );
    let named = room
        .tool("file_list", json!({"path": ".errand/output"}))
        .await;
    assert!(named.content.contains(&path), "{}", named.content);

    let more = room.shell("head -c 5M /dev/zero | tr '\\0' x").await;
    let told = format!("; the first 4194304 of all 5242880 are in {path} ...]");
    assert!(more.content.contains(&told), "{:.300}", more.content);
    // Outputs take an eighth of the workspace at the most.
    let mut told = Vec::new();
    for seed in [8, 9] {
        let command = json!({"command": "head -c 6M /dev/zero | tr '\\0' x"});
        let mut call = room.call("shell", command);
        call.call = agent_core::id::CallId::new(&agent_core::ports::entropy::Seeded::new(seed));
        let outcome = room.parts.toolbox.run(&call).await.unwrap();
        let note = outcome
            .content
            .split_once("; for want of room .errand/output/");
        told.push(
            note.is_some_and(|(_, note)| {
                note.contains(".stdout was removed, which was older ...]")
            }),
        );
    }
    assert_eq!(told, [false, true]);
    let kept = room
        .prints("du -sb --apparent-size .errand/output | cut -f 1; ls .errand/output | wc -l")
        .await;
    let kept: Vec<u64> = kept.lines().map(|line| line.parse().unwrap()).collect();
    assert!(kept[0] <= 8 * MIB + 8192 && kept[1] <= 2, "{kept:?}");
}

#[tokio::test]
async fn a_workspace_without_room_keeps_no_output_and_loses_nothing() {
    let room = Room::with(|options| options.workspace_bytes_max = 8 * MIB).await;
    let full = "head -c 7900000 /dev/urandom > full; head -c 900000 /dev/zero | tr '\\0' x";
    let outcome = room.shell(full).await;
    assert!(outcome.ok, "{:.300}", outcome.content);
    let told = "; they were not kept: 900000 bytes more have no room: the workspace may hold 8388608 bytes (tools.workspace_bytes_max), of which ";
    assert!(outcome.content.contains(told), "{:.600}", outcome.content);
    assert_eq!(room.prints("ls -A").await, "full");
}

#[tokio::test]
async fn a_command_that_prints_without_end_is_ended() {
    let room = Room::with(|options| options.output_bytes_max = 8 * MIB).await;
    let outcome = room
        .tool("shell", json!({"command": "yes", "timeout_s": 60}))
        .await;
    assert!(
        outcome
            .content
            .starts_with("killed: more than 8388608 bytes of output\n--- stdout\ny\ny"),
        "{:.80}",
        outcome.content
    );
    assert!(!outcome.ok);
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_asked_to_end_and_its_output_is_kept() {
    let room = Room::new().await;
    let command = "trap 'echo asked; exit 0' TERM; echo begun; while :; do sleep 0.05; done";
    let outcome = room
        .tool("shell", json!({"command": command, "timeout_s": 1}))
        .await;
    let wanted = "killed: wall time of 1 s\n--- stdout\nbegun\nasked";
    assert!(outcome.content.starts_with(wanted), "{}", outcome.content);
    assert!(!outcome.ok);
}

#[tokio::test]
async fn the_wall_limit_ends_grandchildren_in_sessions_of_their_own() {
    let room = Room::new().await;
    let command = "trap '' TERM; for i in 1 2 3; do setsid -f sleep 98761; done; sleep 98761";
    let started = Instant::now();
    let outcome = room
        .tool("shell", json!({"command": command, "timeout_s": 1}))
        .await;
    assert!(
        outcome.content.starts_with("killed: wall time of 1 s"),
        "{}",
        outcome.content
    );
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(processes_with("98761"), 0);
}

#[tokio::test]
async fn what_a_command_leaves_running_ends_with_it_and_is_not_waited_for() {
    let room = Room::new().await;
    let started = Instant::now();
    assert_eq!(
        room.prints("(setsid sleep 98762 &) ; echo done").await,
        "done"
    );
    assert!(started.elapsed() < Duration::from_secs(8));
    assert_eq!(processes_with("98762"), 0);
}

#[tokio::test]
async fn dropping_a_call_ends_its_whole_tree() {
    let room = Room::new().await;
    room.shell("true").await;
    let call = room.call(
        "shell",
        json!({"command": "setsid -f sleep 98763; touch begun; sleep 98763"}),
    );
    let toolbox = std::sync::Arc::clone(&room.parts.toolbox);
    let running = tokio::spawn(async move { toolbox.run(&call).await });
    until("the command runs", || room.files().join("begun").exists()).await;
    assert_ne!(processes_with("98763"), 0);
    running.abort();
    until("all of it is gone", || processes_with("98763") == 0).await;
}

#[tokio::test]
async fn dropping_a_call_at_once_leaves_nothing_behind() {
    let room = Room::new().await;
    room.shell("true").await;
    for wait_ms in [0, 1, 2, 3, 5, 8, 12, 20] {
        let call = room.call("shell", json!({"command": "sleep 98764"}));
        let run = room.parts.toolbox.run(&call);
        let _ = tokio::time::timeout(Duration::from_millis(wait_ms), run).await;
    }
    until("all of them are gone", || processes_with("98764") == 0).await;
    assert!(room.shell("true").await.ok);
}

/// Not a test by itself: the process that dies in the one below.
#[tokio::test]
#[ignore = "started and killed by another test"]
async fn a_process_that_will_be_killed() {
    let room = Room::new().await;
    let forever = "setsid -f sleep 98766; sleep 98766";
    room.tool("shell", json!({"command": forever, "timeout_s": 60}))
        .await;
}

#[tokio::test]
async fn when_our_process_is_killed_everything_that_it_started_is_gone() {
    // What it leaves lies in here.
    let folder = tempfile::tempdir().unwrap();
    let mut doomed = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "limits::a_process_that_will_be_killed",
        ])
        .env("TMPDIR", folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // bwrap, its first process, prlimit or bash, and two sleeps.
    until("the command runs", || processes_with("98766") >= 4).await;
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    until("all of it is gone", || processes_with("98766") == 0).await;
}

/// Not a test by itself: the process that dies again and again in the one below.
#[tokio::test]
#[ignore = "started and killed by another test"]
async fn a_process_that_starts_commands_until_it_is_killed() {
    let room = Room::new().await;
    loop {
        let starts = (0..4).map(|_| room.shell("true"));
        futures_util::future::join_all(starts).await;
    }
}

#[tokio::test]
async fn what_a_process_leaves_that_is_killed_while_it_starts_commands_is_gone_after_the_next_start()
 {
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for round in 0..8 {
        let mut doomed = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "limits::a_process_that_starts_commands_until_it_is_killed",
            ])
            .env("TMPDIR", folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let name = format!("errand-sandbox.{}", doomed.id());
        until("commands are started", || processes_with(&name) > 0).await;
        tokio::time::sleep(Duration::from_millis(round * 11)).await;
        doomed.kill().unwrap();
        doomed.wait().unwrap();
        names.push(name);
    }
    // The next start is a sandbox that is tried anew.
    let room = Room::new().await;
    assert!(room.parts.sandbox.probe().await.usable);
    for name in names {
        until("nothing of it is left", || processes_with(&name) == 0).await;
    }
}

#[tokio::test]
async fn removing_a_place_ends_what_runs_there() {
    let room = Room::new().await;
    room.shell("true").await;
    let call = room.call("shell", json!({"command": "touch begun; sleep 98765"}));
    let toolbox = std::sync::Arc::clone(&room.parts.toolbox);
    let running = tokio::spawn(async move { toolbox.run(&call).await });
    until("the command runs", || room.files().join("begun").exists()).await;
    let remains = room.parts.workspaces.discard(&room.place).await;
    assert_eq!(remains, agent_core::ports::workspaces::Remains::Nothing);
    assert_eq!(processes_with("98765"), 0);
    assert!(running.await.unwrap().is_err());
    assert!(!room.files().parent().unwrap().exists());
}

#[tokio::test]
async fn a_workspace_that_grows_too_large_ends_the_command() {
    let room = Room::with(|options| {
        options.workspace_bytes_max = 20 * MIB;
        options.workspace_files_max = 50;
    })
    .await;
    let slowly =
        "for i in $(seq 1000); do head -c 4000000 /dev/zero > f$((i % 40)); sleep 0.05; done";
    let outcome = room
        .tool("shell", json!({"command": slowly, "timeout_s": 50}))
        .await;
    assert!(
        outcome
            .content
            .starts_with("killed: more than 20971520 bytes in the workspace"),
        "{}",
        outcome.content
    );
    let many = "rm -f *; for i in $(seq 1000); do : > e$i; sleep 0.02; done";
    let outcome = room
        .tool("shell", json!({"command": many, "timeout_s": 50}))
        .await;
    assert!(
        outcome
            .content
            .starts_with("killed: more than 50 files in the workspace"),
        "{}",
        outcome.content
    );
}

#[tokio::test]
async fn one_file_cannot_grow_beyond_its_limit() {
    let room = Room::with(|options| options.file_bytes_max = MIB).await;
    assert!(!room.shell("head -c 3000000 /dev/zero > f").await.ok);
    assert_eq!(room.prints("stat -c %s f").await, "1048576");
}

#[tokio::test]
async fn commands_are_ended_when_the_disk_is_nearly_full() {
    let room = Room::with(|options| options.free_space_bytes_min = u64::MAX).await;
    let outcome = room
        .tool("shell", json!({"command": "sleep 30", "timeout_s": 50}))
        .await;
    assert!(
        outcome.content.contains("disk is nearly full"),
        "{}",
        outcome.content
    );
}

#[tokio::test]
async fn memory_is_bounded_and_the_model_is_told() {
    let room = Room::with(|options| options.memory_bytes = 96 * MIB).await;
    let hungry = "python3 -c 'x = bytearray(400 * 1024 * 1024); print(len(x))'";
    let outcome = room.shell(hungry).await;
    assert!(!outcome.ok, "{}", outcome.content);
    let probe = room.parts.sandbox.probe().await;
    if probe.stated.isolation == "bubblewrap" {
        assert!(
            outcome.content.contains("needed more memory"),
            "{}",
            outcome.content
        );
    } else {
        assert!(
            outcome.content.contains("MemoryError"),
            "{}",
            outcome.content
        );
    }
}

#[tokio::test]
async fn many_commands_at_once_keep_apart() {
    let room = Room::new().await;
    let runs = (0..12).map(|number| {
        let room = &room;
        async move { room.prints(&format!("sleep 0.1; echo {number}")).await }
    });
    let printed = futures_util::future::join_all(runs).await;
    let wanted: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    assert_eq!(printed, wanted);
}
