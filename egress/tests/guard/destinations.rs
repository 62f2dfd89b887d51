//! Where the guard lets a request go, and where not.

use std::sync::Arc;

use crate::server::{Answers, OK, Server, get, guard, options};
use egress::{Error, Guard, Reason, Special};

fn reason(error: Error) -> Reason {
    if let Error::Forbidden { reason, .. } = error {
        return reason;
    }
    panic!("not forbidden, but {error:?}");
}

fn refusal(guard: &Guard, url: &str) -> Reason {
    reason(guard.check_url(&url.parse().unwrap()).unwrap_err())
}

#[tokio::test]
async fn a_loopback_address_is_reached_if_the_operator_named_it() {
    let server = Server::answering(OK).await;
    let guard = guard(&[&server.entry()], &[]);
    let response = guard.execute(get(&server.url("/"))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_name_that_leads_to_loopback_is_reached_if_the_operator_named_it() {
    let server = Server::answering(OK).await;
    let port = server.address.port();
    let guard = guard(&[&format!("models.lan:{port}")], &[&["127.0.0.1"]]);
    let url = format!("http://models.lan:{port}/");
    assert_eq!(guard.execute(get(&url)).await.unwrap().status(), 200);
    // The same with the trailing dot, and the server is told the name without it.
    let url = format!("http://MODELS.lan.:{port}/");
    assert_eq!(guard.execute(get(&url)).await.unwrap().status(), 200);
    let host = format!("host: models.lan:{port}\r\n");
    assert!(
        server.requests()[1].contains(&host),
        "{:?}",
        server.requests()
    );
}

#[tokio::test]
async fn a_loopback_address_that_nobody_named_is_refused_and_the_text_says_how_to_permit_it() {
    let server = Server::answering(OK).await;
    let error = guard(&[], &[])
        .execute(get(&server.url("/")))
        .await
        .unwrap_err();
    let origin = server.url("");
    let entry = server.entry();
    assert_eq!(
        error.to_string(),
        format!(
            "{origin} is not allowed: it is a loopback address; to permit it, the operator adds \"{entry}\" to allow_private"
        )
    );
    assert!(!error.retry_can_help());
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_returned_and_not_followed() {
    let elsewhere = Server::answering(OK).await;
    let location = elsewhere.url("/secret");
    let server = Server::answering(format!(
        "HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    let guard = guard(&[&server.entry(), &elsewhere.entry()], &[]);
    let response = guard.execute(get(&server.url("/"))).await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], location);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused() {
    let guard = guard(&[], &[&["10.1.2.3"]]);
    let error = guard
        .execute(get("https://intranet.example/"))
        .await
        .unwrap_err();
    assert_eq!(
        reason(error),
        Reason::Address {
            special: Special::Private,
            entry: "intranet.example:443".to_owned()
        }
    );
}

#[tokio::test]
async fn one_private_answer_among_public_ones_refuses_the_whole_request() {
    for answers in [
        ["93.184.216.34", "127.0.0.1"],
        ["127.0.0.1", "2606:4700::1111"],
    ] {
        let guard = guard(&[], &[&answers]);
        let error = guard
            .execute(get("http://mixed.example/"))
            .await
            .unwrap_err();
        assert!(matches!(
            reason(error),
            Reason::Address {
                special: Special::Loopback,
                ..
            }
        ));
    }
}

#[tokio::test]
async fn a_name_cannot_lead_elsewhere_after_it_was_checked() {
    let permitted = Server::answering(OK).await;
    let port = permitted.address.port();
    let forbidden = Server::on(&format!("127.0.0.2:{port}"), OK).await;
    let answers = Answers::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let resolver: Arc<Answers> = Arc::clone(&answers);
    let guard = Guard::with_resolver(options(&[&permitted.entry()]), resolver).unwrap();
    let url = format!("http://rebinding.example:{port}/");

    assert_eq!(guard.execute(get(&url)).await.unwrap().status(), 200);
    assert_eq!(
        answers.lookups(),
        1,
        "what was checked is what was connected to"
    );
    // The server closed the connection, so this one needs a new one, a new answer and a new check.
    assert!(matches!(
        reason(guard.execute(get(&url)).await.unwrap_err()),
        Reason::Address {
            special: Special::Loopback,
            ..
        }
    ));
    assert_eq!((permitted.connections(), forbidden.connections()), (1, 0));
}

#[test]
fn every_spelling_of_an_address_is_judged_as_the_address() {
    let guard = guard(&[], &[]);
    for (host, wanted) in [
        ("127.1", Special::Loopback),
        ("0177.0.0.1", Special::Loopback),
        ("0x7f.1", Special::Loopback),
        ("2130706433", Special::Loopback),
        ("0x7f000001", Special::Loopback),
        ("127.0.0.1.", Special::Loopback),
        ("%31%32%37.0.0.1", Special::Loopback),
        ("①②⑦.⓪.⓪.①", Special::Loopback),
        ("0", Special::Unspecified),
        ("[::]", Special::Unspecified),
        ("[::ffff:7f00:1]", Special::Loopback),
        ("[::127.0.0.1]", Special::Loopback),
        ("[64:ff9b::a9fe:a9fe]", Special::Translated),
        ("[fe80::1]", Special::LinkLocal),
        ("0xa9fea9fe", Special::Metadata),
        ("168.63.129.16", Special::Metadata),
        ("10.0x100", Special::Private),
    ] {
        let reason = refusal(&guard, &format!("http://{host}/"));
        assert!(
            matches!(reason, Reason::Address { special, .. } if special == wanted),
            "{host}: {reason:?}"
        );
    }
}

#[test]
fn what_is_not_a_plain_web_url_is_refused() {
    let guard = guard(&[], &[]);
    assert_eq!(refusal(&guard, "ftp://a.example/"), Reason::Scheme);
    assert_eq!(refusal(&guard, "file:///etc/passwd"), Reason::Scheme);
    assert_eq!(refusal(&guard, "https://user@a.example/"), Reason::Userinfo);
    assert_eq!(
        refusal(&guard, "https://:pass@a.example/"),
        Reason::Userinfo
    );
    assert_eq!(refusal(&guard, "https://a..example/"), Reason::Host);
    assert_eq!(refusal(&guard, "https://./"), Reason::Host);
    assert_eq!(
        refusal(&guard, "https://a.example:22/"),
        Reason::Port {
            port: 22,
            entry: "a.example:22".to_owned()
        }
    );
    guard
        .check_url(&"https://a.example/path".parse().unwrap())
        .unwrap();
    // Zone ids and stray bytes do not even parse.
    for url in [
        "http://[fe80::1%25eth0]/",
        "http://a b/",
        "http://a%00b/",
        "http://a%2fb/",
    ] {
        assert!(url.parse::<egress::Url>().is_err(), "{url}");
    }
}

#[tokio::test]
async fn a_configured_endpoint_is_permitted_to_its_own_guard_only() {
    let server = Server::answering(OK).await;
    let for_webhooks = guard(&[], &[]);
    let endpoint = server.url("/v1").parse().unwrap();
    let for_models = for_webhooks.with_operator_targets(&[endpoint]).unwrap();
    let answered = for_models.execute(get(&server.url("/v1/models"))).await;
    assert_eq!(answered.unwrap().status(), 200);
    assert!(for_webhooks.execute(get(&server.url("/"))).await.is_err());
}

#[tokio::test]
async fn a_host_header_cannot_name_another_site() {
    let server = Server::answering(OK).await;
    let guard = guard(&[&server.entry()], &[]);
    let mut request = get(&server.url("/"));
    let other = "internal.example".parse().unwrap();
    request.headers_mut().insert("host", other);
    guard.execute(request).await.unwrap();
    let host = format!("host: {}\r\n", server.entry());
    assert!(
        server.requests()[0].contains(&host),
        "{:?}",
        server.requests()
    );
}

#[test]
fn proxies_named_in_the_environment_are_not_used() {
    // The variables can only be set safely for another process: another run of the first test.
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program)
        .args([
            "--exact",
            "destinations::a_loopback_address_is_reached_if_the_operator_named_it",
        ])
        .envs(
            ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
                .map(|name| (name, "http://127.0.0.1:1")),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
