//! What all commands of a task, and of a tenant, may use together: who goes beyond it is ended and told whose limit it was, and
//! whoever does not goes on.

use agent_core::ports::tool::ToolOutcome;
use agent_core::ports::workspaces::{Place, Remains, Workspaces};
use serde_json::json;
use tools::SandboxKind;

use crate::room::{Room, until};

const MIB: u64 = 1024 * 1024;

/// Holds so many megabytes until it is told to go on.
fn holding(mebibytes: u64) -> String {
    format!(
        "exec python3 - <<'P'
import os, time
kept = bytearray({mebibytes} << 20)
for at in range(0, len(kept), 4096):
    kept[at] = 1
open('ready', 'w').close()
for _ in range(400):
    if os.path.exists('go'):
        print('went on with', sum(kept[::4096]) * 4096 >> 20)
        break
    time.sleep(0.1)
P"
    )
}

/// Has so many children until it is told to go on.
fn having(children: u64) -> String {
    format!(
        "exec python3 - <<'P'
import os, subprocess, time
children = [subprocess.Popen(['sleep', '50']) for _ in range({children})]
open('ready', 'w').close()
for _ in range(400):
    if os.path.exists('go'):
        print('went on with', sum(child.poll() is None for child in children))
        break
    time.sleep(0.1)
for child in children:
    child.kill()
P"
    )
}

/// Runs a quiet command in each of these places, then one that wants more than is left in another, and gives what came of that
/// and of those.
async fn against(
    room: &Room,
    quiet: &[(&Place, String)],
    greedy: (&Place, String),
) -> (ToolOutcome, Vec<ToolOutcome>) {
    let shell = |command: &str| json!({"command": command, "timeout_s": 50});
    let running = quiet.iter().map(|(place, command)| {
        let command = shell(command);
        async move { room.tool_in(place, "shell", command).await }
    });
    let quietly = futures_util::future::join_all(running);
    let loudly = async {
        for (place, _) in quiet {
            let ready = room.files_of(place).join("ready");
            until("a quiet command has what it wants", || ready.exists()).await;
        }
        let (place, command) = greedy;
        let outcome = room.tool_in(place, "shell", shell(&command)).await;
        for (place, _) in quiet {
            std::fs::write(room.files_of(place).join("go"), "").unwrap();
        }
        outcome
    };
    let (quiet, greedy) = tokio::join!(quietly, loudly);
    (greedy, quiet)
}

fn went_on(outcomes: &[ToolOutcome], with: u64) {
    for outcome in outcomes {
        let wanted = format!("went on with {with}");
        assert!(
            outcome.ok && outcome.content.contains(&wanted),
            "{}",
            outcome.content
        );
    }
}

fn names(outcome: &ToolOutcome, scope: &str) {
    assert!(
        !outcome.ok && outcome.content.contains(scope),
        "no {scope:?} in {}",
        outcome.content
    );
    assert!(!outcome.content.contains("went on"), "{}", outcome.content);
}

const TASK: &str = "all commands of this task together";
const TENANT: &str = "all commands of this tenant together on this machine";

#[tokio::test]
async fn memory_of_a_task_is_bounded_together_and_other_tenants_go_on() {
    let room = Room::with(|options| options.per_task.memory_bytes = 260 * MIB).await;
    let beside = room.same_task(2).await;
    let (of_tenant, other) = (room.same_tenant(3).await, room.beside(4).await);
    let quiet = [
        (&room.place, holding(100)),
        (&of_tenant, holding(100)),
        (&other, holding(100)),
    ];
    let (greedy, quiet) = against(&room, &quiet, (&beside, holding(200))).await;
    names(&greedy, TASK);
    went_on(&quiet, 100);
}

#[tokio::test]
async fn memory_of_a_tenant_is_bounded_over_its_tasks() {
    let room = Room::with(|options| {
        options.per_task.memory_bytes = 0;
        options.per_tenant.memory_bytes = 260 * MIB;
    })
    .await;
    let (beside, other) = (room.same_tenant(2).await, room.beside(4).await);
    let quiet = [(&room.place, holding(100)), (&other, holding(100))];
    let (greedy, quiet) = against(&room, &quiet, (&beside, holding(200))).await;
    names(&greedy, TENANT);
    went_on(&quiet, 100);
}

#[tokio::test]
async fn processes_of_a_task_are_bounded_together_and_other_tenants_go_on() {
    let room = Room::with(|options| options.per_task.processes_max = 60).await;
    let beside = room.same_task(2).await;
    let other = room.beside(4).await;
    let quiet = [(&room.place, having(20)), (&other, having(20))];
    // Each holds its breath, so that a look that comes now and then sees all of them.
    let bomb = "exec python3 - <<'P'
import subprocess, time
children = []
try:
    while len(children) < 100:
        children.append(subprocess.Popen(['sleep', '20']))
except OSError as error:
    print(error)
time.sleep(3)
raise SystemExit(1)
P";
    let (greedy, quiet) = against(&room, &quiet, (&beside, bomb.to_owned())).await;
    names(&greedy, TASK);
    assert!(greedy.content.contains("60"), "{}", greedy.content);
    went_on(&quiet, 20);
}

#[tokio::test]
async fn a_sandbox_that_a_task_has_no_processes_left_for_is_told_whose_limit_it_was() {
    let room = Room::with(|options| options.per_task.processes_max = 40).await;
    if !room.counts_processes_of_tasks().await {
        // Then they are looked at, and the one that has most of them is ended.
        return;
    }
    let beside = room.same_task(2).await;
    let other = room.beside(4).await;
    let all = "exec python3 - <<'P'
import os, subprocess, time
children = []
try:
    while True:
        children.append(subprocess.Popen(['sleep', '50']))
except OSError:
    open('ready', 'w').close()
for _ in range(400):
    if os.path.exists('go'):
        print('went on with', 1)
        break
    time.sleep(0.1)
for child in children:
    child.kill()
P";
    let quiet = [(&room.place, all.to_owned())];
    let (refused, quiet) = against(&room, &quiet, (&beside, "true".to_owned())).await;
    assert_eq!(
        (refused.ok, refused.content.as_str()),
        (
            false,
            "it could not be started: all commands of this task together may have 40 processes and threads at the same time, and so many are there; end what runs in the background and is not needed with shell_stop, or try again later"
        )
    );
    assert!(
        quiet[0].content.contains("went on with 1"),
        "{}",
        quiet[0].content
    );
    // It was not the machine's fault, so nothing is tried anew.
    let outcome = room
        .tool_in(&other, "shell", json!({"command": "true"}))
        .await;
    assert!(outcome.ok, "{}", outcome.content);
}

#[tokio::test]
async fn workspaces_of_a_task_are_bounded_together_and_other_tenants_go_on() {
    let room = Room::with(|options| {
        options.per_task.workspace_bytes_max = 48 * MIB;
        options.per_tenant.workspace_files_max = 300;
    })
    .await;
    let beside = room.same_task(2).await;
    let (of_tenant, other) = (room.same_tenant(3).await, room.beside(4).await);
    let writing = "head -c 30M /dev/zero > kept; echo wrote";
    for place in [&room.place, &other] {
        let outcome = room
            .tool_in(place, "shell", json!({"command": writing}))
            .await;
        assert!(outcome.ok, "{}", outcome.content);
        // Its files are counted as they are taken into a snapshot, too.
        room.parts.workspaces.snapshot(place).await.unwrap();
    }
    let more = "for i in $(seq 40); do head -c 1M /dev/zero > f$i; sleep 0.1; done";
    let outcome = room
        .tool_in(&beside, "shell", json!({"command": more, "timeout_s": 50}))
        .await;
    names(
        &outcome,
        "killed: more than 50331648 bytes in all workspaces of this task together",
    );
    let many = "for i in $(seq 400); do : > f$i; sleep 0.02; done";
    let outcome = room
        .tool_in(
            &of_tenant,
            "shell",
            json!({"command": many, "timeout_s": 50}),
        )
        .await;
    names(
        &outcome,
        "killed: more than 300 files in all workspaces of this tenant together on this machine",
    );
    // A workspace that is gone holds nothing.
    for place in [&room.place, &beside] {
        let remains = room.parts.workspaces.discard(place).await;
        assert_eq!(remains, Remains::Nothing);
    }
    for place in [&of_tenant, &other] {
        let outcome = room
            .tool_in(
                place,
                "shell",
                json!({"command": format!("{writing}; sleep 1.2")}),
            )
            .await;
        assert!(outcome.ok, "{}", outcome.content);
    }
}

#[tokio::test]
async fn without_cgroups_memory_and_processes_are_looked_at_and_the_limit_is_named() {
    let room = Room::with(|options| {
        options.sandbox = SandboxKind::None;
        options.memory_bytes = 200 * MIB;
        options.processes_max = 40;
    })
    .await;
    let forking = "exec python3 - <<'P'
import os, time
for _ in range(5):
    if os.fork() == 0:
        kept = bytearray(60 << 20)
        for at in range(0, len(kept), 4096):
            kept[at] = 1
        time.sleep(20)
        os._exit(0)
time.sleep(20)
P";
    let outcome = room.shell(forking).await;
    names(
        &outcome,
        "killed: one command may have 209715200 bytes of memory",
    );
    let outcome = room
        .shell("for i in $(seq 60); do sleep 20 & done; sleep 20")
        .await;
    names(
        &outcome,
        "killed: one command may have 40 processes and threads at the same time",
    );
    // Pages that are shared count once: each of these has 150 MiB, and all have the same.
    let sharing = "exec python3 - <<'P'
import os, time
kept = bytes(150 << 20)
for _ in range(5):
    if os.fork() == 0:
        time.sleep(1)
        os._exit(0)
for _ in range(5):
    os.wait()
print('shared', len(kept) >> 20)
P";
    let outcome = room.shell(sharing).await;
    assert!(
        outcome.ok && outcome.content.contains("shared 150"),
        "{}",
        outcome.content
    );
}

#[tokio::test]
async fn tools_that_write_files_are_held_to_the_room_of_a_task_as_commands_are() {
    let room = Room::with(|options| options.per_task.workspace_bytes_max = MIB).await;
    let beside = room.same_task(2).await;
    let other = room.same_tenant(3).await;
    let large = "x".repeat(600_000);
    let write = json!({"path": "a/large", "content": large});
    let first = room.tool("file_write", write.clone()).await;
    assert!(first.ok, "{}", first.content);
    let patch = format!("*** Begin Patch\n*** Add File: large\n+{large}\n*** End Patch");
    let edit = json!({"path": "small", "find": "b", "replace": large});
    let small = json!({"path": "small", "content": "abc"});
    assert!(room.tool_in(&beside, "file_write", small).await.ok);
    for (tool, arguments) in [
        ("file_write", write.clone()),
        ("file_patch", json!({"patch": patch})),
        ("file_edit", edit),
    ] {
        let outcome = room.tool_in(&beside, tool, arguments).await;
        let told = "bytes more have no room: all workspaces of this task together may hold 1048576 bytes (tools.per_task.workspace_bytes_max), of which ";
        assert!(
            !outcome.ok && outcome.content.contains(told),
            "{tool}: {:.300}",
            outcome.content
        );
        let there = std::fs::read_dir(room.files_of(&beside)).unwrap().count();
        assert_eq!(there, 1, "{tool}");
    }
    assert!(room.tool_in(&other, "file_write", write).await.ok);
    // What takes less than before has room at any time.
    let shorter = json!({"path": "a/large", "content": "x"});
    assert!(room.tool("file_write", shorter).await.ok);
}
