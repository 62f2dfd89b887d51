//! A room with a browser in it, a server that notes who came, and what a page is asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_core::network::{Network, NetworkMode};
use agent_core::ports::tool::Grants;
use egress::Guard;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tools::browser::{Front, Launcher, Running, Socket};
use tools::{Gate, NetworkOptions, Options};

use crate::room::Room;

/// Longer than any page here takes.
const WITHIN: Duration = Duration::from_secs(20);

pub fn launcher(room: &Room) -> Launcher {
    let sandbox = Arc::clone(&room.parts.sandbox);
    Launcher::new(&room.options, sandbox, room.parts.workspaces.annexes())
}

pub async fn launched(room: &Room, front: Front) -> Running {
    let launched = launcher(room).launch(&room.place, front).await;
    launched.unwrap_or_else(|error| panic!("{error}"))
}

/// A way out to these hosts, where an operator allows all of them.
pub fn granted(room: &Room, hosts: &[String]) -> Front {
    let options = NetworkOptions {
        mode: NetworkMode::Open,
        ..NetworkOptions::default()
    };
    let guard = Guard::new(egress::Options {
        allow_private: hosts.to_vec(),
        ..egress::Options::default()
    });
    let gate = Gate::new(&options, &guard.unwrap()).unwrap();
    let grants = Grants {
        network: Some(Network {
            mode: NetworkMode::AllowList,
            hosts: hosts.to_vec(),
        }),
        ..Grants::default()
    };
    Front {
        exit: Some(gate.open(&room.place.tenant, &grants).unwrap()),
        neighbours: None,
        apart: None,
    }
}

/// A server of this machine that answers every request with one page, and notes each that came.
pub struct Server {
    pub address: SocketAddr,
    came: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(at: &str, page: &str) -> Self {
        let listener = TcpListener::bind((at, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let came: Arc<Mutex<Vec<String>>> = Arc::default();
        let (noted, page) = (Arc::clone(&came), page.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let mut head = [0; 8192];
                let count = stream.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..count]).into_owned();
                let line = head.lines().next().unwrap_or_default().to_owned();
                noted.lock().unwrap().push(line);
                let length = page.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
                );
            }
        });
        Self { address, came }
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The first lines of the requests that came.
    pub fn came(&self) -> Vec<String> {
        self.came.lock().unwrap().clone()
    }
}

/// One page of a browser.
pub struct Page {
    socket: Socket<TcpStream>,
    session: String,
}

impl Page {
    /// Opens an address, and waits until it is loaded.
    pub async fn open(running: &Running, url: &str) -> Self {
        let mut page = Self::blank(running).await;
        // An address that is refused is an error, and a page that says so.
        let _ = page.navigate(url).await;
        let loaded = async {
            // The empty page before it never says so: the question ends with it, and is asked of the next.
            let script = "new Promise(done => { const tell = () => { if (location.href !== 'about:blank') done(true); }; \
                document.readyState === 'complete' ? tell() : addEventListener('load', tell); })";
            while page.says(script).await != true {}
        };
        tokio::time::timeout(WITHIN, loaded).await.unwrap();
        page
    }

    /// An empty page.
    pub async fn blank(running: &Running) -> Self {
        let stream = running.stream().await.unwrap();
        let mut socket = Socket::open(stream, &running.host(), running.path())
            .await
            .unwrap();
        let made = socket.call("Target.createTarget", json!({"url": "about:blank"}));
        let target = made.await.unwrap()["targetId"].clone();
        let attached = socket.call(
            "Target.attachToTarget",
            json!({"targetId": target, "flatten": true}),
        );
        let session = attached.await.unwrap()["sessionId"].clone();
        Self {
            socket,
            session: session.as_str().unwrap().to_owned(),
        }
    }

    /// Asks for an address, and gives the error if it is not gone to.
    pub async fn navigate(&mut self, url: &str) -> Option<String> {
        let asked = self.call("Page.navigate", json!({"url": url}));
        let answer = tokio::time::timeout(WITHIN, asked).await.unwrap();
        match answer {
            Ok(answer) => answer["errorText"].as_str().map(str::to_owned),
            Err(error) => Some(error.to_string()),
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> std::io::Result<Value> {
        self.socket.call_in(&self.session, method, params).await
    }

    /// What an expression comes to, once its promise is kept.
    pub async fn says(&mut self, expression: &str) -> Value {
        let asked = self.call(
            "Runtime.evaluate",
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true}),
        );
        let answer = tokio::time::timeout(WITHIN, asked).await.unwrap();
        answer.map_or(Value::Null, |answer| answer["result"]["value"].clone())
    }

    pub async fn title(&mut self) -> Value {
        self.says("document.title").await
    }

    pub async fn text(&mut self) -> String {
        let text = self.says("document.documentElement.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }
}

/// The status that the kernel gives of each process of the browsers that run here, by its kind; the browser itself is of kind "".
pub fn processes() -> Vec<(PathBuf, String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if !line.contains("/chrom") || line.contains("json-status-fd") || line.contains("inside") {
            continue;
        }
        let kind = line.split("--type=").nth(1).unwrap_or_default();
        let kind = kind.split(' ').next().unwrap_or_default().to_owned();
        let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
        // Those of others that run on this machine have other parents.
        if is_ours(&status) {
            found.push((path, kind, status));
        }
    }
    found
}

/// A line of a status.
pub fn line<'a>(status: &'a str, name: &str) -> &'a str {
    let mut lines = status.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    found.unwrap_or_default().trim()
}

fn is_ours(status: &str) -> bool {
    let mut status = status.to_owned();
    loop {
        let parent = line(&status, "PPid").to_owned();
        if parent == std::process::id().to_string() {
            return true;
        }
        let path = PathBuf::from("/proc").join(parent).join("status");
        match std::fs::read_to_string(path) {
            Ok(next) => status = next,
            Err(_) => return false,
        }
    }
}

pub async fn room() -> Room {
    Room::new().await
}

pub async fn room_with(change: impl FnOnce(&mut Options)) -> Room {
    Room::with(change).await
}
