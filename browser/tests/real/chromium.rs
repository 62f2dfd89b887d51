//! Starts Chromium for a test, as an unprivileged user with its own sandbox on, and ends it with the test.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The program itself before the distribution's script around it, which adds flags and extensions.
const USUAL: [&str; 4] = [
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/usr/bin/chromium",
    "/opt/google/chrome/chrome",
];

/// The user that root becomes.
const NOBODY: u32 = 65_534;

pub struct Chromium {
    folder: TempDir,
    address: String,
    path: String,
    process: Child,
}

impl Chromium {
    pub async fn start() -> Self {
        let program = USUAL.iter().find(|path| Path::new(path).is_file());
        let program = program
            .unwrap_or_else(|| panic!("Chromium is not installed; script/setup test installs it"));
        let folder = TempDir::with_prefix("errand-browser-test-").unwrap();
        for name in ["profile", "downloads"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let mut command = Command::new("/usr/bin/setpriv");
        if rustix::process::getuid().is_root() {
            for path in [
                folder.path(),
                &folder.path().join("profile"),
                &folder.path().join("downloads"),
            ] {
                std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
            command.args([
                &format!("--reuid={NOBODY}"),
                &format!("--regid={NOBODY}"),
                "--clear-groups",
            ]);
        }
        command.args(["--no-new-privs", "--pdeathsig", "KILL", "--", program]);
        command.arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ));
        command.args([
            "--headless=new",
            "--remote-debugging-port=0",
            "--window-size=1280,800",
            "--no-first-run",
            "--disable-gpu",
            "--disable-quic",
            "--disable-extensions",
            "--disable-component-update",
            "--disable-background-networking",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "about:blank",
        ]);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let line = lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("Chromium ended: {said:?}"));
            if let Some((_, address)) = line.split_once("listening on ws://") {
                break address.to_owned();
            }
            said.push(line);
        };
        let (address, path) = address.split_once('/').unwrap();
        let (address, path) = (address.to_owned(), format!("/{path}"));
        Self {
            folder,
            address,
            path,
            process,
        }
    }

    pub async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn downloads(&self) -> PathBuf {
        self.folder.path().join("downloads")
    }

    /// A place that the browser may read.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }
}

impl Drop for Chromium {
    /// Ends the browser and waits for it. Its helpers may write into the profile for a moment longer.
    fn drop(&mut self) {
        let pid = self.process.id().and_then(|pid| i32::try_from(pid).ok());
        let _ = self.process.start_kill();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        }
        for _ in 0..200 {
            match std::fs::remove_dir_all(self.folder.path()) {
                Ok(()) => return,
                Err(_) => std::thread::park_timeout(std::time::Duration::from_millis(10)),
            }
        }
    }
}
