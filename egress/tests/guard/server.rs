//! Loopback servers and resolvers with prepared answers.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use egress::{Guard, Method, Options, Request, Resolver, Resolving};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server that gives every connection the same answer and then closes it.
pub struct Server {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::on("127.0.0.1:0", answer).await
    }

    pub async fn on(address: &str, answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (count, seen) = (Arc::clone(&connections), Arc::clone(&requests));
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut buffer = vec![0; 16 * 1024];
                let length = stream.read(&mut buffer).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                seen.lock().unwrap().push(text);
                if answer.is_empty() {
                    // Never answers: waits until the client gives up.
                    let _ = stream.read(&mut buffer).await;
                }
                let _ = stream.write_all(&answer).await;
            }
        });
        Self {
            address,
            connections,
            requests,
            accepting,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn entry(&self) -> String {
        self.address.to_string()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers lookups from a list; the last answer is repeated. An empty list means that nothing resolves.
pub struct Answers {
    left: Mutex<VecDeque<Vec<IpAddr>>>,
    lookups: AtomicUsize,
}

impl Answers {
    pub fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self {
            left: Mutex::new(answers.iter().map(parse).collect()),
            lookups: AtomicUsize::new(0),
        })
    }

    pub fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }
}

impl Resolver for Answers {
    fn resolve(&self, _host: String) -> Resolving {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let mut left = self.left.lock().unwrap();
        let answer = if left.len() > 1 {
            left.pop_front()
        } else {
            left.front().cloned()
        };
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "no such name");
        Box::pin(async move { answer.ok_or_else(unknown) })
    }
}

pub fn options(allow: &[&str]) -> Options {
    Options {
        allow_private: allow.iter().map(ToString::to_string).collect(),
        ..Options::default()
    }
}

pub fn guard(allow: &[&str], answers: &[&[&str]]) -> Guard {
    Guard::with_resolver(options(allow), Answers::new(answers)).unwrap()
}

pub fn get(url: &str) -> Request {
    Request::new(Method::GET, url.parse().unwrap())
}

pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
