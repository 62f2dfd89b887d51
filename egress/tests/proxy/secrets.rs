//! Secrets that the proxy adds: only for their hosts, and seen by nobody else.

use egress::Hosts;
use egress::header::{AUTHORIZATION, HeaderValue};
use egress::proxy::{Injection, Limits, Outcome, Proxy};

use crate::support::{Upstream, Wanted, talk};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn proxy(upstream: &Upstream, upgrade_to_tls: bool) -> Proxy {
    let port = upstream.port();
    let hosts = Hosts::parse(&[format!("api.example:{port}")]).unwrap();
    let header = (AUTHORIZATION, HeaderValue::from_static("Bearer hidden"));
    let secret = Injection::new(hosts, header, upgrade_to_tls).unwrap();
    let entries = [
        format!("api.example:{port}"),
        format!("other.example:{port}"),
    ];
    Wanted {
        permits: &entries,
        hosts: Some(&entries),
        limits: Limits::default(),
        injections: vec![secret],
        ..Wanted::default()
    }
    .proxy()
}

fn request(host: &str, upstream: &Upstream) -> String {
    let port = upstream.port();
    format!(
        "GET http://{host}:{port}/ HTTP/1.1\r\nauthorization: Bearer own\r\nconnection: authorization\r\n\r\n"
    )
}

#[tokio::test]
async fn a_secret_reaches_its_host_and_neither_client_nor_observer_sees_it() {
    let upstream = Upstream::answering(OK).await;
    let proxy = proxy(&upstream, false);
    let (answer, seen) = talk(&proxy, request("api.example", &upstream)).await;
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let received = upstream.received();
    assert!(
        received[0].contains("authorization: Bearer hidden\r\n"),
        "{received:?}"
    );
    assert!(!received[0].contains("own"), "{received:?}");
    let shown = format!("{answer} {:?} {proxy:?}", seen.only());
    assert!(!shown.contains("hidden"), "{shown}");
}

#[tokio::test]
async fn another_host_at_the_same_port_does_not_get_the_secret() {
    let upstream = Upstream::answering(OK).await;
    let request = request("other.example", &upstream).replace("connection: authorization\r\n", "");
    let (answer, _) = talk(&proxy(&upstream, false), request).await;
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let received = upstream.received();
    assert!(
        received[0].contains("authorization: Bearer own\r\n"),
        "{received:?}"
    );
}

#[tokio::test]
async fn a_secret_for_tls_is_never_sent_without_it() {
    let upstream = Upstream::answering(OK).await;
    let (answer, seen) = talk(&proxy(&upstream, true), request("api.example", &upstream)).await;
    let port = upstream.port();
    let text = format!("api.example:{port} failed the TLS handshake");
    assert!(
        answer.starts_with(&format!("HTTP/1.1 502 Bad Gateway: {text}\r\n")),
        "{answer}"
    );
    assert_eq!(seen.only().outcome, Outcome::Broken(text));
    // A greeting arrived, in which nothing of the request is.
    let received = upstream.received();
    assert!(
        received[0].starts_with('\u{16}') && !received[0].contains("hidden"),
        "{received:?}"
    );
}
