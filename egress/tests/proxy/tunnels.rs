//! CONNECT: what passes, and what is held back before a byte goes out.

use egress::proxy::{Limits, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Answers, Seen, Upstream, Wanted, decision, greeting, proxy_to, talk};

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

fn connect(host: &str, port: u16) -> Vec<u8> {
    format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: other.example\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn bytes_pass_in_both_directions_once_the_greeting_names_the_host() {
    let upstream = Upstream::answering("pong").await;
    let proxy = proxy_to(&upstream);
    let greeting = greeting(Some("Site.Example"));
    let request = [connect("SITE.example.", upstream.port()), greeting.clone()].concat();
    let seen = Seen::default();
    let (mut client, server) = tokio::io::duplex(1024);
    let asking = async {
        client.write_all(&request).await.unwrap();
        let mut answer = vec![0; ESTABLISHED.len() + 4];
        client.read_exact(&mut answer).await.unwrap();
        // The destination has closed, and so the tunnel ends with the client's own end.
        drop(client);
        answer
    };
    let ((), answer) = tokio::join!(proxy.serve(server, &seen), asking);
    assert_eq!(
        String::from_utf8_lossy(&answer),
        format!("{ESTABLISHED}pong")
    );
    assert_eq!(upstream.received(), [String::from_utf8_lossy(&greeting)]);
    let sent = u64::try_from(greeting.len()).unwrap();
    let destination = ("site.example", upstream.port());
    let wanted = decision("CONNECT", destination, Outcome::Allowed, (sent, 4));
    assert_eq!(seen.only(), wanted);
}

#[tokio::test]
async fn a_greeting_that_comes_byte_by_byte_passes_whole() {
    let upstream = Upstream::answering("pong").await;
    let proxy = proxy_to(&upstream);
    let seen = Seen::default();
    // The pipe holds one byte.
    let (mut client, server) = tokio::io::duplex(1);
    let request = [
        connect("site.example", upstream.port()),
        greeting(Some("site.example")),
    ]
    .concat();
    let asking = async {
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        let mut answer = vec![0; ESTABLISHED.len() + 4];
        let (written, read) =
            tokio::join!(writer.write_all(&request), reader.read_exact(&mut answer));
        written.unwrap();
        read.unwrap();
        drop(client);
    };
    tokio::join!(proxy.serve(server, &seen), asking);
    assert_eq!(seen.only().outcome, Outcome::Allowed);
}

#[tokio::test]
async fn nothing_goes_out_unless_the_greeting_is_for_the_tunnels_host() {
    let upstream = Upstream::answering("pong").await;
    let name = format!("site.example:{}", upstream.port());
    for (sent, wanted) in [
        (
            greeting(Some("other.example")),
            format!("the TLS greeting names another server than the tunnel to {name}"),
        ),
        (
            greeting(Some("a.site.example")),
            format!("the TLS greeting names another server than the tunnel to {name}"),
        ),
        (
            greeting(None),
            format!("the TLS greeting in the tunnel to {name} names no server, so the host cannot be checked"),
        ),
        (
            b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00".to_vec(),
            "the TLS greeting cannot be understood: it is not a client's first message".to_owned(),
        ),
        (
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            "only TLS may be spoken in a tunnel, and this is something else; ask for http:// URLs without a tunnel".to_owned(),
        ),
    ] {
        let request = [connect("site.example", upstream.port()), sent].concat();
        let (answer, seen) = talk(&proxy_to(&upstream), request).await;
        let destination = ("site.example", upstream.port());
        let refused = Outcome::Refused(wanted.clone());
        assert_eq!(seen.only(), decision("CONNECT", destination, refused, (0, 0)));
        let (_, inside) = answer.split_once(ESTABLISHED).unwrap();
        // In TLS, an alert says it; otherwise the text does.
        assert!(inside.starts_with("\u{15}\u{3}\u{3}") || inside.contains(&wanted), "{inside:?}");
    }
    // The connections were made before the greetings came, and closed without a byte.
    assert!(
        upstream.received().iter().all(String::is_empty),
        "{:?}",
        upstream.received()
    );
}

#[tokio::test]
async fn a_tunnel_to_an_address_has_no_name_in_its_greeting() {
    let upstream = Upstream::answering("pong").await;
    let entry = upstream.address.to_string();
    let proxy = Wanted {
        permits: std::slice::from_ref(&entry),
        hosts: Some(std::slice::from_ref(&entry)),
        ..Wanted::default()
    }
    .proxy();
    for (name, is_let_through) in [
        (None, true),
        (Some("site.example"), false),
        (Some("127.0.0.1"), false),
    ] {
        let request = [connect("127.0.0.1", upstream.port()), greeting(name)].concat();
        let seen = Seen::default();
        let (mut client, server) = tokio::io::duplex(1024);
        let asking = async {
            client.write_all(&request).await.unwrap();
            let mut answer = vec![0; ESTABLISHED.len() + 4];
            client.read_exact(&mut answer).await.unwrap();
            drop(client);
        };
        tokio::join!(proxy.serve(server, &seen), asking);
        let refused = matches!(seen.only().outcome, Outcome::Refused(_));
        assert_eq!(!refused, is_let_through, "{name:?}");
    }
}

#[tokio::test]
async fn the_greeting_of_a_real_client_passes() {
    let upstream = Upstream::answering("this is not TLS").await;
    let proxy = proxy_to(&upstream);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through =
        reqwest::Proxy::all(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let client = reqwest::Client::builder().proxy(through).build().unwrap();
    let url = format!("https://site.example:{}/hidden", upstream.port());
    let seen = Seen::default();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        proxy.serve(stream, &seen).await;
    };
    let ((), failed) = tokio::join!(serving, client.get(url).send());
    // It got what the destination said, and that was not TLS.
    failed.unwrap_err();
    let decision = seen.only();
    assert_eq!(decision.method, "CONNECT");
    assert!(
        !matches!(decision.outcome, Outcome::Refused(_)),
        "{decision:?}"
    );
    assert!(upstream.received()[0].starts_with('\u{16}'));
}

#[tokio::test]
async fn a_tunnel_that_may_not_be_made_is_refused_before_the_name_is_looked_up_where_that_is_known()
{
    let upstream = Upstream::answering("pong").await;
    let resolver = Answers::new(&[&["10.0.0.5"]]);
    let listed = [
        "site.example".to_owned(),
        "10.0.0.5".to_owned(),
        "site.example:8443".to_owned(),
    ];
    let proxy = Wanted {
        hosts: Some(&listed),
        resolver: resolver.clone(),
        ..Wanted::default()
    }
    .proxy();
    for (host, port, lookups, wanted) in [
        (
            "other.example",
            443,
            0,
            "is not on the list of hosts that may be reached from here (site.example, 10.0.0.5, site.example:8443)",
        ),
        ("site.example", 22, 0, "is not on the list"),
        ("10.0.0.5", 443, 0, "it is a private address"),
        ("site.example", 443, 1, "it is a private address"),
        ("site.example", 8443, 1, "it is a private address"),
    ] {
        let before = resolver.lookups();
        let (answer, seen) = talk(&proxy, connect(host, port)).await;
        assert_eq!(resolver.lookups() - before, lookups, "{host}:{port}");
        assert!(
            answer.starts_with("HTTP/1.1 403 Forbidden: ") && answer.contains(wanted),
            "{answer}"
        );
        let only = seen.only();
        assert!(
            matches!(&only.outcome, Outcome::Refused(reason) if reason.contains(wanted)),
            "{only:?}"
        );
        let destination = only.destination.unwrap();
        assert_eq!((destination.host.as_str(), destination.port), (host, port));
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_a_second_answer_is_never_used() {
    let upstream = Upstream::answering("pong").await;
    let resolver = Answers::new(&[&["127.0.0.1"], &["10.0.0.5"]]);
    // What is permitted is the address, so another answer would be refused.
    let proxy = Wanted {
        permits: &[upstream.address.to_string()],
        resolver: resolver.clone(),
        ..Wanted::default()
    }
    .proxy();
    let request = [
        connect("site.example", upstream.port()),
        greeting(Some("other.example")),
    ]
    .concat();
    let (answer, _) = talk(&proxy, &request).await;
    assert!(answer.starts_with(ESTABLISHED), "{answer}");
    assert_eq!((resolver.lookups(), upstream.connections()), (1, 1));
    let (answer, _) = talk(&proxy, &request).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!((resolver.lookups(), upstream.connections()), (2, 1));
}

#[tokio::test]
async fn one_forbidden_address_among_others_refuses_the_tunnel() {
    let upstream = Upstream::answering("pong").await;
    for answers in [["127.0.0.1", "10.0.0.5"], ["10.0.0.5", "127.0.0.1"]] {
        let proxy = Wanted {
            permits: &[upstream.address.to_string()],
            resolver: Answers::new(&[&answers]),
            ..Wanted::default()
        }
        .proxy();
        let (answer, _) = talk(&proxy, connect("site.example", upstream.port())).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn addresses_are_tried_in_their_order_until_one_answers() {
    let upstream = Upstream::answering("pong").await;
    let entry = format!("site.example:{}", upstream.port());
    // Nobody listens at the first one.
    let proxy = Wanted {
        permits: &[entry],
        resolver: Answers::new(&[&["127.0.0.9", "127.0.0.1"]]),
        ..Wanted::default()
    }
    .proxy();
    let request = [connect("site.example", upstream.port()), greeting(None)].concat();
    let (answer, _) = talk(&proxy, request).await;
    assert!(answer.starts_with(ESTABLISHED), "{answer}");
}

#[tokio::test]
async fn a_destination_that_cannot_be_reached_is_named_in_the_answer() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = unused.local_addr().unwrap().port();
    drop(unused);
    let entry = format!("site.example:{port}");
    let closed = Wanted {
        permits: std::slice::from_ref(&entry),
        ..Wanted::default()
    };
    let unknown = Wanted {
        permits: std::slice::from_ref(&entry),
        resolver: Answers::new(&[]),
        ..Wanted::default()
    };
    for (wanted, text) in [
        (
            closed,
            format!("could not connect to site.example:{port} (connection refused)"),
        ),
        (
            unknown,
            format!("the host of site.example:{port} could not be resolved"),
        ),
    ] {
        let (answer, seen) = talk(&wanted.proxy(), connect("site.example", port)).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 502 Bad Gateway: {text}\r\n")),
            "{answer}"
        );
        assert_eq!(seen.only().outcome, Outcome::Broken(text));
    }
}

#[tokio::test]
async fn a_tunnel_given_up_by_its_owner_is_observed_with_what_it_moved() {
    let upstream = Upstream::answering("").await;
    let proxy = proxy_to(&upstream);
    let seen = Seen::default();
    let (mut client, server) = tokio::io::duplex(1024);
    let greeting = greeting(Some("site.example"));
    let request = [connect("site.example", upstream.port()), greeting.clone()].concat();
    let asking = async {
        client.write_all(&request).await.unwrap();
        while upstream.received().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = proxy.serve(server, &seen) => panic!("the tunnel ended by itself"),
        () = asking => {}
    }
    let destination = ("site.example", upstream.port());
    let outcome = Outcome::Broken("the run ended first".to_owned());
    let sent = u64::try_from(greeting.len()).unwrap();
    assert_eq!(
        seen.only(),
        decision("CONNECT", destination, outcome, (sent, 0))
    );
}

#[tokio::test]
async fn a_client_that_sends_no_greeting_is_not_waited_for() {
    let upstream = Upstream::answering("pong").await;
    let entry = format!("site.example:{}", upstream.port());
    let proxy = Wanted {
        permits: &[entry],
        limits: Limits {
            head_ms: 50,
            ..Limits::default()
        },
        ..Wanted::default()
    }
    .proxy();
    let request = [connect("site.example", upstream.port()), vec![22, 3, 1]].concat();
    let (_, seen) = talk(&proxy, request).await;
    let outcome = Outcome::Refused("the client sent no complete request within 50 ms".to_owned());
    let destination = ("site.example", upstream.port());
    assert_eq!(
        seen.only(),
        decision("CONNECT", destination, outcome, (0, 0))
    );
    assert!(upstream.received().iter().all(String::is_empty));
}
