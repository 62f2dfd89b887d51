//! The network of commands: through the one way out, to the hosts that a task was given, with secrets that only it knows.
//!
//! The servers are on 127.0.0.2, because programs reach 127.0.0.1 of their own computer without the proxy.

use serde_json::{Value, json};

use crate::by_hand::{here, said};
use crate::installation::Installation;
use crate::scripts::calls_in_turn;
use crate::secrets::{fed, holding};
use crate::shop::Shop;

const CANARY: &str = "canary-of-the-way-out";

fn reaching(here: &mut Installation, addresses: &[&str]) {
    here.set("ERRAND_TOOLS__NETWORK__MODE", "allow_list");
    here.set(
        "ERRAND_TOOLS__NETWORK__HOSTS",
        &json!(addresses).to_string(),
    );
    here.set(
        "ERRAND_EGRESS__ALLOW_PRIVATE",
        &json!(addresses).to_string(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_reaches_the_hosts_that_were_named_and_nothing_else() {
    let (shop, address) = Shop::open_at("127.0.0.2", 0).await;
    let (other, other_address) = Shop::open_at("127.0.0.2", 0).await;
    let mut here = here();
    reaching(&mut here, &[&address, &other_address]);
    let command = format!(
        "curl -sS http://{address}/named; echo; \
         curl -sS -m 5 http://{other_address}/unnamed; echo; \
         curl -sS -m 5 --noproxy '*' http://{address}/direct; \
         getent hosts example.com; ls /sys/class/net 2>&1; cut -d: -f1 /proc/net/dev"
    );
    let run = [
        "sandbox",
        "run",
        "--host",
        &address,
        "--",
        "/usr/bin/bash",
        "-c",
        &command,
    ];
    let output = here.run(&run);
    let (out, err) = said(&output);
    assert!(out.starts_with("order 17\n"), "{out}{err}");
    assert!(out.contains("is not"), "the proxy says why: {out}{err}");
    assert!(
        err.contains(&format!("network: {address} let through, 1 times")),
        "{err}"
    );
    assert!(err.contains("\nnetwork: allow_list (1 host)\n"), "{err}");
    assert!(
        err.contains(&format!("network: {other_address} refused, 1 times")),
        "{err}"
    );
    let paths: Vec<String> = shop.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/named"]);
    assert_eq!(other.seen(), []);
    // No more than the operator lets tasks reach.
    let refused = here.run(&["sandbox", "run", "--network", "open", "--", "/usr/bin/true"]);
    let (_, err) = said(&refused);
    assert!(
        !refused.status.success() && err.contains("tools.network.mode"),
        "{err}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_may_move_within_an_hour_is_refused_with_its_name_when_it_is_used_up() {
    let (shop, address) = Shop::open_at("127.0.0.2", 0).await;
    let mut here = here();
    reaching(&mut here, &[&address]);
    // Enough for one request and its answer.
    here.set("ERRAND_TOOLS__NETWORK__LIMITS__BYTES_DOWN_MAX", "100");
    here.set(
        "ERRAND_TOOLS__NETWORK__PER_TENANT__BYTES_PER_HOUR_MAX",
        "200",
    );
    let command = format!("for i in 1 2 3; do curl -sS http://{address}/$i; echo; done");
    let run = ["sandbox", "run", "--host", &address, "--"];
    let shell = ["/usr/bin/bash", "-c", &command];
    let (out, err) = said(&here.run(&[&run[..], &shell[..]].concat()));
    assert!(out.starts_with("order 17\n"), "{out}{err}");
    let used_up =
        "this tenant, over all its tasks on this machine, has moved 200 bytes within an hour";
    assert!(out.contains(used_up), "{out}{err}");
    let refused = format!("network: {address} refused, 1 times: {used_up}");
    assert!(err.contains(&refused), "{err}");
    let paths: Vec<String> = shop.seen().into_iter().map(|seen| seen.path).collect();
    assert!(!paths.contains(&"/3".to_owned()), "{paths:?}");
}

#[test]
fn a_command_without_a_grant_is_told_so_and_runs_nothing() {
    let mut here = here();
    here.set("ERRAND_TOOLS__NETWORK__MODE", "open");
    let call =
        json!({"command": "touch ran; curl http://example.com", "network": true}).to_string();
    let (out, _) = said(&here.run(&["tools", "call", "shell", &call]));
    let result: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(result["ok"], false);
    assert!(
        result["content"]
            .as_str()
            .unwrap()
            .contains("given no network"),
        "{result}"
    );
    assert_eq!(result["changed_files"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_its_host_and_is_found_nowhere_else() {
    let (shop, address) = Shop::open_at("127.0.0.2", 0).await;
    let command = format!(
        "curl -sS http://{address}/orders -H 'Authorization: mine'; env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'"
    );
    let by_request = json!({"method": "GET", "url": format!("http://{address}/again")});
    let download = json!({"url": format!("http://{address}/file"), "path": "order.txt"});
    let calls = [
        json!({"name": "shell", "arguments": {"command": command, "network": true}}),
        json!({"name": "http_request", "arguments": by_request}),
        json!({"name": "file_download", "arguments": download}),
    ];
    let mut here = Installation::new(calls_in_turn(&calls)).await;
    reaching(&mut here, &[&address]);
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true");
    here.set("ERRAND_LOG__FILTER", "trace");
    let server = here.serve();
    let stored = fed(
        &here,
        &["secret", "set", "shop", "--host", &address],
        CANARY,
    );
    assert!(stored.status.success(), "{stored:?}");
    let submitted = here.json(&[
        "submit",
        "Make the calls.",
        "--secret",
        "shop",
        "--host",
        &address,
        // A program with the network and a secret in reach needs consent otherwise.
        "--send-to",
        &address,
        "--json",
    ]);
    let task = submitted["id"].as_str().unwrap().to_owned();
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert_eq!(
        view["network"],
        json!({"mode": "allow_list", "hosts": [address]})
    );
    let log = String::from_utf8(here.run(&["logs", &task, "--json"]).stdout).unwrap();
    assert!(server.stop().success());
    let sent: Vec<(String, String)> = shop
        .seen()
        .into_iter()
        .map(|seen| (seen.path, seen.authorization))
        .collect();
    let with_secret = format!("Bearer {CANARY}");
    assert_eq!(
        sent,
        [
            ("/orders".to_owned(), with_secret.clone()),
            ("/again".to_owned(), with_secret.clone()),
            ("/file".to_owned(), with_secret)
        ]
    );
    // So is what each call that ran a command was held to, its reach included.
    let reaches: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["kind"] == "tool.returned")
        .map(|event| event["data"]["enforced"]["network"].clone())
        .collect();
    let listed = json!({"mode": "allow_list", "hosts": 1});
    assert_eq!(reaches, [listed, Value::Null, Value::Null]);
    // The decision is in the log that everyone may see, and the secret is not.
    let used: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["kind"] == "network.used")
        .collect();
    assert_eq!(used.len(), 3, "{log}");
    let (host, port) = address.rsplit_once(':').unwrap();
    let decision = &used[0]["data"]["decisions"][0];
    assert_eq!(
        (&decision["host"], &decision["port"]),
        (&json!(host), &json!(port.parse::<u16>().unwrap()))
    );
    assert_eq!(holding(here.folder.path(), CANARY), Vec::<String>::new());
}
