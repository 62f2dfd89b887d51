//! A web server of the tests' own: small pages, and the faults that servers have.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub struct Site {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    pages: Arc<Mutex<HashMap<String, String>>>,
    came: watch::Receiver<()>,
    _server: JoinSet<()>,
}

impl Site {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let pages = Arc::<Mutex<HashMap<String, String>>>::default();
        let (tell, came) = watch::channel(());
        let mut server = JoinSet::new();
        let (log, known) = (Arc::clone(&seen), Arc::clone(&pages));
        server.spawn(async move {
            let mut visits = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (log, known, tell) = (Arc::clone(&log), Arc::clone(&known), tell.clone());
                visits.spawn(async move {
                    if let Some(head) = head(stream).await {
                        let path = head.path.clone();
                        log.lock().unwrap().push(path.clone());
                        tell.send_replace(());
                        let page = known.lock().unwrap().get(&path).cloned();
                        // A browser that goes away in the middle is no fault of the server.
                        let _ = serve(head, page, address.port()).await;
                    }
                });
            }
        });
        Self {
            address,
            seen,
            pages,
            came,
            _server: server,
        }
    }

    /// The address of a path under a name of the site. All names below `test` lead here.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    /// Serves a page under a path.
    pub fn page(&self, path: &str, html: &str) {
        self.pages
            .lock()
            .unwrap()
            .insert(path.to_owned(), html.to_owned());
    }

    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a path was asked for.
    pub async fn asked_for(&self, path: &str) {
        let mut came = self.came.clone();
        while !self.seen().iter().any(|seen| seen == path) {
            came.changed().await.unwrap();
        }
    }
}

struct Head {
    stream: TcpStream,
    path: String,
    text: String,
}

async fn head(mut stream: TcpStream) -> Option<Head> {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    let path = text.split(' ').nth(1)?.to_owned();
    Some(Head { stream, path, text })
}

async fn serve(mut head: Head, page: Option<String>, port: u16) -> std::io::Result<()> {
    let stream = &mut head.stream;
    match head.path.split('?').next().unwrap_or_default() {
        // Headers that never come.
        "/slow-headers" => std::future::pending::<()>().await,
        "/endless-body" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>endless</title><p>begun</p>").await?;
            std::future::pending::<()>().await;
        }
        "/download" => {
            reply(stream, "200 OK", "Content-Type: application/zip\r\nContent-Disposition: attachment; filename=\"a b.zip\"\r\n", "PK-bytes").await?;
        }
        "/nothing" => reply(stream, "204 No Content", "", "").await?,
        "/to-file" => reply(stream, "302 Found", "Location: file:///etc/passwd\r\n", "").await?,
        "/to-b" => {
            reply(
                stream,
                "302 Found",
                &format!("Location: http://b.test:{port}/landed\r\n"),
                "",
            )
            .await?;
        }
        "/secret" => {
            // "eve:right" in base64.
            if head.text.contains("Basic ZXZlOnJpZ2h0") {
                html(stream, "<p>welcome</p>").await?;
            } else {
                reply(
                    stream,
                    "401 Unauthorized",
                    "WWW-Authenticate: Basic realm=\"x\"\r\n",
                    "<p>go away</p>",
                )
                .await?;
            }
        }
        path => match page {
            Some(page) => html(stream, &page.replace("PORT", &port.to_string())).await?,
            None => html(stream, &format!("<title>{path}</title><p>page {path}</p>")).await?,
        },
    }
    Ok(())
}

async fn html(stream: &mut TcpStream, page: &str) -> std::io::Result<()> {
    reply(
        stream,
        "200 OK",
        "Content-Type: text/html; charset=utf-8\r\n",
        &format!("<!doctype html>{page}"),
    )
    .await
}

async fn reply(
    stream: &mut TcpStream,
    status: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
