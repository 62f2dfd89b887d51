//! A server outside Errand that notes every request, for judging what was really done.
//!
//! It knows nothing of Errand but its headers, and keeps what it saw for as long as the test runs.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// One request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// The key of a tool call, or the id of a webhook message.
    pub key: String,
    pub fence: String,
    pub authorization: String,
}

/// A server that leaves its first requests without an answer, unless it is told to answer one, and answers all others.
#[derive(Clone)]
pub struct Shop {
    seen: Arc<Mutex<Vec<Seen>>>,
    late: Arc<Semaphore>,
}

impl Default for Shop {
    fn default() -> Self {
        Self {
            seen: Arc::default(),
            late: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Shop {
    /// A server that answers nothing.
    pub async fn silent() -> (Self, String) {
        Self::open(usize::MAX).await
    }

    pub async fn open(left_unanswered: usize) -> (Self, String) {
        Self::open_at("127.0.0.1", left_unanswered).await
    }

    pub async fn open_at(ip: &str, left_unanswered: usize) -> (Self, String) {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shop = Self::default();
        let owned = shop.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let seen = read(&mut stream).await;
                let number = {
                    let mut all = owned.seen.lock().unwrap();
                    all.push(seen);
                    all.len()
                };
                let late = Arc::clone(&owned.late);
                tokio::spawn(async move {
                    if number <= left_unanswered {
                        late.acquire().await.unwrap().forget();
                    }
                    let answer =
                        "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\norder 17";
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        (shop, address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Answers one of those that were left without an answer.
    pub fn answer_late(&self) {
        self.late.add_permits(1);
    }
}

/// Reads a request's head; bodies here are so short that they come with it.
async fn read(stream: &mut TcpStream) -> Seen {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(count > 0, "the request broke off");
        head.extend_from_slice(&chunk[..count]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = |name: &str| {
        let prefix = format!("{name}: ");
        let found = head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&prefix));
        let found = found.map(|line| &line[prefix.len()..]);
        found.unwrap_or_default().to_owned()
    };
    let mut words = head.split(' ').map(str::to_owned);
    Seen {
        method: words.next().unwrap(),
        path: words.next().unwrap(),
        key: header("idempotency-key") + &header("webhook-id"),
        fence: header("x-fence"),
        authorization: header("authorization"),
    }
}
