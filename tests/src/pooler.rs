//! A throwaway PgBouncer in front of a throwaway database. It listens on the loopback interface and ends with the test.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chaos::programs::unprivileged;
use tempfile::TempDir;

use crate::postgres::Database;

const INSTALL: &str = "PgBouncer is needed: apt-get install pgbouncer (or put pgbouncer on PATH)";
/// Longest that it takes to listen.
const START: Duration = Duration::from_secs(20);

/// A running pooler.
#[derive(Debug)]
pub struct Pooler {
    child: Child,
    port: u16,
    database: String,
    folder: TempDir,
}

impl Pooler {
    /// One with the defaults of its makers, but for where it listens and this `pool_mode`.
    pub fn start(database: &Database, mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let (socket, name) = database.place();
        let settings = format!(
            "[databases]\n{name} = host={} port=5432 user=errand\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\n",
            socket.display()
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let child = launch(&file, &folder.path().join("log"));
        let mut pooler = Self {
            child,
            port,
            database: name,
            folder,
        };
        pooler.wait_until_it_listens();
        pooler
    }

    /// The database's address through the pooler.
    pub fn url(&self) -> String {
        format!(
            "postgres://errand@127.0.0.1:{}/{}?sslmode=disable",
            self.port, self.database
        )
    }

    fn wait_until_it_listens(&mut self) {
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().unwrap();
            let log = std::fs::read_to_string(self.folder.path().join("log"));
            assert!(
                ended.is_none() && began.elapsed() < START,
                "PgBouncer did not start: {}",
                log.unwrap_or_default()
            );
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It refuses to run as root, and must not outlive a test that is killed.
fn launch(settings: &std::path::Path, log: &std::path::Path) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if nix::unistd::geteuid().is_root() {
        let user = unprivileged();
        let folder = settings.parent().unwrap();
        for place in [folder, settings] {
            std::os::unix::fs::chown(place, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .unwrap();
        }
        command
            .args(["--clear-groups", "--reuid"])
            .arg(user.uid.to_string())
            .arg("--regid")
            .arg(user.gid.to_string());
    }
    let log = std::fs::File::create(log).unwrap();
    command
        .arg(program())
        .arg(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Debian puts it where only root's PATH leads.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    let programs = folders.map(|folder| folder.join("pgbouncer"));
    let mut there = programs.filter(|program| program.is_file());
    there.next().unwrap_or_else(|| panic!("{INSTALL}"))
}

fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().port()
}
