//! A client that speaks in bytes, destinations that keep what they were sent, and an observer that keeps what it was told.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use egress::proxy::{Decision, Destination, Injection, Limits, Mode, Observer, Outcome, Proxy};
use egress::{Guard, Hosts, Options, Resolver, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Keeps every decision.
#[derive(Default)]
pub struct Seen(Mutex<Vec<Decision>>);

impl Observer for Seen {
    fn decided(&self, decision: &Decision) {
        self.0.lock().unwrap().push(decision.clone());
    }
}

impl Seen {
    pub fn all(&self) -> Vec<Decision> {
        self.0.lock().unwrap().clone()
    }

    /// The only decision, without the time that it took.
    pub fn only(&self) -> Decision {
        let mut all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].took_ms = 0;
        all.remove(0)
    }
}

/// A decision about a host and a port.
pub fn decision(
    method: &str,
    (host, port): (&str, u16),
    outcome: Outcome,
    bytes: (u64, u64),
) -> Decision {
    Decision {
        destination: Some(Destination {
            host: host.to_owned(),
            port,
        }),
        method: method.to_owned(),
        outcome,
        bytes_up: bytes.0,
        bytes_down: bytes.1,
        took_ms: 0,
    }
}

/// Sends bytes to a proxy and reads until it closes.
pub async fn talk(proxy: &Proxy, request: impl AsRef<[u8]>) -> (String, Seen) {
    let seen = Seen::default();
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let asking = async {
        client.write_all(request.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        drop(client);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let ((), answer) = tokio::join!(proxy.serve(server, &seen), asking);
    (answer, seen)
}

/// A destination. It reads one request, or whatever comes first through a tunnel, answers, and closes.
pub struct Upstream {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Upstream {
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (count, kept) = (Arc::clone(&connections), Arc::clone(&received));
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let text = read_message(&mut stream).await;
                kept.lock().unwrap().push(text);
                if answer.is_empty() {
                    // Never answers: waits until the other side gives up.
                    let _ = stream.read(&mut [0; 16]).await;
                }
                let _ = stream.write_all(&answer).await;
            }
        });
        Self {
            address,
            connections,
            received,
            accepting,
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads up to the end of an HTTP message, of a first TLS record, or of the connection.
async fn read_message(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = stream.read(&mut buffer).await.unwrap_or(0);
        bytes.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if length == 0 || bytes.starts_with(&[22]) || is_whole(&text) {
            return text;
        }
    }
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    if head.contains("transfer-encoding: chunked") {
        body.ends_with("0\r\n\r\n")
    } else {
        body.len() >= length.map_or(0, |length| length.parse().unwrap())
    }
}

/// The head of what a destination received, its lines sorted, and the body.
pub fn parts(received: &str) -> (Vec<&str>, &str) {
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    lines[1..].sort_unstable();
    (lines, body)
}

/// Resolves every name to one prepared answer after another, the last one again and again.
pub struct Answers {
    answers: Vec<Vec<IpAddr>>,
    lookups: AtomicUsize,
}

impl Answers {
    pub fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self {
            answers: answers.iter().map(parse).collect(),
            lookups: AtomicUsize::new(0),
        })
    }

    pub fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }
}

impl Resolver for Answers {
    fn resolve(&self, _host: String) -> Resolving {
        let number = self.lookups.fetch_add(1, Ordering::SeqCst);
        let last = self.answers.len().saturating_sub(1);
        let answer = self.answers.get(number.min(last)).cloned();
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "no such name");
        Box::pin(async move { answer.ok_or_else(unknown) })
    }
}

/// What a test wants of a proxy.
pub struct Wanted<'a> {
    /// Entries of `allow_private`.
    pub permits: &'a [String],
    /// The list of hosts; absent for the open mode.
    pub hosts: Option<&'a [String]>,
    pub resolver: Arc<Answers>,
    pub limits: Limits,
    pub injections: Vec<Injection>,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            permits: &[],
            hosts: None,
            resolver: Answers::new(&[&["127.0.0.1"]]),
            limits: Limits::default(),
            injections: Vec::new(),
        }
    }
}

impl Wanted<'_> {
    pub fn proxy(self) -> Proxy {
        let options = Options {
            allow_private: self.permits.to_vec(),
            ..Options::default()
        };
        let guard = Guard::with_resolver(options, self.resolver).unwrap();
        let mode = match self.hosts {
            Some(hosts) => Mode::AllowList(Hosts::parse(hosts).unwrap()),
            None => Mode::Open,
        };
        guard.proxy(mode, self.limits, self.injections)
    }
}

/// A proxy that lets requests for `site.example` through to a destination on loopback.
pub fn proxy_to(upstream: &Upstream) -> Proxy {
    proxy_with(upstream, Limits::default())
}

pub fn proxy_with(upstream: &Upstream, limits: Limits) -> Proxy {
    let entry = format!("site.example:{}", upstream.port());
    Wanted {
        permits: std::slice::from_ref(&entry),
        hosts: Some(std::slice::from_ref(&entry)),
        limits,
        ..Wanted::default()
    }
    .proxy()
}

fn sized(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    [&length.to_be_bytes()[..], content].concat()
}

/// A TLS client's first record, as short as it may be.
pub fn greeting(name: Option<&str>) -> Vec<u8> {
    let extensions = name.map_or_else(Vec::new, |name| {
        let entry = [&[0][..], &sized(name.as_bytes())].concat();
        [&[0, 0][..], &sized(&sized(&entry))].concat()
    });
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(sized(&extensions));
    let message = [&[1, 0][..], &sized(&body)].concat();
    [&[22, 3, 1][..], &sized(&message)].concat()
}
