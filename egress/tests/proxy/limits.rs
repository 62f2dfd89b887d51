//! The limits of a proxy: each ends what goes beyond it, and says so.

use std::sync::Arc;

use egress::proxy::{Allowance, AllowanceLimits, Limits, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Seen, Upstream, decision, greeting, proxy_with, talk};

fn ok(length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{}",
        "x".repeat(length)
    )
}

#[tokio::test]
async fn what_is_sent_is_limited_over_all_requests_together() {
    let upstream = Upstream::answering(ok(1)).await;
    let port = upstream.port();
    let head = format!("POST http://site.example:{port}/ HTTP/1.1\r\ncontent-length: 100\r\n\r\n");
    let limits = Limits {
        bytes_up_max: u64::try_from(2 * head.len() + 150).unwrap(),
        ..Limits::default()
    };
    let max = limits.bytes_up_max;
    let proxy = proxy_with(&upstream, limits);
    let request = format!("{head}{}", "x".repeat(100));
    let (answer, seen) = talk(&proxy, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(seen.only().outcome, Outcome::Allowed);
    let (answer, seen) = talk(&proxy, &request).await;
    let text = format!("everything sent from here together would be more than {max} bytes");
    assert!(
        answer.starts_with(&format!("HTTP/1.1 403 Forbidden: {text}\r\n")),
        "{answer}"
    );
    let bytes = (u64::try_from(head.len()).unwrap(), 0);
    let destination = ("site.example", port);
    assert_eq!(
        seen.only(),
        decision("POST", destination, Outcome::Broken(text), bytes)
    );
    for received in &upstream.received()[1..] {
        assert!(!received.contains('x'), "{received}");
    }
}

#[tokio::test]
async fn what_is_received_is_limited_in_requests_and_in_tunnels() {
    let limits = Limits {
        bytes_down_max: 1000,
        ..Limits::default()
    };
    let outcome = Outcome::Broken(
        "everything received here together would be more than 1000 bytes".to_owned(),
    );
    let upstream = Upstream::answering(ok(1001)).await;
    let port = upstream.port();
    let proxy = proxy_with(&upstream, limits.clone());
    let (answer, seen) = talk(
        &proxy,
        format!("GET http://site.example:{port}/ HTTP/1.1\r\n\r\n"),
    )
    .await;
    assert!(!answer.contains('x'), "{answer}");
    assert_eq!(seen.only().outcome, outcome);

    let upstream = Upstream::answering(vec![7; 1001]).await;
    let proxy = proxy_with(&upstream, limits);
    let connect = format!("CONNECT site.example:{} HTTP/1.1\r\n\r\n", upstream.port());
    let request = [connect.into_bytes(), greeting(Some("site.example"))].concat();
    let (answer, seen) = talk(&proxy, request).await;
    assert!(!answer.contains('\u{7}'), "{answer}");
    assert_eq!(seen.only().outcome, outcome);
}

#[tokio::test]
async fn only_so_many_connections_are_open_at_the_same_time() {
    let upstream = Upstream::answering(ok(1)).await;
    let port = upstream.port();
    let limits = Limits {
        connections_max: 1,
        ..Limits::default()
    };
    let proxy = proxy_with(&upstream, limits);
    let request = format!("GET http://site.example:{port}/ HTTP/1.1\r\n\r\n");
    let text = "1 connections are open at the same time already; wait until one has ended";
    let (first, waiting) = (Seen::default(), tokio::io::duplex(64));
    let second = async {
        let (answer, seen) = talk(&proxy, &request).await;
        assert!(
            answer.starts_with("HTTP/1.1 429 ") && answer.contains(text),
            "{answer}"
        );
        assert_eq!(seen.only().outcome, Outcome::Refused(text.to_owned()));
    };
    // The first one has its place while it is waited for.
    tokio::select! {
        biased;
        () = proxy.serve(waiting.1, &first) => panic!("nobody asked for anything"),
        () = second => {}
    }
    let (answer, _) = talk(&proxy, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn what_several_proxies_may_use_together_is_refused_when_it_is_used_up() {
    let upstream = Upstream::answering(ok(600)).await;
    let port = upstream.port();
    let request = format!("GET http://site.example:{port}/ HTTP/1.1\r\n\r\n");
    let up = u64::try_from(request.len()).unwrap();
    let limits = AllowanceLimits {
        connections_max: 1,
        bytes_per_hour_max: 1000 + up,
    };
    let allowance = Arc::new(Allowance::new("this tenant", limits));
    let proxy = || proxy_with(&upstream, Limits::default()).within(Arc::clone(&allowance));
    let destination = ("site.example", port);

    let held = allowance.enter().unwrap();
    let (answer, seen) = talk(&proxy(), &request).await;
    let text =
        "this tenant has 1 connections open at the same time already; wait until one has ended";
    assert!(
        answer.starts_with("HTTP/1.1 429 ") && answer.contains(text),
        "{answer}"
    );
    let refused = Outcome::Refused(text.to_owned());
    assert_eq!(seen.only(), decision("GET", destination, refused, (0, 0)));
    drop(held);

    let (answer, seen) = talk(&proxy(), &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let through = decision("GET", destination, Outcome::Allowed, (up, 600));
    assert_eq!(seen.only(), through);
    let text = format!(
        "this tenant has moved {} bytes within an hour, which is as much as it may; try again later",
        1000 + up
    );
    let (answer, seen) = talk(&proxy(), &request).await;
    assert!(!answer.contains("xx"), "{answer}");
    assert_eq!(seen.only().outcome, Outcome::Broken(text.clone()));
    // From there on nothing is asked of the destination.
    let asked = upstream.connections();
    let (answer, seen) = talk(&proxy(), &request).await;
    assert!(answer.contains(&text), "{answer}");
    let refused = Outcome::Refused(text);
    assert_eq!(seen.only(), decision("GET", destination, refused, (0, 0)));
    assert_eq!(upstream.connections(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_head_has_its_time_however_busy_its_client_looks() {
    let upstream = Upstream::answering(ok(1)).await;
    let limits = Limits {
        head_ms: 100,
        ..Limits::default()
    };
    let proxy = proxy_with(&upstream, limits);
    let seen = Seen::default();
    let (client, server) = tokio::io::duplex(1);
    let (mut reader, mut writer) = tokio::io::split(client);
    let dripping = async move {
        // More and more of a header that never ends.
        writer
            .write_all(b"GET http://site.example/ HTTP/1.1\r\nx: ")
            .await
            .unwrap();
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let reading = async move {
        let mut answer = String::new();
        reader.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let text = "the client sent no complete request within 100 ms";
    let asking = async move {
        tokio::select! {
            answer = reading => assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains(text), "{answer}"),
            () = dripping => panic!("the proxy closed without a word"),
        }
    };
    tokio::join!(proxy.serve(server, &seen), asking);
    assert_eq!(seen.only().outcome, Outcome::Refused(text.to_owned()));
}

#[tokio::test]
async fn what_does_not_move_or_lasts_too_long_is_closed() {
    for (limits, text) in [
        (
            Limits {
                idle_ms: 50,
                ..Limits::default()
            },
            "nothing moved for 50 ms",
        ),
        (
            Limits {
                total_ms: 50,
                ..Limits::default()
            },
            "the connection lasted 50 ms, which is the longest that one may",
        ),
    ] {
        let silent = Upstream::answering("").await;
        let port = silent.port();
        let proxy = proxy_with(&silent, limits);
        let (answer, seen) = talk(
            &proxy,
            format!("GET http://site.example:{port}/ HTTP/1.1\r\n\r\n"),
        )
        .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 504 Gateway Timeout: {text}\r\n")),
            "{answer}"
        );
        assert_eq!(seen.only().outcome, Outcome::Broken(text.to_owned()));

        let connect = format!("CONNECT site.example:{port} HTTP/1.1\r\n\r\n");
        let request = [connect.into_bytes(), greeting(Some("site.example"))].concat();
        let (_, seen) = talk(&proxy, request).await;
        assert_eq!(seen.only().outcome, Outcome::Broken(text.to_owned()));
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_is_closed() {
    let upstream = Upstream::answering(ok(1_000_000)).await;
    let port = upstream.port();
    let limits = Limits {
        idle_ms: 50,
        ..Limits::default()
    };
    let proxy = proxy_with(&upstream, limits);
    let seen = Seen::default();
    let (mut client, server) = tokio::io::duplex(1024);
    let request = format!("GET http://site.example:{port}/ HTTP/1.1\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    proxy.serve(server, &seen).await;
    assert_eq!(
        seen.only().outcome,
        Outcome::Broken("nothing moved for 50 ms".to_owned())
    );
}
