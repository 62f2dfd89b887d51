//! The server of the test sites: two addresses that are not the task's own computer, pages, and what was sent to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::pages;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    /// With the query.
    pub path: String,
    pub cookie: String,
    pub body: String,
}

/// What is done before a request is answered.
type Before = Arc<dyn Fn(&Asked) + Send + Sync>;

/// Two hosts with the same pages.
#[derive(Clone)]
pub struct Sites {
    pub here: String,
    pub elsewhere: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    before: Before,
}

impl Sites {
    pub fn open() -> Self {
        Self::with(|_| ())
    }

    /// Those that do something before they answer.
    pub fn with(before: impl Fn(&Asked) + Send + Sync + 'static) -> Self {
        let listeners = ["127.0.0.2:0", "127.0.0.3:0"].map(|at| TcpListener::bind(at).unwrap());
        let address = |at: usize| listeners[at].local_addr().unwrap().to_string();
        let sites = Self {
            here: address(0),
            elsewhere: address(1),
            asked: Arc::default(),
            before: Arc::new(before),
        };
        for listener in listeners {
            let own = sites.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let own = own.clone();
                    std::thread::spawn(move || own.answer(&stream));
                }
            });
        }
        sites
    }

    /// What was asked for so far that begins with this.
    pub fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        let these = asked.iter().filter(|asked| asked.path.starts_with(path));
        these.cloned().collect()
    }

    fn answer(&self, stream: &TcpStream) {
        let Some(asked) = read(stream) else {
            return;
        };
        self.asked.lock().unwrap().push(asked.clone());
        (self.before)(&asked);
        let path = asked.path.split('?').next().unwrap_or_default();
        // A browser that is gone hears nothing.
        let _ = match path {
            "/slow" => silence(stream),
            "/endless" => endless(stream),
            "/drip.csv" => drip(stream),
            "/data.csv" => send(stream, "text/csv", "", "item,price\nlamp,17\n"),
            "/login" if asked.body.contains("name=ann") && asked.body.contains("word=sesame") => {
                send(
                    stream,
                    "text/html",
                    "Set-Cookie: who=ann; HttpOnly; Path=/\r\n",
                    "<title>In</title><p>You are in.</p><a href=/account>My account</a>",
                )
            }
            _ => {
                let page = pages::page(&asked, &self.elsewhere);
                send(stream, "text/html; charset=utf-8", "", &page)
            }
        };
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut cookie) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "cookie" => value.clone_into(&mut cookie),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked {
        method,
        path,
        cookie,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn send(mut stream: &TcpStream, kind: &str, more: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Sends nothing until the other side has given up.
fn silence(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.read_to_end(&mut Vec::new()).map(|_| ())
}

/// Sends a page and then no end of it.
fn endless(mut stream: &TcpStream) -> std::io::Result<()> {
    let begin = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<title>Endless</title><p>The first part has number 52.</p>";
    stream.write_all(begin.as_bytes())?;
    stream.flush()?;
    silence(stream)
}

/// Sends a file of which the most does not come.
fn drip(mut stream: &TcpStream) -> std::io::Result<()> {
    let begin = "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Disposition: attachment\r\nContent-Length: 900000\r\n\r\na,b\n";
    stream.write_all(begin.as_bytes())?;
    stream.flush()?;
    silence(stream)
}
