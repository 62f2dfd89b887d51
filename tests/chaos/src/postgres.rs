//! A PostgreSQL of one trial's own, which can be cut off, started again and silenced.
//!
//! It runs as an unprivileged user in its own folder, listens on a socket there and nowhere else, and keeps its default
//! durability. A watcher ends it and removes the folder when this process ends, however that happens.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::programs::{binaries, unprivileged};

/// The running server.
#[derive(Debug)]
pub struct Postgres {
    root: PathBuf,
    watcher: Child,
}

const WATCHER: &str = r#"
bin=$1 root=$2 owner=$3
tail --pid="$owner" -f /dev/null
for _ in 1 2 3; do
    pid=$(head -n 1 "$root/data/postmaster.pid" 2>/dev/null) && kill -CONT "$pid"
    "$bin/pg_ctl" stop -s -m immediate -D "$root/data" && break
done
rm -rf "$root"
"#;

impl Postgres {
    /// Makes and starts one below the folder for temporary files.
    pub fn start(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("errand-chaos-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        std::fs::set_permissions(&root, PermissionsExt::from_mode(0o700)).unwrap();
        if nix::unistd::geteuid().is_root() {
            let user = unprivileged();
            chown(&root, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        let mut watcher = as_user(Path::new("sh"), &root);
        let watcher = watcher
            .args(["-c", WATCHER, "sh"])
            .arg(binaries())
            .arg(&root)
            .arg(std::process::id().to_string())
            .process_group(0)
            .spawn()
            .unwrap();
        let cluster = Self { root, watcher };
        let data = cluster.root.join("data");
        cluster.run("initdb", |command| {
            command
                .args([
                    "--username=errand",
                    "--auth=trust",
                    "--no-sync",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    "-D",
                ])
                .arg(&data);
        });
        cluster.start_again();
        cluster
    }

    /// Its database, for Errand.
    pub fn url(&self) -> String {
        let folder = self.root.display().to_string().replace('/', "%2F");
        format!("postgres://errand@{folder}:5432/postgres?sslmode=disable")
    }

    /// What it answers, one line for each row, columns parted by `|`.
    pub fn ask(&self, query: &str) -> String {
        let mut command = as_user(&binaries().join("psql"), &self.root);
        command.args([
            "-X", "-At", "-U", "errand", "-d", "postgres", "-c", query, "-h",
        ]);
        let output = command
            .arg(&self.root)
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        assert!(output.status.success(), "{query} failed");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Ends it as a crash would: nothing is flushed, and the next start recovers from the log.
    pub fn cut_off(&self) {
        self.control(&["stop", "-s", "-m", "immediate"]);
    }

    /// Starts it again.
    pub fn start_again(&self) {
        let options = format!(
            "-k {} -c listen_addresses= -c max_connections=100",
            self.root.display()
        );
        let log = self.root.join("log").display().to_string();
        self.control(&["start", "-s", "-w", "-t", "60", "-l", &log, "-o", &options]);
    }

    /// Stops every process of it, without ending any: connections stay open and nothing answers.
    pub fn silence(&self) -> Vec<Pid> {
        let text = std::fs::read_to_string(self.root.join("data/postmaster.pid")).unwrap();
        let postmaster: i32 = text.lines().next().unwrap().trim().parse().unwrap();
        let mut stopped = vec![Pid::from_raw(postmaster)];
        kill(stopped[0], Signal::SIGSTOP).unwrap();
        for child in children(postmaster) {
            let child = Pid::from_raw(child);
            if kill(child, Signal::SIGSTOP).is_ok() {
                stopped.push(child);
            }
        }
        stopped
    }

    /// Lets the processes go on.
    pub fn wake(stopped: &[Pid]) {
        for pid in stopped {
            // One that ended meanwhile needs no waking.
            let _ = kill(*pid, Signal::SIGCONT);
        }
    }

    fn control(&self, arguments: &[&str]) {
        let data = self.root.join("data");
        self.run("pg_ctl", |command| {
            command.args(arguments).arg("-D").arg(&data);
        });
    }

    fn run(&self, program: &str, set_up: impl FnOnce(&mut Command)) {
        let mut command = as_user(&binaries().join(program), &self.root);
        set_up(&mut command);
        let status = command.status().unwrap();
        assert!(
            status.success(),
            "{program} failed; see {}",
            self.root.display()
        );
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.root.join("data");
        let mut stop = as_user(&binaries().join("pg_ctl"), &self.root);
        stop.args(["stop", "-s", "-m", "immediate", "-D"])
            .arg(&data);
        let _ = stop.status();
        // Its whole group: it waits in a child.
        let group = Pid::from_raw(i32::try_from(self.watcher.id()).unwrap_or(0));
        let _ = nix::sys::signal::killpg(group, Signal::SIGKILL);
        let _ = self.watcher.wait();
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn as_user(program: &Path, root: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if nix::unistd::geteuid().is_root() {
        let user = unprivileged();
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// Processes whose parent is this one.
fn children(parent: i32) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |number: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        let after = stat.rsplit(')').next().unwrap_or_default().to_owned();
        after.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    };
    numbers.filter(is_child).collect()
}
