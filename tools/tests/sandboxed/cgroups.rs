//! What the kernel counts and where: processor time of a task, and groups of version 2 that an ordinary user was given.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;

use crate::ordinary_user::ORDINARY;
use crate::room::{Room, is_root, pids_with};

const MIB: u64 = 1024 * 1024;

/// Mount points of cgroups: of version 2, or those of version 1 with this controller.
fn mounts(controller: Option<&str>) -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let lines = text.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let (kind, rest) = right.split_once(' ')?;
        let options = rest.split_once(' ')?.1;
        let is_it = match controller {
            None => kind == "cgroup2",
            Some(name) => kind == "cgroup" && options.split(',').any(|option| option == name),
        };
        is_it.then(|| PathBuf::from(left.split(' ').nth(4).unwrap()))
    });
    lines.collect()
}

/// The group in which a process's processor time is bounded.
fn cpu_group(pid: u32) -> Option<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let ours = text.lines().filter(|line| line.contains("/errand-run."));
    let mut found = ours.filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (names, path) = (parts.next()?, parts.next()?);
        let below = path.trim_start_matches('/');
        let mounts = match names {
            "" => mounts(None),
            _ if names.split(',').any(|name| name == "cpu") => mounts(Some("cpu")),
            _ => Vec::new(),
        };
        let mut folders = mounts.into_iter().map(|mount| mount.join(below));
        folders.find(|folder| folder.join("cpu.stat").exists())
    });
    found.next()
}

fn counter(group: &Path, name: &str) -> u64 {
    let text = fs::read_to_string(group.join("cpu.stat")).unwrap();
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let (_, count) = lines.find(|(found, _)| *found == name).unwrap();
    count.trim().parse().unwrap()
}

/// Processor time that these processes have used by the kernel's account of each, in microseconds.
fn used_us(pids: &[u32]) -> u64 {
    let ticks = pids.iter().filter_map(|pid| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(number(11)? + number(12)?)
    });
    // A tick in these files is a hundredth of a second.
    ticks.sum::<u64>() * 10_000
}

/// What the kernel counted for a task.
struct Counted {
    used_us: u64,
    periods: u64,
    throttled: u64,
}

/// Has two commands of a task spin until the kernel has counted some periods.
async fn spin(room: &Room) -> Counted {
    let beside = room.same_task(2).await;
    let spinning = "exec -a a-spinner bash -c 'while :; do :; done'";
    let spinning = json!({"command": spinning, "timeout_s": 60});
    let both = futures_util::future::join(
        room.tool("shell", spinning.clone()),
        room.tool_in(&beside, "shell", spinning.clone()),
    );
    let looking = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let pids = pids_with("a-spinner");
            let mut groups: Vec<PathBuf> = pids.iter().filter_map(|pid| cpu_group(*pid)).collect();
            groups.sort();
            groups.dedup();
            let [one, other] = groups.as_slice() else {
                continue;
            };
            let task = one.parent().unwrap();
            assert_eq!(other.parent(), Some(task));
            // The use first: it can only be less than when the periods are read.
            let used_us = used_us(&pids);
            let periods = counter(task, "nr_periods");
            if periods >= 20 {
                let throttled = counter(task, "nr_throttled");
                return Counted {
                    used_us,
                    periods,
                    throttled,
                };
            }
        }
    };
    tokio::select! {
        ended = both => panic!("it ended before it was counted: {ended:?}"),
        counted = looking => counted,
    }
}

#[tokio::test]
async fn processor_time_of_a_task_is_held_back_by_the_kernel_to_what_all_its_commands_may_have() {
    // A busy machine may not give the first, and on a slow one the trial of the sandbox takes too long with the second.
    for percent in [60, 10] {
        let room = Room::with(|options| options.per_task.cpu_percent = percent).await;
        let lacks = room.parts.sandbox.probe().await.lacks;
        if let Some(lack) = lacks
            .iter()
            .find(|lack| lack.what.starts_with("processor_time"))
        {
            println!("not shown here: {}", lack.why);
            return;
        }
        let Counted {
            used_us,
            periods,
            throttled,
        } = spin(&room).await;
        println!("{percent} %: {used_us} us, {throttled} of {periods} periods held back");
        // One more period may have begun, and each of the two was counted in ticks and had a slice in hand.
        let most_us = (periods + 1) * percent * 1_000 + 2 * 2 * 15_000;
        assert!(used_us <= most_us, "more than {most_us} us");
        if throttled > periods / 2 {
            return;
        }
    }
    panic!("it was never held back");
}

/// A group that belongs to an ordinary user, as systemd gives it with `Delegate=yes`; removed when dropped.
struct Given(PathBuf);

impl Given {
    /// None where groups of version 2 bound nothing, or we may not make them.
    fn new(name: &str) -> Option<Self> {
        let has_all = |mount: &PathBuf| {
            let had = fs::read_to_string(mount.join("cgroup.subtree_control"));
            let had = had.unwrap_or_default();
            ["memory", "pids", "cpu"]
                .iter()
                .all(|wanted| had.split_whitespace().any(|name| name == *wanted))
        };
        let mount = mounts(None).into_iter().find(has_all)?;
        let folder = mount.join(format!("errand-test.{}.{name}", std::process::id()));
        fs::create_dir(&folder).ok()?;
        for file in ["", "cgroup.procs", "cgroup.subtree_control"] {
            let path = if file.is_empty() {
                folder.clone()
            } else {
                folder.join(file)
            };
            chown(path, Some(ORDINARY), Some(ORDINARY)).unwrap();
        }
        Some(Self(folder))
    }

    /// Runs a test of this program in it as that user; `joins` is the end of the shell command that does.
    fn run(&self, joins: &str, test: &str) -> Output {
        let holder = tempfile::tempdir().unwrap();
        let program = holder.path().join("tests");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        for path in [holder.path(), &program] {
            fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let room = holder.path().join("room");
        fs::create_dir(&room).unwrap();
        chown(&room, Some(ORDINARY), Some(ORDINARY)).unwrap();
        let script = format!("echo 0 > \"$0/cgroup.procs\" || exit 99; {joins}");
        Command::new("/bin/sh")
            .args(["-c", &script])
            .arg(&self.0)
            .args(["setpriv", "--clear-groups"])
            .arg(format!("--reuid={ORDINARY}"))
            .arg(format!("--regid={ORDINARY}"))
            .arg(&program)
            .args(["--ignored", "--nocapture", "--exact", test])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TMPDIR", &room)
            .current_dir(&room)
            .output()
            .unwrap()
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.0).unwrap().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        let _ = fs::remove_dir(&self.0);
    }
}

/// Not a test by itself: what one of the tests below runs.
#[tokio::test]
#[ignore = "started by another test in a group of its own"]
async fn a_command_that_wants_too_much_memory() {
    let room = Room::with(|options| options.memory_bytes = 96 * MIB).await;
    let hungry = "python3 -c 'x = bytearray(400 * 1024 * 1024); print(len(x))'";
    let outcome = room.shell(hungry).await;
    let probe = room.parts.sandbox.probe().await;
    println!("isolation: {}", probe.stated.isolation);
    println!("outcome: {}", outcome.content);
}

fn ran_in_a_given_group(name: &str, joins: &str) -> Option<(String, Given)> {
    let given = if is_root() { Given::new(name) } else { None };
    let Some(given) = given else {
        println!("not shown here: it takes root and cgroups of version 2 with controllers");
        return None;
    };
    let test = "cgroups::a_command_that_wants_too_much_memory";
    let output = given.run(joins, test);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}");
    Some((printed, given))
}

#[test]
fn an_ordinary_user_who_was_given_a_group_has_commands_bounded_in_it() {
    let Some((printed, given)) = ran_in_a_given_group("alone", "exec \"$@\"") else {
        return;
    };
    assert!(printed.contains("isolation: bubblewrap\n"), "{printed}");
    let told = "needed more memory than there is for one command";
    assert!(printed.contains(told), "{printed}");
    // It has moved out of the way, within what bounds the group; and nothing of the command is left.
    let left = fs::read_dir(&given.0).unwrap().flatten();
    let folders = left.filter(|entry| entry.path().is_dir());
    let names: Vec<_> = folders.map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["errand-own"]);
}

#[test]
fn where_others_are_in_the_group_commands_run_and_no_group_is_said_to_bound_them() {
    let Some((printed, given)) = ran_in_a_given_group("among", "\"$@\"; exit $?") else {
        return;
    };
    assert!(
        printed.contains("isolation: bubblewrap, no cgroup\n"),
        "{printed}"
    );
    assert!(printed.contains("MemoryError"), "{printed}");
    let opened = fs::read_to_string(given.0.join("cgroup.subtree_control")).unwrap();
    assert_eq!(opened.trim(), "");
}
