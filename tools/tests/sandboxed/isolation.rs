//! What a command in the sandbox cannot reach, and that ordinary work goes on all the same.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::room::{Room, is_root};
use agent_core::ports::tool::{ToolBox, ToolError};
use serde_json::json;
use tools::SandboxKind;

#[tokio::test]
async fn the_sandbox_shows_that_it_holds_by_trying_it() {
    let room = Room::new().await;
    let probe = room.parts.sandbox.probe().await;
    assert!(
        probe.usable,
        "namespaces cannot be had here, so nothing can be isolated: {}",
        probe.refusal()
    );
    let stated = probe.stated;
    let own_uid = is_root().then_some("own_uid");
    for (word, _) in agent_core::enforcement::WORDS {
        let is_due = match word {
            "own_uid" => own_uid.is_some(),
            // There is no tree here, and it is no browser.
            "tool_tree_read_only" | "browser_sandbox" => false,
            _ => true,
        };
        let holds = stated.holds.iter().any(|held| held == word);
        assert_eq!(holds, is_due, "{word}: {stated:?}");
    }
    let needed = ["user", "pid", "mount", "network", "ipc", "uts"];
    assert_eq!(stated.namespaces[..6], needed);
    assert!(stated.isolation.starts_with("bubblewrap"), "{stated:?}");
    let enforced = room.shell("true").await.enforced;
    assert_eq!(enforced.as_deref(), Some(&stated));
}

#[tokio::test]
async fn the_limits_that_are_stated_are_those_that_the_kernel_shows_inside() {
    let room = Room::with(|options| {
        options.open_files_max = 321;
        options.file_bytes_max = 3 * 1024 * 1024;
        options.processes_max = 77;
        options.memory_bytes = 512 * 1024 * 1024;
        options.workspace_files_max = 99;
    })
    .await;
    let look = "ulimit -n; ulimit -f; ulimit -u; ulimit -d";
    let call = json!({"command": look, "timeout_s": 7});
    let outcome = room.tool("shell", call).await;
    let limits = outcome.enforced.unwrap().limits;
    let each = limits.memory_by.as_deref() == Some("rlimit_each");
    let data = if each { "524288" } else { "unlimited" };
    let printed = format!("321\n3072\n77\n{data}");
    assert!(outcome.content.ends_with(&printed), "{}", outcome.content);
    assert_eq!(
        [
            limits.open_files,
            limits.file_bytes,
            limits.processes,
            limits.memory_bytes,
            limits.workspace_files,
            limits.wall_ms,
        ],
        [321, 3_145_728, 77, 536_870_912, 99, 7_000].map(Some)
    );
}

#[tokio::test]
async fn a_command_finds_nothing_of_the_hosts_files() {
    let room = Room::new().await;
    let secret = tempfile::tempdir().unwrap();
    std::fs::set_permissions(secret.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let path = secret.path().join("secret");
    std::fs::write(&path, "the secret").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let outcome = room.shell(&format!("cat {}", path.display())).await;
    assert!(!outcome.ok, "{}", outcome.content);
    for hidden in [
        "/home",
        "/root",
        "/var",
        "/run",
        "/sys",
        "/etc/shadow",
        "/etc/ssl/private",
        "/boot",
    ] {
        let outcome = room.shell(&format!("ls -d {hidden}")).await;
        assert!(!outcome.ok, "{hidden}: {}", outcome.content);
    }
}

#[tokio::test]
async fn a_command_sees_its_own_processes_only() {
    let room = Room::new().await;
    let seen = room.prints("cd /proc && echo [0-9]*").await;
    let seen: Vec<u32> = seen
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert!(
        seen.len() <= 4 && seen.iter().all(|pid| *pid < 10),
        "{seen:?}"
    );
    assert!(
        !room
            .shell(&format!("kill -0 {}", std::process::id()))
            .await
            .ok
    );
}

#[tokio::test]
async fn a_command_reaches_no_network_not_even_the_hosts_own() {
    let room = Room::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let outcome = room
        .shell(&format!("exec 3<>/dev/tcp/127.0.0.1/{port}"))
        .await;
    assert!(!outcome.ok, "{}", outcome.content);
    let outcome = room.shell("exec 3<>/dev/tcp/1.1.1.1/53").await;
    assert!(!outcome.ok, "{}", outcome.content);
    assert_eq!(
        room.prints("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")
            .await,
        "lo"
    );
}

#[tokio::test]
async fn a_command_gets_no_variable_of_ours_and_no_descriptor() {
    let room = Room::new().await;
    let leaked =
        std::fs::File::open("/etc/hostname").or_else(|_| std::fs::File::open("/etc/passwd"));
    // One that is not closed at exec, as a careless library would leave it.
    rustix::io::fcntl_setfd(leaked.as_ref().unwrap(), rustix::io::FdFlags::empty()).unwrap();
    let names = room.prints("env | cut -d= -f1 | sort | tr '\\n' ' '").await;
    assert_eq!(
        names,
        "ERRAND_FENCE ERRAND_IDEMPOTENCY_KEY HOME LANG PATH PWD SHLVL TERM TMPDIR _ "
    );
    assert_eq!(
        room.prints("echo $ERRAND_IDEMPOTENCY_KEY $ERRAND_FENCE $HOME")
            .await,
        "key-of-the-call 3 /workspace"
    );
    assert_eq!(room.prints("cat /proc/1/environ | wc -c").await, "0");
    // The listing itself is the fourth.
    let open = room.prints("ls /proc/self/fd | tr '\\n' ' '").await;
    assert_eq!(open, "0 1 2 3 ");
}

#[tokio::test]
async fn a_command_cannot_change_the_system_or_the_kernel() {
    let room = Room::new().await;
    for attempt in [
        "touch /usr/x",
        "touch /etc/x",
        "touch /x",
        "touch /dev/x",
        "echo x > /proc/sys/kernel/core_pattern",
        "echo x > /proc/sysrq-trigger",
        "mount -t tmpfs none /tmp",
        "umount /proc",
        "unshare --user true",
        "unshare --mount true",
        "chroot / true",
        "mknod device c 1 3",
        "chmod u+s /workspace",
        "install -m 4755 /bin/true sly",
        "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'",
        "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'",
        "python3 -c 'import ctypes,sys; sys.exit(ctypes.CDLL(None).ptrace(0,0,0,0) != 0)'",
        "python3 -c 'import ctypes,sys; sys.exit(ctypes.CDLL(None).syscall(435, 0, 0) < 0 and 1)'",
        "dmesg",
        "hostname other",
        "date -s 2001-01-01",
    ] {
        let outcome = room.shell(attempt).await;
        assert!(!outcome.ok, "{attempt}: {}", outcome.content);
    }
    assert_eq!(room.prints("cat /proc/self/status | grep -E 'CapEff|NoNewPrivs|^Seccomp:' | tr -d '\\t' | tr '\\n' ' '").await,
        "CapEff:0000000000000000 NoNewPrivs:1 Seccomp:2 ");
}

#[tokio::test]
async fn a_set_user_bit_cannot_be_set_and_files_belong_to_the_places_own_user() {
    let room = Room::new().await;
    assert!(!room.shell("cp /bin/true t && chmod 4755 t").await.ok);
    assert!(
        !room
            .shell(
                "python3 -c 'import os; os.close(os.open(\"s\", os.O_CREAT | os.O_WRONLY, 0o6755))'"
            )
            .await
            .ok
    );
    assert_eq!(room.prints("stat -c %a t; stat -c %U t").await, "700\nuser");
    let made = std::fs::metadata(room.files().join("t")).unwrap();
    assert_eq!(made.mode() & 0o7777, 0o700);
    if is_root() {
        assert!((200_000..200_256).contains(&made.uid()), "{}", made.uid());
    } else {
        assert_eq!(made.uid(), rustix::process::geteuid().as_raw());
    }
}

#[tokio::test]
async fn two_workspaces_cannot_read_each_other() {
    let room = Room::new().await;
    let other = room.beside(2).await;
    let wrote = room
        .tool_in(
            &other,
            "file_write",
            json!({"path": "private", "content": "p"}),
        )
        .await;
    assert!(wrote.ok, "{}", wrote.content);
    let path = room.files_of(&other);
    assert!(path.join("private").exists());
    let outcome = room.shell(&format!("cat {}/private", path.display())).await;
    assert!(!outcome.ok, "{}", outcome.content);
    assert_eq!(room.prints("ls -A /workspace").await, "");
    let (first, second) = (
        std::fs::metadata(room.files()).unwrap(),
        std::fs::metadata(&path).unwrap(),
    );
    assert_eq!(
        (first.mode() & 0o777, second.mode() & 0o777),
        (0o700, 0o700)
    );
    // Even if a command opens its workspace to everyone.
    room.shell("chmod 777 /workspace").await;
    let home = std::fs::metadata(room.files().parent().unwrap()).unwrap();
    assert_eq!(home.mode() & 0o777, 0o710);
    if is_root() {
        assert_eq!(home.gid(), first.uid());
        assert_ne!(first.uid(), second.uid());
    }
}

#[tokio::test]
async fn workspaces_work_below_folders_that_others_can_pass_and_below_those_that_they_cannot() {
    for mode in [0o711, 0o700] {
        let room = Room::with(|options| {
            let folder = options.folder.as_ref().unwrap().parent().unwrap();
            std::fs::set_permissions(folder, PermissionsExt::from_mode(mode)).unwrap();
        })
        .await;
        assert_eq!(
            room.prints("touch x; ls /workspace; ls -A /mnt 2>&1 | wc -l")
                .await,
            "x\n1"
        );
    }
}

#[tokio::test]
async fn further_host_paths_can_be_read_and_not_written() {
    let shared = tempfile::tempdir().unwrap();
    std::fs::set_permissions(shared.path(), PermissionsExt::from_mode(0o777)).unwrap();
    std::fs::write(shared.path().join("data"), "shared").unwrap();
    let room = Room::with(|options| options.read_only_binds = vec![shared.path().to_owned()]).await;
    let path = shared.path().display();
    assert_eq!(room.prints(&format!("cat {path}/data")).await, "shared");
    assert!(!room.shell(&format!("touch {path}/x")).await.ok);
}

#[tokio::test]
async fn ordinary_tools_work_inside() {
    let room = Room::new().await;
    for (command, printed) in [
        ("id -un; whoami", "user\nuser"),
        (
            "python3 -c 'import subprocess, threading; t = threading.Thread(target=lambda: None); t.start(); t.join(); print(subprocess.run([\"echo\", \"hi\"], capture_output=True, text=True).stdout.strip())'",
            "hi",
        ),
        (
            "python3 -c 'import ssl, sqlite3, json, csv, socket; print(len(socket.if_nameindex()))'",
            "1",
        ),
        ("printf 'b\\na\\n' | sort | head -1", "a"),
        (
            "mkdir -p a/b && echo x > a/b/c && tar cf t.tar a && rm -r a && tar xf t.tar && cat a/b/c",
            "x",
        ),
        (
            "python3 - <<'P'\nimport socket,threading\ns=socket.socket(); s.bind(('127.0.0.1',0)); s.listen()\nc=socket.create_connection(s.getsockname()); print('loop')\nP",
            "loop",
        ),
        ("echo $((2+3)); pwd", "5\n/workspace"),
        ("echo t > /tmp/x && cat /tmp/x", "t"),
    ] {
        assert_eq!(room.prints(command).await, printed, "{command}");
    }
    assert!(
        !room.shell("test -e /tmp/x").await.ok,
        "/tmp lasts from one command to the next"
    );
}

#[tokio::test]
async fn a_machine_without_the_sandbox_refuses_with_the_cure_and_runs_nothing() {
    let room = Room::with(|options| options.bubblewrap = Some("/nonexistent/bwrap".into())).await;
    let call = room.call("shell", json!({"command": "touch ran"}));
    let refused = room.parts.toolbox.run(&call).await;
    let Err(ToolError::Refused(text)) = refused else {
        panic!("{refused:?}");
    };
    assert!(text.contains("apt-get install bubblewrap"), "{text}");
    assert!(!room.files().join("ran").exists());
}

#[tokio::test]
async fn a_sandbox_that_cannot_be_set_up_refuses_and_runs_nothing() {
    // A stand-in for a kernel that denies namespaces.
    let room = Room::with(|options| {
        let folder = options.folder.as_ref().unwrap().parent().unwrap();
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
        let path = folder.join("bwrap");
        std::fs::write(
            &path,
            "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n",
        )
        .unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        options.bubblewrap = Some(path);
    })
    .await;
    let probe = room.parts.sandbox.probe().await;
    assert_eq!(
        (probe.usable, probe.stated.isolation.as_str()),
        (false, "none")
    );
    let call = room.call("shell", json!({"command": "touch ran"}));
    let refused = room.parts.toolbox.run(&call).await;
    assert!(
        matches!(&refused, Err(ToolError::Refused(text)) if text.contains("user namespaces")),
        "{refused:?}"
    );
    assert!(!room.files().join("ran").exists());
}

#[tokio::test]
async fn only_who_chose_none_runs_unsandboxed_and_every_outcome_says_so() {
    let room = Room::with(|options| options.sandbox = SandboxKind::None).await;
    let outcome = room.shell("echo here > f; cat f; test $(id -u) != 0").await;
    assert_eq!(outcome.isolation(), Some("unsandboxed"));
    let enforced = outcome.enforced.unwrap();
    assert_eq!(
        (enforced.backend.as_str(), enforced.network.mode.as_str()),
        ("none", "machine")
    );
    assert!(enforced.namespaces.is_empty(), "{enforced:?}");
    assert!(enforced.lacks.contains_key("isolation"), "{enforced:?}");
    assert!(outcome.ok, "{}", outcome.content);
    assert!(room.files().join("f").exists());
}
