//! What the guard says when there is no good answer.

use std::time::Duration;

use crate::server::{OK, Server, get, guard, options};
use egress::{ConfigError, Error, Guard, Options, read_capped};
use tokio::net::TcpListener;

/// Every text of an error and of what caused it.
fn all_texts(error: &Error) -> String {
    let mut texts = format!("{error} {error:?}");
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        texts.push_str(&source.to_string());
        next = source.source();
    }
    texts
}

#[tokio::test]
async fn each_way_of_failing_has_its_own_error() {
    let unresolved = guard(&[], &[])
        .execute(get("http://nowhere.example/"))
        .await;
    let error = unresolved.unwrap_err();
    assert!(matches!(error, Error::Resolve { .. }), "{error:?}");
    assert!(error.retry_can_help() && error.nothing_was_sent());

    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = unused.local_addr().unwrap();
    drop(unused);
    let allowed = guard(&[&closed.to_string()], &[]);
    let error = allowed
        .execute(get(&format!("http://{closed}/")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.retry_can_help() && error.nothing_was_sent());

    let garbage = Server::answering("this is not a protocol\r\n\r\n").await;
    let allowed = guard(&[&garbage.entry()], &[]);
    let error = allowed.execute(get(&garbage.url("/"))).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    assert!(error.retry_can_help() && !error.nothing_was_sent());

    let https = garbage.url("/").replace("http:", "https:");
    let error = allowed.execute(get(&https)).await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    assert!(!error.retry_can_help());
}

#[tokio::test]
async fn a_request_ends_at_its_own_time_limit() {
    let silent = Server::answering("").await;
    let guard = guard(&[&silent.entry()], &[]);
    let mut request = get(&silent.url("/"));
    *request.timeout_mut() = Some(Duration::from_millis(50));
    let error = guard.execute(request).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_tls_handshake_that_hangs_ends_at_the_connect_limit() {
    let silent = Server::answering("").await;
    let options = Options {
        connect_timeout_ms: 50,
        ..options(&[&silent.entry()])
    };
    let guard = Guard::new(options).unwrap();
    let https = silent.url("/").replace("http:", "https:");
    let error = guard.execute(get(&https)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn errors_hold_nothing_of_a_url_but_scheme_host_and_port() {
    let garbage = Server::answering("rubbish\r\n\r\n").await;
    let allowed = guard(&[&garbage.entry()], &[]);
    let errors = [
        allowed
            .execute(get(&garbage.url("/hidden-path?token=hidden-query")))
            .await,
        allowed
            .execute(get("http://hidden-user:hidden-pass@a.example/"))
            .await,
        allowed
            .execute(get("http://nowhere.example/hidden-path?hidden-query"))
            .await,
        allowed
            .execute(get("http://127.0.0.1:1/hidden-path#hidden-fragment"))
            .await,
    ];
    for error in errors {
        let texts = all_texts(&error.unwrap_err());
        assert!(!texts.contains("hidden"), "{texts}");
    }
}

#[tokio::test]
async fn a_long_answer_is_cut_at_the_limit() {
    let server = Server::answering(OK).await;
    let guard = guard(&[&server.entry()], &[]);
    for (limit, wanted) in [
        (4, (b"hell".to_vec(), true)),
        (5, (b"hello".to_vec(), false)),
        (100, (b"hello".to_vec(), false)),
        (0, (Vec::new(), true)),
    ] {
        let response = guard.execute(get(&server.url("/"))).await.unwrap();
        assert_eq!(read_capped(response, limit).await.unwrap(), wanted);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello").await;
    let guard = guard(&[&server.entry()], &[]);
    let response = guard.execute(get(&server.url("/"))).await.unwrap();
    let error = read_capped(response, 100).await.unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
}

#[test]
fn a_wrong_entry_is_a_configuration_error() {
    let error = Guard::new(options(&["10.0.0.0/8"])).unwrap_err();
    assert!(matches!(error, ConfigError::Entry { .. }), "{error:?}");
}
