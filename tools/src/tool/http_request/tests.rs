//! What is sent, what is refused before anything is sent, and what repeating a call would do.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agent_core::credential::Credential;
use agent_core::network::{Network, NetworkMode};
use agent_core::secret::Secret;

use super::*;
use crate::options::NetworkOptions;

fn tool(change: impl FnOnce(&mut HttpOptions)) -> HttpRequest {
    let mut options = HttpOptions {
        enabled: true,
        ..HttpOptions::default()
    };
    change(&mut options);
    HttpRequest::new(&options, Guard::new(egress::Options::default()).unwrap())
}

fn prepared(tool: &HttpRequest, arguments: Value) -> Result<egress::Request, String> {
    let arguments = serde_json::from_value(arguments).unwrap();
    tool.prepare(arguments, "key-1", 7)
}

#[test]
fn what_repeating_would_do_follows_from_the_method_and_the_host() {
    let tool = tool(|options| options.key_honoured_by = vec!["pay.example:443".to_owned()]);
    let effect =
        |method: &str, url: &str| tool.effect(&json!({"method": method, "url": url})).unwrap();
    for (method, wanted) in [
        ("GET", EffectClass::Read),
        ("HEAD", EffectClass::Read),
        ("PUT", EffectClass::Repeatable),
        ("DELETE", EffectClass::Repeatable),
        ("POST", EffectClass::Once),
        ("PATCH", EffectClass::Once),
        ("post", EffectClass::Once),
        ("BREW", EffectClass::Once),
    ] {
        assert_eq!(effect(method, "https://other.example/"), wanted, "{method}");
    }
    assert_eq!(
        effect("POST", "https://PAY.example/charges"),
        EffectClass::Repeatable
    );
    assert_eq!(
        effect("POST", "http://pay.example/charges"),
        EffectClass::Once
    );
    assert_eq!(
        effect("POST", "https://pay.example.evil/"),
        EffectClass::Once
    );
    assert_eq!(effect("POST", "not a URL"), EffectClass::Once);
    assert_eq!(tool.effect(&json!({})), Some(EffectClass::Once));
}

#[test]
fn key_and_fence_go_with_every_request() {
    let sent = prepared(
        &tool(|_| ()),
        json!({"method": "POST", "url": "https://a.example/x", "body": "{\"a\": 1}",
            "headers": {"Authorization": "Bearer x"}}),
    )
    .unwrap();
    let header = |name: &str| sent.headers().get(name).unwrap().to_str().unwrap();
    assert_eq!(header("idempotency-key"), "key-1");
    assert_eq!(header("x-fence"), "7");
    assert_eq!(header("authorization"), "Bearer x");
    assert_eq!(header("content-type"), "application/json");
    assert!(sent.timeout().is_some());
}

#[test]
fn headers_of_the_connection_and_our_own_cannot_be_set() {
    let tool = tool(|_| ());
    for name in [
        "Host",
        "Content-Length",
        "Proxy-Authorization",
        "proxy-x",
        "Transfer-Encoding",
        "Connection",
        "Idempotency-Key",
        "X-Fence",
    ] {
        let refused = prepared(
            &tool,
            json!({"method": "GET", "url": "https://a.example/", "headers": {name: "x"}}),
        );
        assert!(refused.unwrap_err().contains("cannot be set"), "{name}");
    }
    for (name, value) in [
        ("bad name", json!("x")),
        ("X-Split", json!("a\r\nb: c")),
        ("X-Number", json!(5)),
    ] {
        let refused = prepared(
            &tool,
            json!({"method": "GET", "url": "https://a.example/", "headers": {name: value}}),
        );
        assert!(refused.is_err(), "{name}");
    }
}

#[test]
fn what_a_model_can_mend_is_said_before_anything_is_sent() {
    let tool = tool(|options| {
        options.hosts = vec!["a.example".to_owned()];
        options.body_bytes_max = 3;
    });
    for (arguments, words) in [
        (
            json!({"method": "BREW", "url": "https://a.example/"}),
            "the methods are",
        ),
        (json!({"method": "GET", "url": "a.example"}), "is not a URL"),
        (
            json!({"method": "GET", "url": "https://b.example/"}),
            "only: a.example",
        ),
        (
            json!({"method": "PUT", "url": "https://a.example/", "body": "long"}),
            "at most 3",
        ),
    ] {
        let refused = prepared(&tool, arguments).unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
}

#[test]
fn a_body_that_is_not_text_is_only_counted() {
    assert_eq!(body_text(b"plain".to_vec()), "plain");
    assert_eq!(
        body_text(vec![0x89, b'P', b'N', b'G']),
        "[4 bytes that are not text]"
    );
    assert_eq!(body_text(vec![b'a', 0xc3]), "a\u{fffd}");
}

#[test]
fn a_request_is_told_by_its_method_and_place_and_by_nothing_that_may_be_secret() {
    let tool = tool(|_| ());
    let told = |arguments: Value| tool.summary(&arguments).unwrap_or_default();
    let whole = json!({
        "body": "password=hunter2",
        "headers": {"authorization": "Bearer hunter2"},
        "url": "https://bob:hunter2@shop.example:8443/orders/17?api_key=hunter2#hunter2",
        "method": "post",
    });
    assert_eq!(told(whole), "POST https://shop.example:8443/orders/17");
    let short = json!({"method": "PUT", "url": "http://shop.example"});
    assert_eq!(told(short), "PUT http://shop.example/");
    assert_eq!(told(json!({"method": "POST", "url": "hunter2"})), "POST");
    assert_eq!(told(json!({"method": "hunter2", "body": "hunter2"})), "");
}

#[test]
fn a_task_reaches_what_its_submit_said_within_what_the_operator_lets_any_reach_today() {
    use NetworkMode::{AllowList, None as Nowhere, Open};
    let guard = Guard::new(egress::Options::default()).unwrap();
    let operator = NetworkOptions {
        mode: AllowList,
        hosts: vec!["*.example".to_owned()],
        ..NetworkOptions::default()
    };
    let gate = Gate::new(&operator, &guard).unwrap();
    for (granted, says) in [
        (None, None),
        (Some((Nowhere, None)), Some("was given no network")),
        (Some((AllowList, Some("a.example"))), None),
        (
            Some((AllowList, Some("b.example"))),
            Some("a.example:443 is not among the hosts that this task may reach: b.example"),
        ),
        (
            Some((AllowList, Some("a.elsewhere"))),
            Some("is not granted any more"),
        ),
        (Some((Open, None)), Some("is not granted any more")),
    ] {
        let network = granted.map(|(mode, host)| Network {
            mode,
            hosts: host.into_iter().map(str::to_owned).collect(),
        });
        let grants = Grants {
            network,
            ..Grants::default()
        };
        let said = refused(&gate, &grants, "a.example", 443);
        assert_eq!(said.is_some(), says.is_some(), "{granted:?}: {said:?}");
        let said = said.unwrap_or_default();
        assert!(said.contains(says.unwrap_or_default()), "{said}");
    }
}

#[test]
fn a_secret_goes_to_its_hosts_only_and_not_in_the_clear_to_the_port_of_tls() {
    let grants = Grants {
        credentials: vec![Credential {
            name: "shop".parse().unwrap(),
            hosts: ["api.example.com", "plain.example.com:8080"]
                .map(|host| host.parse().unwrap())
                .to_vec(),
            header: "Authorization".parse().unwrap(),
            value: Secret::new("Bearer hidden"),
            secret: Secret::new("hidden"),
        }],
        ..Grants::default()
    };
    for (url, is_sent) in [
        ("https://api.example.com/", true),
        ("http://api.example.com/", false),
        ("http://api.example.com:443/", false),
        ("https://api.example.com:8443/", false),
        ("https://other.example.com/", false),
        ("http://plain.example.com:8080/", true),
    ] {
        let headers = json!({"Authorization": "mine"});
        let asked = json!({"method": "GET", "url": url, "headers": headers});
        let mut request = prepared(&tool(|_| ()), asked).unwrap();
        add_secrets(&grants, &mut request).unwrap();
        let wanted = if is_sent { "Bearer hidden" } else { "mine" };
        assert_eq!(request.headers()["authorization"], wanted, "{url}");
    }
}
