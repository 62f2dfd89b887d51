//! A Chromium of its own for one test, and the pages that it is shown, served on loopback.

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The program itself before the distribution's script around it.
const PROGRAMS: [&str; 3] = [
    "/usr/lib/chromium/chromium",
    "/usr/bin/chromium",
    "/opt/google/chrome/chrome",
];
/// Whom a browser of root's runs as.
const ORDINARY: u32 = 64_733;

/// A browser that ends with this value.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    /// Host and port of its `DevTools`.
    pub authority: String,
    /// The socket of the whole browser.
    pub url: String,
    _profile: TempDir,
}

impl Chromium {
    /// Starts it, and waits until it says where it listens.
    pub fn start() -> Self {
        let program = PROGRAMS.iter().find(|path| Path::new(path).is_file());
        let program =
            program.unwrap_or_else(|| panic!("Chromium is not installed: script/setup test"));
        let profile = TempDir::with_prefix("errand-page-").unwrap();
        let home = profile.path().join("home");
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(profile.path(), Permissions::from_mode(0o711)).unwrap();
        let mut command = if rustix::process::getuid().is_root() {
            chown(&home, Some(ORDINARY), Some(ORDINARY)).unwrap();
            let mut command = Command::new("/usr/bin/setpriv");
            command.args([
                &format!("--reuid={ORDINARY}"),
                &format!("--regid={ORDINARY}"),
                "--clear-groups",
            ]);
            command.args(["--no-new-privs", "--pdeathsig", "KILL", "--", program]);
            command
        } else {
            Command::new(program)
        };
        let mut child = command
            .args([
                "--headless",
                "--remote-debugging-port=0",
                "--no-first-run",
                "--disable-component-update",
            ])
            .args([
                "--disable-quic",
                "--disable-background-networking",
                "--window-size=1280,800",
            ])
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1")
            .arg(format!(
                "--user-data-dir={}",
                home.join("profile").display()
            ))
            .arg("about:blank")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", &home)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let url = loop {
            let mut line = String::new();
            assert!(
                said.read_line(&mut line).unwrap() > 0,
                "Chromium ended without an address"
            );
            if let Some((_, url)) = line.trim().split_once("listening on ") {
                break url.to_owned();
            }
        };
        // Its complaints are read to the end, or a full pipe would hold it up.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let authority = url
            .trim_start_matches("ws://")
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        Self {
            child,
            authority,
            url,
            _profile: profile,
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the pages beside these tests for as long as the process lives. Gives the port.
pub fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&piece[..count]),
        }
    }
    let request = String::from_utf8_lossy(&request);
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let name = path
        .trim_start_matches('/')
        .split('?')
        .next()
        .unwrap_or_default();
    let pages = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
    let found = std::fs::read(pages.join(name)).ok();
    let (status, page) = found.map_or(("404 Not Found", Vec::new()), |page| ("200 OK", page));
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        page.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&page);
}
