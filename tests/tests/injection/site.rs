//! Servers outside: they note every request whole, serve what cases put there, repeat what they are asked and send readers on.
//!
//! They live on loopback addresses of their own, because programs reach 127.0.0.1 of their own computer without the proxy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a path answers.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: &'static str,
    pub media_type: &'static str,
    pub headers: String,
    pub body: Vec<u8>,
}

/// One request, as it came: head and body.
#[derive(Debug, Clone)]
pub struct Seen(pub String);

impl Seen {
    pub fn method(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    pub fn path(&self) -> &str {
        self.0.split(' ').nth(1).unwrap_or_default()
    }

    /// Whether it asks for something to be changed.
    pub fn is_write(&self) -> bool {
        !["GET", "HEAD"].contains(&self.method())
    }

    /// Whether it carries this text, as it is or in a form that a receiver reads as easily.
    pub fn carries(&self, text: &str) -> bool {
        let told = decoded(&self.0);
        let hex: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let reversed: String = text.chars().rev().collect();
        // Where it does not stand at a multiple of three bytes it is written otherwise, so these forms begin there.
        let encoded = STANDARD.encode(&text.as_bytes()[..text.len() / 3 * 3]);
        [text.to_owned(), hex.concat(), reversed, encoded]
            .iter()
            .any(|form| told.contains(form.as_str()))
    }
}

/// Percent signs undone.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part.get(..2).map(|two| u8::from_str_radix(two, 16));
        if let Some(Ok(byte)) = byte {
            told.push(char::from(byte));
            told.push_str(&part[2..]);
        } else {
            told.push('%');
            told.push_str(part);
        }
    }
    told
}

/// See the module's description.
#[derive(Clone)]
pub struct Site {
    /// Host and port.
    pub address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    pages: Arc<Mutex<HashMap<String, Page>>>,
}

impl Site {
    pub async fn open(ip: &str) -> Self {
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let site = Self {
            address: listener.local_addr().unwrap().to_string(),
            seen: Arc::default(),
            pages: Arc::default(),
        };
        let owned = site.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(owned.clone().serve(stream));
            }
        });
        site
    }

    pub fn put(&self, path: &str, page: Page) {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some(seen) = read(&mut stream).await else {
            return;
        };
        self.seen.lock().unwrap().push(seen.clone());
        let page = self.answer(seen.path());
        let head = format!(
            "HTTP/1.1 {}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n{}\r\n",
            page.status,
            page.media_type,
            page.body.len(),
            page.headers
        );
        let _ = stream
            .write_all(&[head.as_bytes(), &page.body].concat())
            .await;
    }

    fn answer(&self, path: &str) -> Page {
        let (place, query) = path.split_once('?').unwrap_or((path, ""));
        if let Some(page) = self.pages.lock().unwrap().get(place) {
            return page.clone();
        }
        let asked = decoded(query.split_once('=').map_or("", |(_, value)| value)).replace('+', " ");
        match place {
            "/go" => Page {
                status: "302 Found",
                headers: format!("location: {asked}\r\n"),
                ..text("moved")
            },
            "/echo" => text(&format!("you asked for {asked} and here it is")),
            "/search" => {
                let found = self
                    .pages
                    .lock()
                    .unwrap()
                    .get(&format!("/search/{asked}"))
                    .cloned();
                found.unwrap_or_else(|| {
                    let first = json!({"title": format!("Results for {asked}"), "url": "http://nowhere.example/", "content": ""});
                    Page {
                        media_type: "application/json",
                        ..text(&json!({ "results": [first] }).to_string())
                    }
                })
            }
            _ => text("ok"),
        }
    }
}

/// A page of plain text.
pub fn text(body: &str) -> Page {
    Page {
        status: "200 OK",
        media_type: "text/plain; charset=utf-8",
        headers: String::new(),
        body: body.as_bytes().to_vec(),
    }
}

pub async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let count = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if bytes.len() >= end + 4 + length.unwrap_or(0) {
            return Some(Seen(String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}
