//! Bodies of requests and of answers: they arrive whole, or not as if they were.

use egress::proxy::Outcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use crate::support::{Seen, Upstream, Wanted, parts, proxy_to, talk};

const OK: &str = "HTTP/1.1 200 OK\r\nx-from: there\r\ncontent-length: 5\r\n\r\nhello";

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
async fn a_body_that_is_wrong_in_the_middle_does_not_look_whole() {
    for (body, wanted) in [
        (
            "5\r\nhello\r\n0\r\nx: y\r\n\r\n",
            "trailers after a body are not passed on",
        ),
        (
            "5\r\nhello\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
            "the size of a chunk is not a number",
        ),
    ] {
        let upstream = Upstream::answering(OK).await;
        let port = upstream.port();
        let head = format!(
            "POST http://site.example:{port}/ HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let (answer, seen) = talk(&proxy_to(&upstream), head + body).await;
        let text = format!("the body of the request is malformed: {wanted}");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 400 Bad Request: {text}\r\n")),
            "{answer}"
        );
        assert_eq!(seen.only().outcome, Outcome::Broken(text));
        for received in upstream.received() {
            assert!(!received.ends_with("0\r\n\r\n"), "{received}");
        }
    }
}

const TOO_LARGE: &[u8] =
    b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig";

#[tokio::test]
async fn an_answer_that_comes_before_the_whole_body_reaches_a_client_that_still_sends() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = upstream.local_addr().unwrap().port();
    let (mut client, server) = UnixStream::pair().unwrap();
    let proxy = Wanted {
        permits: &[format!("site.example:{port}")],
        ..Wanted::default()
    }
    .proxy();
    let answering = async {
        let (mut stream, _) = upstream.accept().await.unwrap();
        let mut buffer = vec![0; 16 * 1024];
        let _head = stream.read(&mut buffer).await.unwrap();
        stream.write_all(TOO_LARGE).await.unwrap();
        while let Ok(1..) = stream.read(&mut buffer).await {}
    };
    let seen = Seen::default();
    let asking = async {
        let head =
            format!("POST http://site.example:{port}/ HTTP/1.1\r\ncontent-length: 900000\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nbig") {
            answer.push(client.read_u8().await.unwrap());
        }
        // More than the socket holds, so it is read by somebody.
        let body = "x".repeat(900_000);
        client.write_all(body.as_bytes()).await.unwrap();
        drop(client);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let ((), (), answer) = tokio::join!(answering, proxy.serve(server, &seen), asking);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(seen.only().outcome, Outcome::Allowed);
}
