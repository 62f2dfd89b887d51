//! A GET that follows redirects.

use std::time::Duration;

use egress::header::{ACCEPT, AUTHORIZATION, COOKIE, HeaderMap};
use egress::{Error, Follow, FollowError, Guard, Hosts, Reason, Response};

use crate::server::{Answers, OK, Server, guard, options};

const ANY: Follow<'static> = Follow {
    hosts: None,
    redirects_max: 3,
    timeout: None,
};

fn to(location: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, "text/html".parse().unwrap());
    headers.insert(AUTHORIZATION, "Bearer hidden".parse().unwrap());
    headers.insert(COOKIE, "hidden=1".parse().unwrap());
    headers
}

async fn follow(guard: &Guard, url: &str, how: &Follow<'_>) -> Result<Response, FollowError> {
    trip(guard, url, how).await.1
}

/// Where it was asked, and what came of it.
async fn trip(
    guard: &Guard,
    url: &str,
    how: &Follow<'_>,
) -> (Vec<String>, Result<Response, FollowError>) {
    let followed = guard.follow(url.parse().unwrap(), headers(), how).await;
    let asked = followed.asked.iter().map(ToString::to_string).collect();
    (asked, followed.answer)
}

#[tokio::test]
async fn redirects_are_followed_and_credentials_stay_with_their_origin() {
    let last = Server::answering(OK).await;
    let second = Server::answering(to(&last.url("/c"))).await;
    let first = Server::answering(to(&second.url("/b"))).await;
    let guard = guard(&[&first.entry(), &second.entry(), &last.entry()], &[]);
    let (asked, response) = trip(&guard, &first.url("/a"), &ANY).await;
    assert_eq!(asked, [first.url("/a"), second.url("/b"), last.url("/c")]);
    let response = response.unwrap();
    assert_eq!(response.url().as_str(), last.url("/c"));
    assert_eq!(response.text().await.unwrap(), "hello");
    assert!(first.requests()[0].contains("Bearer hidden"));
    for server in [&second, &last] {
        let request = &server.requests()[0];
        assert!(
            !request.contains("hidden") && request.contains("accept: text/html"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_redirect_within_an_origin_keeps_the_headers_and_may_be_relative() {
    let server = Server::answering(to("../b?c")).await;
    let guard = guard(&[&server.entry()], &[]);
    let (asked, answer) = trip(&guard, &server.url("/x/y"), &ANY).await;
    assert_eq!(asked.len(), 4, "{asked:?}");
    let error = answer.unwrap_err();
    assert!(
        !error.is_refusal()
            && matches!(
                error,
                FollowError::TooMany {
                    redirects_max: 3,
                    ..
                }
            ),
        "{error:?}"
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(
        requests[1].starts_with("GET /b?c HTTP/1.1\r\n") && requests[1].contains("Bearer hidden")
    );
}

#[tokio::test]
async fn every_redirect_is_judged_like_a_first_request() {
    for (location, wanted) in [
        ("http://127.0.0.1/", "loopback"),
        ("//10.0.0.5/x", "private"),
        ("http://0xa9fea9fe/", "metadata"),
        ("http://[::ffff:192.168.1.1]/", "private"),
        ("https://user:pw@site.example/", "user name"),
        ("ftp://site.example/", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("http://site.example:22/", "neither 80 nor 443"),
        ("http://inside.example/", "private"),
    ] {
        let server = Server::answering(to(location)).await;
        let guard = guard(&[&server.entry()], &[&["10.1.2.3"]]);
        let error = follow(&guard, &server.url("/"), &ANY).await.unwrap_err();
        let text = error.to_string();
        let is_forbidden = matches!(error, FollowError::Request(Error::Forbidden { .. }));
        assert!(is_forbidden && text.contains(wanted), "{location}: {text}");
    }
}

#[tokio::test]
async fn only_listed_hosts_are_asked_also_where_a_redirect_leads() {
    let elsewhere = Server::answering(OK).await;
    let server = Server::answering(to(&elsewhere.url("/hidden"))).await;
    let guard = guard(&[&server.entry(), &elsewhere.entry()], &[]);
    let hosts = Hosts::parse(&[server.entry()]).unwrap();
    let how = Follow {
        hosts: Some(&hosts),
        ..ANY
    };
    let (asked, answer) = trip(&guard, &server.url("/"), &how).await;
    assert_eq!(
        asked,
        [server.url("/"), elsewhere.url("/hidden")],
        "what was refused is the last"
    );
    let error = answer.unwrap_err();
    assert!(error.is_refusal(), "{error:?}");
    let (origin, entry) = (elsewhere.url(""), server.entry());
    assert_eq!(
        error.to_string(),
        format!("{origin} is not on the list of allowed hosts ({entry})")
    );
    let error = follow(&guard, &elsewhere.url("/"), &how).await.unwrap_err();
    assert!(matches!(error, FollowError::NotListed { .. }), "{error:?}");
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_list_opens_its_ports_for_public_addresses_alone() {
    let guard = Guard::with_resolver(options(&[]), Answers::new(&[&["10.0.0.5"]])).unwrap();
    let hosts = Hosts::parse(&["site.example:8443".to_owned()]).unwrap();
    let how = Follow {
        hosts: Some(&hosts),
        ..ANY
    };
    let error = follow(&guard, "https://site.example:8443/", &how)
        .await
        .unwrap_err();
    let FollowError::Request(Error::Forbidden { reason, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(matches!(reason, Reason::Address { .. }), "{reason:?}");
}

#[tokio::test]
async fn what_is_no_redirect_is_returned_and_what_leads_nowhere_is_an_error() {
    for answer in [
        "HTTP/1.1 302 Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nlocation: /x\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 300 Multiple Choices\r\nlocation: /x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    ] {
        let server = Server::answering(answer).await;
        let guard = guard(&[&server.entry()], &[]);
        let response = follow(&guard, &server.url("/"), &ANY).await.unwrap();
        assert!(response.status().is_redirection());
    }
    let server = Server::answering(to("http://[")).await;
    let guard = guard(&[&server.entry()], &[]);
    let error = follow(&guard, &server.url("/"), &ANY).await.unwrap_err();
    assert!(matches!(error, FollowError::Location { .. }), "{error:?}");
}

#[tokio::test]
async fn redirects_share_one_time_limit() {
    let silent = Server::answering("").await;
    let first = Server::answering(to(&silent.url("/"))).await;
    let guard = guard(&[&first.entry(), &silent.entry()], &[]);
    let how = Follow {
        timeout: Some(Duration::from_millis(200)),
        ..ANY
    };
    let (asked, answer) = trip(&guard, &first.url("/"), &how).await;
    assert_eq!(asked, [first.url("/"), silent.url("/")]);
    let error = answer.unwrap_err();
    let is_late = matches!(error, FollowError::Request(Error::Timeout { .. }));
    assert!(is_late, "{error:?}");
}
