//! What one command could leave for the next, for another place, or for our own tools that work on its files.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::room::{Room, processes_with, until};
use agent_core::workspace::Manifest;
use serde_json::json;

/// Leaves a thing of every kind that could outlast its maker, and shows that it is there.
const LEAVE: &str = r#"
echo left > /tmp/left; echo left > /dev/shm/left
ipcmk -M 1000 > /dev/null
(setsid nohup sleep 98771 > /dev/null 2>&1 &)
nohup bash -c 'trap "" HUP TERM; sleep 98771' > /dev/null 2>&1 & disown
python3 - <<'P'
import os, socket, sys, time
ready, go = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        listeners = [socket.socket(socket.AF_UNIX), socket.create_server(('127.0.0.1', 47747))]
        listeners[0].bind('\0left')
        listeners[0].listen()
        for listener in listeners:
            listener.set_inheritable(True)
        os.write(go, b'x')
        for number in (0, 1, 2):
            os.dup2(os.open('/dev/null', os.O_RDWR), number)
        os.execvp('sleep', ['sleep', '98771'])
    os._exit(0)
os.read(ready, 1)
P
"#;
/// Says which of them there are.
const LOOK: &str = r"
cat /tmp/left /dev/shm/left 2>/dev/null
[ $(wc -l < /proc/sysvipc/shm) -gt 1 ] && echo shared memory
grep -q @left /proc/net/unix && echo abstract socket
grep -q ':BA83 ' /proc/net/tcp && echo port
grep -lz 98771 /proc/[0-9]*/cmdline 2>/dev/null | grep -q . && echo process
true
";
const ALL: &str = "left\nleft\nshared memory\nabstract socket\nport\nprocess";

#[tokio::test]
async fn what_one_command_leaves_the_next_one_does_not_find() {
    let room = Room::new().await;
    let look = LOOK.replace("98771", "9877[1]");
    assert_eq!(room.prints(&format!("{LEAVE}{look}")).await, ALL);
    assert_eq!(processes_with("98771"), 0);
    assert_eq!(room.prints(&look).await, "");
}

#[tokio::test]
async fn two_places_at_the_same_time_share_nothing() {
    let room = Room::new().await;
    let other = room.beside(2).await;
    let look = LOOK.replace("98771", "9877[1]");
    let leave = LEAVE.replace("98771", "98772");
    let here = look.replace("9877[1]", "9877[2]");
    let held = format!("{leave}{here}touch begun; until [ -e over ]; do sleep 0.02; done");
    let holding = room.prints(&held);
    let looking = async {
        until("the other place has it all", || {
            room.files().join("begun").exists()
        })
        .await;
        let seen = room
            .tool_in(&other, "shell", json!({"command": here}))
            .await;
        let wrote = room
            .tool("file_write", json!({"path": "over", "content": ""}))
            .await;
        assert!(wrote.ok, "{}", wrote.content);
        seen
    };
    let (held, seen) = tokio::join!(holding, looking);
    assert_eq!(held, ALL);
    assert!(
        seen.ok && !seen.content.contains("stdout"),
        "{}",
        seen.content
    );
}

#[tokio::test]
async fn a_signal_to_every_process_reaches_its_own_only() {
    let room = Room::new().await;
    let mut bystander = Command::new("sleep")
        .arg("600")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let outcome = room.shell("sleep 600 & kill -9 -1; echo alone").await;
    assert!(outcome.content.contains("alone"), "{}", outcome.content);
    assert!(bystander.try_wait().unwrap().is_none());
    assert_eq!(room.prints("echo next").await, "next");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

/// Exchanges a folder and a link to another for each other, as fast as it can.
const EXCHANGE: &str = r"
import ctypes, os, time
os.mkdir('d')
with open('d/canary', 'w') as file:
    file.write('own')
os.symlink('FOLDER', 'l')
exchange = ctypes.CDLL(None).renameat2
open('begun', 'w').close()
rounds = 0
while not os.path.exists('over'):
    for _ in range(100):
        assert exchange(-100, b'd', -100, b'l', 2) == 0
        rounds += 1
print('exchanged', rounds > 1000)
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_exchanged_for_a_link_all_the_time_leads_nowhere() {
    let room = Room::new().await;
    let planted = tempfile::tempdir().unwrap();
    let canary = planted.path().join("canary");
    std::fs::set_permissions(planted.path(), PermissionsExt::from_mode(0o777)).unwrap();
    std::fs::write(&canary, "planted").unwrap();
    let script = EXCHANGE.replace("FOLDER", planted.path().to_str().unwrap());
    let wrote = room
        .tool(
            "file_write",
            json!({"path": "exchange.py", "content": script}),
        )
        .await;
    assert!(wrote.ok, "{}", wrote.content);
    let exchanging = room.prints("python3 exchange.py");
    let reaching = async {
        until("it is exchanged", || room.files().join("begun").exists()).await;
        let (mut worked, mut refused) = (0, 0);
        for _ in 0..150 {
            for (tool, arguments) in [
                ("file_read", json!({"path": "d/canary"})),
                ("file_write", json!({"path": "d/canary", "content": "own"})),
                ("file_write", json!({"path": "d/made", "content": "own"})),
                (
                    "file_edit",
                    json!({"path": "d/canary", "find": "planted", "replace": "x"}),
                ),
                ("file_list", json!({"path": "d"})),
                ("file_search", json!({"path": "d", "pattern": "planted"})),
                ("publish", json!({"path": "d/canary"})),
            ] {
                let outcome = room.tool(tool, arguments).await;
                assert!(!outcome.content.contains(":planted"), "{}", outcome.content);
                assert!(!outcome.content.ends_with("planted"), "{}", outcome.content);
                assert!(!outcome.content.contains("7 bytes"), "{}", outcome.content);
                if outcome.ok {
                    worked += 1;
                } else {
                    refused += 1;
                }
            }
        }
        // Some of it may be gone just when it is looked at.
        let taken = agent_core::ports::workspaces::Workspaces::snapshot(
            &*room.parts.workspaces,
            &room.place,
        )
        .await;
        let wrote = room
            .tool("file_write", json!({"path": "over", "content": ""}))
            .await;
        assert!(wrote.ok, "{}", wrote.content);
        (worked, refused, taken)
    };
    let (exchanged, (worked, refused, taken)) = tokio::join!(exchanging, reaching);
    assert_eq!(exchanged, "exchanged True");
    // On a busy machine one of the two can be rare.
    assert!(worked > 5 && refused > 5, "{worked} {refused}");
    if let Ok(taken) = taken {
        let planted = agent_core::blob::BlobHash::of(b"planted");
        assert!(
            taken
                .manifest
                .0
                .values()
                .all(|entry| entry.blob.hash != planted)
        );
    }
    room.restore(&Manifest::default()).await;
    assert_eq!(std::fs::read_to_string(&canary).unwrap(), "planted");
    assert_eq!(std::fs::read_dir(planted.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn links_into_proc_and_to_what_the_host_has_open_lead_nowhere() {
    let room = Room::new().await;
    room.prints(
        "ln -s /proc/self/root root; ln -s /proc/self/cwd cwd; ln -s /proc/self/fd/0 fd; ln -s /proc/1/environ environ
         ln -s /dev/stdin stdin; ln -s /proc/self/exe exe; mkfifo pipe; mkdir d; ln -s ../root/etc d/etc",
    )
    .await;
    for path in [
        "root/etc/passwd",
        "cwd/Cargo.toml",
        "fd",
        "environ",
        "stdin",
        "exe",
        "pipe",
        "d/etc/passwd",
    ] {
        for (tool, arguments) in [
            ("file_read", json!({"path": path})),
            ("file_write", json!({"path": path, "content": "x"})),
            ("publish", json!({"path": path})),
        ] {
            let outcome = room.tool(tool, arguments).await;
            assert!(!outcome.ok, "{tool} {path}: {}", outcome.content);
        }
    }
    assert_eq!(room.snapshot().await.manifest, Manifest::default());
    room.restore(&Manifest::default()).await;
    assert_eq!(std::fs::read_dir(room.files()).unwrap().count(), 0);
}
