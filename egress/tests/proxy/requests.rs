//! Plain requests: what reaches the destination, what comes back, and what is refused.

use egress::proxy::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Answers, Seen, Upstream, Wanted, decision, proxy_to, talk};

const OK: &str = "HTTP/1.1 200 OK\r\nx-from: there\r\ncontent-length: 5\r\n\r\nhello";

/// The head of what a destination received, its lines sorted, and the body.
fn parts(received: &str) -> (Vec<&str>, &str) {
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    lines[1..].sort_unstable();
    (lines, body)
}

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
async fn a_body_with_a_length_arrives_with_that_length() {
    let upstream = Upstream::answering(OK).await;
    let port = upstream.port();
    let body = "x".repeat(100_000);
    let head =
        format!("POST http://site.example:{port}/ HTTP/1.1\r\ncontent-length: 100000\r\n\r\n");
    let (answer, seen) = talk(
        &proxy_to(&upstream),
        format!("{head}{body}GET http://next/ HTTP/1.1\r\n\r\n"),
    )
    .await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    let received = upstream.received();
    assert_eq!(
        received.len(),
        1,
        "what follows the body is no second request"
    );
    let (lines, arrived) = parts(&received[0]);
    assert!(lines.contains(&"content-length: 100000"), "{lines:?}");
    assert!(
        !lines
            .iter()
            .any(|line| line.starts_with("transfer-encoding")),
        "{lines:?}"
    );
    assert_eq!(arrived, body);
    assert_eq!(
        seen.only().bytes_up,
        u64::try_from(head.len() + body.len()).unwrap()
    );
}

#[tokio::test]
async fn a_chunked_body_arrives_in_chunks() {
    let upstream = Upstream::answering(OK).await;
    let port = upstream.port();
    let request = format!(
        "PUT http://site.example:{port}/ HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    );
    let (answer, seen) = talk(&proxy_to(&upstream), request).await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    let received = upstream.received();
    let (lines, body) = parts(&received[0]);
    assert!(lines.contains(&"transfer-encoding: chunked"), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.starts_with("content-length")),
        "{lines:?}"
    );
    let data: String = body.split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(data, "hello world");
    assert_eq!(seen.only().outcome, Outcome::Allowed);
}

#[tokio::test]
async fn a_client_that_waits_for_a_word_before_its_body_gets_it() {
    let upstream = Upstream::answering(OK).await;
    let port = upstream.port();
    let seen = Seen::default();
    let proxy = proxy_to(&upstream);
    let (mut client, server) = tokio::io::duplex(1024);
    let asking = async {
        let head = format!(
            "POST http://site.example:{port}/ HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        let mut word = [0; 25];
        client.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
        client.write_all(b"body").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        drop(client);
    };
    tokio::join!(proxy.serve(server, &seen), asking);
    assert!(upstream.received()[0].ends_with("\r\n\r\nbody"));
    assert!(!upstream.received()[0].contains("expect"));
}

#[tokio::test]
async fn answers_of_every_form_come_back_whole() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let to_the_end = "HTTP/1.1 200 OK\r\n\r\nhello";
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://10.0.0.5/\r\ncontent-length: 0\r\n\r\n";
    let nothing = "HTTP/1.1 204 No Content\r\nx: y\r\n\r\n";
    let first = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    for (method, version, there, wanted) in [
        ("GET", 1, chunked, format!("{first}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")),
        ("GET", 1, to_the_end, format!("{first}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")),
        ("GET", 0, chunked, format!("{first}\r\nhello")),
        ("HEAD", 1, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", format!("{first}content-length: 5\r\n\r\n")),
        (
            "GET",
            1,
            moved,
            "HTTP/1.1 302 Found\r\nconnection: close\r\ncontent-length: 0\r\nlocation: http://10.0.0.5/\r\n\r\n".to_owned(),
        ),
        ("DELETE", 1, nothing, "HTTP/1.1 204 No Content\r\nconnection: close\r\nx: y\r\n\r\n".to_owned()),
    ] {
        let upstream = Upstream::answering(there).await;
        let port = upstream.port();
        let request = format!("{method} http://site.example:{port}/ HTTP/1.{version}\r\n\r\n");
        let (answer, _) = talk(&proxy_to(&upstream), request).await;
        assert_eq!(answer, wanted, "{method} {there}");
        assert_eq!(upstream.connections(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    for (there, wanted_end) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello",
            "content-length: 50\r\n\r\nhello",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "5\r\nhello\r\n",
        ),
    ] {
        let upstream = Upstream::answering(there).await;
        let port = upstream.port();
        let (answer, seen) = talk(
            &proxy_to(&upstream),
            format!("GET http://site.example:{port}/ HTTP/1.1\r\n\r\n"),
        )
        .await;
        assert!(answer.ends_with(wanted_end), "{answer}");
        let broken = Outcome::Broken(format!("the connection to site.example:{port} broke"));
        assert_eq!(seen.only().outcome, broken);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_does_not_look_whole() {
    for (framing, part) in [
        ("content-length: 50", "hello"),
        ("transfer-encoding: chunked", "5\r\nhello\r\n"),
    ] {
        let upstream = Upstream::answering(OK).await;
        let port = upstream.port();
        let proxy = proxy_to(&upstream);
        let seen = Seen::default();
        let (mut client, server) = tokio::io::duplex(1024);
        let request =
            format!("POST http://site.example:{port}/ HTTP/1.1\r\n{framing}\r\n\r\n{part}");
        let asking = async {
            client.write_all(request.as_bytes()).await.unwrap();
            drop(client);
        };
        tokio::join!(proxy.serve(server, &seen), asking);
        assert_eq!(
            seen.only().outcome,
            Outcome::Broken("the client closed its connection".to_owned())
        );
        for received in upstream.received() {
            assert!(!received.ends_with("0\r\n\r\n"), "{received}");
        }
    }
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

#[tokio::test]
async fn what_is_not_a_plain_request_for_a_listed_host_is_refused_and_the_text_says_why() {
    let upstream = Upstream::answering(OK).await;
    let port = upstream.port();
    let proxy = proxy_to(&upstream);
    let long = format!(
        "GET http://site.example:{port}/ HTTP/1.1\r\nx: {}\r\n\r\n",
        "x".repeat(16 * 1024)
    );
    let smuggled = format!(
        "POST http://site.example:{port}/ HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    let trailers = format!(
        "POST http://site.example:{port}/ HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n"
    );
    for (request, status, wanted) in [
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
        (&long, "431", "longer than 16384 bytes"),
        (
            &smuggled,
            "400",
            "both a Content-Length and a Transfer-Encoding",
        ),
        (&trailers, "400", "trailers"),
    ] {
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
    for received in upstream.received() {
        assert!(!received.contains("0\r\n\r\n"), "{received}");
    }
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
        let told = format!("{:?}", seen.only());
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
async fn a_connection_without_a_request_is_not_observed() {
    let proxy = Wanted::default().proxy();
    let seen = Seen::default();
    let (client, server) = tokio::io::duplex(64);
    drop(client);
    proxy.serve(server, &seen).await;
    assert_eq!(seen.all(), []);
}
