//! What the host has that an attempt could reach: planted files, listening services, a process, shared memory.

use std::fs::Permissions;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::room::{Room, is_root};
use serde_json::{Value, json};

const CONTENT: &str = "planted";

/// The host's side of the attempts.
pub struct Host {
    folder: tempfile::TempDir,
    other: PathBuf,
    own: PathBuf,
    process: Child,
    tcp: TcpListener,
    tcp6: Option<TcpListener>,
    udp: UdpSocket,
    abstract_name: String,
    shared: PathBuf,
    address: String,
    // Held open for as long as attempts are made.
    _listeners: [UnixListener; 2],
    _inherited: std::fs::File,
}

impl Host {
    /// Plants what attempts look for.
    pub async fn prepare(room: &Room) -> Self {
        let other = room.beside(2).await;
        let wrote = room
            .tool_in(
                &other,
                "file_write",
                json!({"path": "private", "content": CONTENT}),
            )
            .await;
        assert!(wrote.ok, "{}", wrote.content);
        let folder = tempfile::tempdir().unwrap();
        let open = |path: &std::path::Path, mode| {
            std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        open(folder.path(), 0o755);
        for name in ["canary", "errand.db", "key"] {
            let path = folder.path().join(name);
            std::fs::write(&path, CONTENT).unwrap();
            open(&path, 0o666);
        }
        let number = std::process::id();
        let shared = PathBuf::from(format!("/dev/shm/errand-test-{number}"));
        std::fs::write(&shared, CONTENT).unwrap();
        open(&shared, 0o666);
        let abstract_name = format!("errand-test-{number}");
        let name = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let listeners = [
            UnixListener::bind_addr(&name).unwrap(),
            UnixListener::bind(folder.path().join("socket")).unwrap(),
        ];
        open(&folder.path().join("socket"), 0o777);
        Self {
            other: room.files_of(&other),
            own: room.files(),
            process: Command::new("sleep")
                .arg("600")
                .stdin(Stdio::null())
                .spawn()
                .unwrap(),
            tcp: TcpListener::bind("0.0.0.0:0").unwrap(),
            tcp6: TcpListener::bind("[::1]:0").ok(),
            udp: echo(),
            abstract_name,
            shared,
            address: own_address().unwrap_or_else(|| "127.0.0.1".to_owned()),
            _listeners: listeners,
            _inherited: inherited(&folder.path().join("canary")),
            folder,
        }
    }

    /// What the host's side is called, for the scripts.
    pub fn facts(&self) -> Value {
        let path = |name: &str| self.folder.path().join(name);
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        json!({
            "canary": path("canary"),
            "data": self.folder.path(),
            "temporary": path("canary"),
            "socket": path("socket"),
            "other": self.other,
            "own": self.own,
            "process": self.process.id(),
            "tcp": port(&self.tcp),
            "tcp6": self.tcp6.as_ref().map(port),
            "udp": self.udp.local_addr().unwrap().port(),
            "abstract": self.abstract_name,
            "shared": self.shared.file_name().unwrap().to_string_lossy(),
            "address": self.address,
            "resolver": resolver(),
            "marker": self.marker(),
            // Anyone but us; an ordinary user may give files to himself only.
            "stranger": if is_root() { 54_321 } else { rustix::process::geteuid().as_raw() },
        })
    }

    /// Stands in our environment.
    pub fn marker(&self) -> &str {
        &self.abstract_name
    }

    /// Nothing that was planted has changed, and the process lives.
    pub fn assert_unharmed(mut self) {
        for name in ["canary", "errand.db", "key"] {
            let content = std::fs::read_to_string(self.folder.path().join(name)).unwrap();
            assert_eq!(content, CONTENT, "{name}");
        }
        let mut names: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["canary", "errand.db", "key", "socket"]);
        assert!(self.process.try_wait().unwrap().is_none());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.shared);
    }
}

/// A descriptor that is not closed at exec, as a careless library would leave it.
fn inherited(path: &std::path::Path) -> std::fs::File {
    let file = std::fs::File::open(path).unwrap();
    rustix::io::fcntl_setfd(file.as_fd(), rustix::io::FdFlags::empty()).unwrap();
    file
}

/// Answers each datagram with itself.
fn echo() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ours = socket.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = ours.recv_from(&mut buffer) {
            let _ = ours.send_to(&buffer[..length], from);
        }
    });
    socket
}

/// The address under which others would know this machine. Nothing is sent.
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("1.1.1.1:53").ok()?;
    Some(socket.local_addr().ok()?.ip().to_string())
}

fn resolver() -> String {
    let mut text = String::new();
    let _ =
        std::fs::File::open("/etc/resolv.conf").and_then(|mut file| file.read_to_string(&mut text));
    text.lines()
        .find_map(|line| line.strip_prefix("nameserver "))
        .map_or("127.0.0.53", str::trim)
        .to_owned()
}
