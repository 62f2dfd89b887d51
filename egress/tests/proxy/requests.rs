//! Plain requests: what reaches the destination, what comes back, and what is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use egress::proxy::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::support::{Answers, Seen, Upstream, Wanted, decision, parts, proxy_to, talk};

const OK: &str = "HTTP/1.1 200 OK\r\nx-from: there\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn a_request_reaches_its_destination_without_what_belongs_to_the_connection() {
    let upstream = Upstream::answering(OK).await;
    let port = upstream.port();
    let request = format!(
        "GET http://Site.Example.:{port}/a/b?c=d HTTP/1.1\r\nHost: other.example\r\nAccept: text/plain\r\n\
         User-Agent: curl\r\nX-Own: 1\r\nX-Private: 1\r\nConnection: keep-alive, x-private\r\nTE: trailers\r\n\
         Proxy-Authorization: Basic eDp5\r\nProxy-Connection: keep-alive\r\nUpgrade: websocket\r\n\r\n"
    );
    let (answer, seen) = talk(&proxy_to(&upstream), &request).await;
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\nx-from: there\r\n\r\nhello"
    );
    let received = upstream.received();
    let (lines, body) = parts(&received[0]);
    let host = format!("host: site.example:{port}");
    assert_eq!(
        lines,
        [
            "GET /a/b?c=d HTTP/1.1",
            "accept: text/plain",
            "connection: close",
            &host,
            "user-agent: curl",
            "x-own: 1"
        ]
    );
    assert_eq!(body, "");
    let bytes = (u64::try_from(request.len()).unwrap(), 5);
    assert_eq!(
        seen.only(),
        decision("GET", ("site.example", port), Outcome::Allowed, bytes)
    );
}

#[tokio::test]
async fn a_destination_that_does_not_speak_http_is_a_bad_gateway() {
    for there in [
        "rubbish\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        let upstream = Upstream::answering(there).await;
        let port = upstream.port();
        let (answer, seen) = talk(
            &proxy_to(&upstream),
            format!("GET http://site.example:{port}/ HTTP/1.1\r\n\r\n"),
        )
        .await;
        let text = format!("the connection to site.example:{port} broke");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 502 Bad Gateway: {text}\r\n")),
            "{answer}"
        );
        assert_eq!(seen.only().outcome, Outcome::Broken(text));
    }
}

/// Requests, and the status and a part of the text with which they are refused.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "GET / HTTP/1.1\r\nhost: site.example\r\n\r\n",
        "400",
        "this is a proxy",
    ),
    ("\x16\x03\x01\x00\x10", "400", "this is a proxy"),
    ("\x05\x01\x00", "400", "this is a proxy"),
    (
        "GET https://site.example/ HTTP/1.1\r\n\r\n",
        "400",
        "https:// URLs pass through CONNECT only",
    ),
    (
        "GET ftp://site.example/ HTTP/1.1\r\n\r\n",
        "400",
        "only http:// URLs",
    ),
    (
        "GET http://me:pw@site.example/ HTTP/1.1\r\n\r\n",
        "400",
        "user name",
    ),
    (
        "GET http://other.example/ HTTP/1.1\r\nhost: site.example\r\n\r\n",
        "403",
        "other.example:80 is not on the list",
    ),
    (
        "GET http://site.example/ HTTP/1.1\r\n\r\n",
        "403",
        "site.example:80 is not on the list",
    ),
    (
        "GET http://site.example:0/ HTTP/1.1\r\n\r\n",
        "400",
        "port 0",
    ),
    (
        "TRACE http://site.example/ HTTP/1.1\r\n\r\n",
        "405",
        "TRACE is not passed on",
    ),
    (
        "GET http://site.example/ HTTP/1.1\n\n",
        "400",
        "bare line feed",
    ),
    (
        "GET http://site.example/ HTTP/1.1\r\na: b\r\n c\r\n\r\n",
        "400",
        "folded",
    ),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", "version"),
    (
        "POST http://site.example/ HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "400",
        "both a Content-Length and a Transfer-Encoding",
    ),
];

#[tokio::test]
async fn what_is_not_a_plain_request_for_a_listed_host_is_refused_and_the_text_says_why() {
    let upstream = Upstream::answering(OK).await;
    let proxy = proxy_to(&upstream);
    let long = format!(
        "GET http://site.example/ HTTP/1.1\r\nx: {}\r\n\r\n",
        "x".repeat(16 * 1024)
    );
    let too_long = (long.as_str(), "431", "longer than 16384 bytes");
    for (request, status, wanted) in REFUSED.iter().copied().chain([too_long]) {
        let (answer, seen) = talk(&proxy, request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let outcome = seen.only().outcome;
        let Outcome::Refused(reason) = &outcome else {
            panic!("{request}: {outcome:?}");
        };
        assert!(reason.contains(wanted), "{request}: {reason}");
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")) && head.contains(reason),
            "{head}"
        );
        assert!(head.contains("connection: close"), "{head}");
        assert_eq!(body, format!("{reason}\n"));
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_listed_host_is_still_refused_where_its_address_is_not_public() {
    for (address, wanted) in [
        ("127.0.0.1", "a loopback address"),
        ("169.254.169.254", "a cloud metadata address"),
        ("::ffff:10.0.0.1", "a private address"),
    ] {
        let proxy = Wanted {
            hosts: Some(&["site.example".to_owned()]),
            resolver: Answers::new(&[&[address]]),
            ..Wanted::default()
        }
        .proxy();
        let (answer, seen) = talk(
            &proxy,
            "GET http://site.example/hidden?hidden HTTP/1.1\r\nx: hidden\r\n\r\n",
        )
        .await;
        assert!(
            answer.starts_with("HTTP/1.1 403 ") && answer.contains(wanted),
            "{answer}"
        );
        let only = seen.only();
        assert_eq!((only.bytes_up, only.bytes_down), (0, 0));
        let told = format!("{only:?}");
        assert!(
            told.contains("Refused") && !told.contains("hidden"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_name_is_looked_up_once_for_a_request() {
    let upstream = Upstream::answering(OK).await;
    let port = upstream.port();
    let resolver = Answers::new(&[&["127.0.0.1"], &["10.0.0.5"]]);
    let proxy = Wanted {
        permits: &[upstream.address.to_string()],
        resolver: resolver.clone(),
        ..Wanted::default()
    }
    .proxy();
    let request = format!("GET http://site.example:{port}/ HTTP/1.1\r\n\r\n");
    let (answer, _) = talk(&proxy, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!((resolver.lookups(), upstream.connections()), (1, 1));
    // No connection is kept, so the second request asks again, and the answer is refused.
    let (answer, _) = talk(&proxy, &request).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!((resolver.lookups(), upstream.connections()), (2, 1));
}

#[tokio::test]
async fn no_request_comes_after_one_of_the_proxy_on_its_connection() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = upstream.local_addr().unwrap().port();
    let proxy = Wanted {
        permits: &[format!("site.example:{port}")],
        ..Wanted::default()
    }
    .proxy();
    let request =
        format!("GET http://site.example:{port}/ HTTP/1.1\r\nconnection: keep-alive\r\n\r\n");
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = upstream.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer_for_ever(stream));
        }
    });
    for number in 1..=2 {
        let (answer, _) = talk(&proxy, &request).await;
        assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
        assert_eq!(connections.load(Ordering::SeqCst), number);
    }
    accepting.abort();
}

/// Would go on answering on the same connection.
async fn answer_for_ever(mut stream: TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(1..) = stream.read(&mut buffer).await {
        let _ = stream.write_all(OK.as_bytes()).await;
    }
}

#[tokio::test]
async fn a_refusal_is_read_from_a_unix_socket_by_a_client_that_still_sends() {
    let (mut client, server) = UnixStream::pair().unwrap();
    let seen = Arc::new(Seen::default());
    let (proxy, observer) = (Wanted::default().proxy(), Arc::clone(&seen));
    let serving = tokio::spawn(async move { proxy.serve(server, &*observer).await });
    let head = "POST http://127.0.0.1/ HTTP/1.1\r\ncontent-length: 900000\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    client
        .write_all("x".repeat(900_000).as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    drop(client);
    serving.await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 403 ") && answer.contains("a loopback address"),
        "{answer}"
    );
    assert!(matches!(seen.only().outcome, Outcome::Refused(_)));
}

#[tokio::test]
async fn a_connection_without_a_request_is_not_observed() {
    let proxy = Wanted::default().proxy();
    let seen = Seen::default();
    let (client, server) = tokio::io::duplex(64);
    drop(client);
    proxy.serve(server, &seen).await;
    assert_eq!(seen.all(), []);
}
