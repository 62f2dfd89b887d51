//! Effects outside the sandbox, over a real HTTP server that counts: a request in flight when the process is killed is made
//! again only where that is safe, or where its owner says so.

use errand_tests::postgres::Cluster;
use serde_json::{Value, json};

use crate::installation::{Installation, wait_for};
use crate::scripts::{one_command, one_request};
use crate::shop::Shop;

async fn installation(method: &str, address: &str) -> Installation {
    let url = format!("http://{address}/orders");
    let mut here = Installation::new(one_request(method, &url)).await;
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true");
    here.set(
        "ERRAND_EGRESS__ALLOW_PRIVATE",
        &json!([address]).to_string(),
    );
    here
}

/// Kills the server while the first request is in flight, and starts it again.
fn kill_in_flight(here: &Installation, shop: &Shop) -> (String, crate::installation::Server) {
    let server = here.serve();
    let task = here.submit("Make the request.");
    wait_for(|| shop.seen().len() == 1).unwrap();
    server.kill();
    (task, here.serve())
}

/// Waits until the owner is asked, and gives the call.
fn asked(here: &Installation, task: &str) -> String {
    let view = here.until(task, |view| view["state"] == "waiting");
    assert_eq!(view["waiting"]["kind"], "approval", "{view:#}");
    let reason = view["waiting"]["reason"].as_str().unwrap();
    let call = reason.split(' ').find(|word| word.starts_with("call_"));
    call.unwrap().to_owned()
}

fn answer(view: &Value) -> &str {
    view["result"]["answer"].as_str().unwrap()
}

async fn a_post_is_not_repeated_before_its_owner_says_so(change: impl FnOnce(&mut Installation)) {
    let (shop, address) = Shop::open(1).await;
    let mut here = installation("POST", &address).await;
    change(&mut here);
    let (task, server) = kill_in_flight(&here, &shop);
    let call = asked(&here, &task);
    assert_eq!(shop.seen().len(), 1, "no second POST by itself");
    here.json(&["decide", &task, &call, "repeat", "--json"]);
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert!(answer(&view).contains("order 17"), "{view:#}");
    let seen = shop.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(seen[0].key.len(), 40);
    assert_eq!(seen[0].key, seen[1].key, "the same key");
    assert!(seen.iter().all(|one| !one.fence.is_empty()), "{seen:?}");
    // A second decision says why it is one too many.
    let again = here.run(&["decide", &task, &call, "repeat"]);
    assert!(!again.status.success());
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("conflict"), "{said}");
    assert!(server.stop().success());
    assert_eq!(shop.seen().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_in_flight_at_kill_9_waits_for_a_decision_and_is_repeated_only_by_it() {
    a_post_is_not_repeated_before_its_owner_says_so(|_| ()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_in_flight_on_postgresql_waits_for_a_decision_too() {
    let database = Cluster::shared().await.empty_database().await;
    let url = database.url();
    a_post_is_not_repeated_before_its_owner_says_so(|here| {
        here.set("ERRAND_DATABASE_URL", &url);
    })
    .await;
    database.remove().await;
}

async fn a_message_in_flight_is_sent_again(change: impl FnOnce(&mut Installation)) {
    let (shop, address) = Shop::open(1).await;
    let mut here = Installation::new(one_command("echo hello")).await;
    here.set(
        "ERRAND_EGRESS__ALLOW_PRIVATE",
        &json!([address]).to_string(),
    );
    change(&mut here);
    let hook = format!("http://{address}/hook");
    let server = here.serve();
    let submitted = here.json(&["submit", "Run the command.", "--webhook", &hook, "--json"]);
    let task = submitted["id"].as_str().unwrap().to_owned();
    wait_for(|| shop.seen().len() == 1).unwrap();
    server.kill();
    let server = here.serve();
    wait_for(|| {
        let log = here.run(&["logs", &task, "--json"]).stdout;
        String::from_utf8_lossy(&log).contains("\"delivered\"")
    })
    .unwrap();
    assert!(server.stop().success());
    let seen = shop.seen();
    assert_eq!((seen.len(), &seen[0].key), (2, &seen[1].key), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_message_in_flight_at_kill_9_is_sent_again_with_the_same_id() {
    a_message_in_flight_is_sent_again(|_| ()).await;
    let database = Cluster::shared().await.empty_database().await;
    let url = database.url();
    a_message_in_flight_is_sent_again(|here| here.set("ERRAND_DATABASE_URL", &url)).await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_its_owner_found_done_is_not_made_again() {
    let (shop, address) = Shop::open(1).await;
    let here = installation("POST", &address).await;
    let (task, server) = kill_in_flight(&here, &shop);
    let call = asked(&here, &task);
    here.json(&[
        "decide", &task, &call, "done", "--note", "order 17", "--json",
    ]);
    let view = here.until_final(&task);
    assert!(answer(&view).contains("order 17"), "{view:#}");
    assert!(server.stop().success());
    assert_eq!(shop.seen().len(), 1);
}

/// Submits a task with a file that nobody vouches for, whose POST is held.
fn held(here: &Installation) -> (String, String) {
    let cv = here.folder.path().join("cv.txt");
    std::fs::write(&cv, "Ann, 12 years at sea").unwrap();
    let cv = cv.to_str().unwrap();
    let submitted = here.json(&["submit", "Make the request.", "--file", cv, "--json"]);
    let task = submitted["id"].as_str().unwrap().to_owned();
    let call = asked(here, &task);
    (task, call)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_of_a_task_with_files_of_strangers_is_made_once_and_only_after_its_owner_approved() {
    let (shop, address) = Shop::open(0).await;
    let here = installation("POST", &address).await;
    let server = here.serve();
    let (task, call) = held(&here);
    // What was asked outlives the process.
    server.kill();
    let server = here.serve();
    let why = String::from_utf8(here.run(&["why", &task]).stdout).unwrap();
    assert!(
        why.contains("approve|deny") && why.contains(&address),
        "{why}"
    );
    let log = String::from_utf8(here.run(&["logs", &task]).stdout).unwrap();
    assert!(log.contains("http_request is not made"), "{log}");
    // The wrong answer says which the right ones are.
    let wrong = here.run(&["decide", &task, &call, "done"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(said.contains("say approve or deny"), "{said}");
    assert_eq!(shop.seen().len(), 0, "nothing is sent before");
    here.json(&["decide", &task, &call, "approve", "--json"]);
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert_eq!(view["policy"], json!({"files": "outside"}));
    assert!(server.stop().success());
    assert_eq!(shop.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_that_its_owner_approved_is_made_where_commands_have_no_network() {
    let (shop, address) = Shop::open(0).await;
    let here = installation("GET", &address).await;
    let server = here.serve();
    let (task, call) = held(&here);
    here.json(&["decide", &task, &call, "approve", "--json"]);
    let view = here.until_final(&task);
    assert!(server.stop().success());
    assert_eq!(shop.seen().len(), 1, "{view:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_its_owner_denies_is_never_made() {
    let (shop, address) = Shop::open(0).await;
    let here = installation("POST", &address).await;
    let server = here.serve();
    let (task, call) = held(&here);
    here.json(&[
        "decide",
        &task,
        &call,
        "deny",
        "--note",
        "not to them",
        "--json",
    ]);
    here.until_final(&task);
    let log = String::from_utf8(here.run(&["logs", &task]).stdout).unwrap();
    assert!(log.contains("decided: deny (not to them)"), "{log}");
    assert!(server.stop().success());
    assert_eq!(shop.seen().len(), 0);
}

fn fences(shop: &Shop) -> Vec<i64> {
    let seen = shop.seen().into_iter();
    seen.map(|request| request.fence.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_its_owner_wants_repeated_carries_the_same_key_and_a_higher_fence() {
    let (shop, address) = Shop::open(1).await;
    let here = installation("POST", &address).await;
    let (task, server) = kill_in_flight(&here, &shop);
    let call = asked(&here, &task);
    here.json(&["decide", &task, &call, "repeat", "--json"]);
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    assert!(server.stop().success());
    let (seen, fences) = (shop.seen(), fences(&shop));
    assert_eq!((seen.len(), &seen[0].key), (2, &seen[1].key));
    assert!(fences[0] < fences[1], "{fences:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_three_servers_died_on_is_set_aside_explained_and_requeued() {
    let (shop, address) = Shop::open(3).await;
    let here = installation("GET", &address).await;
    let mut server = here.serve();
    let task = here.submit("Make the request.");
    for requests in 1..=3 {
        wait_for(|| shop.seen().len() == requests).unwrap();
        server.kill();
        server = here.serve();
    }
    let view = here.until(&task, |view| view["state"] == "waiting");
    assert_eq!(view["waiting"]["kind"], "input", "{view:#}");
    assert_eq!(shop.seen().len(), 3);

    let why = String::from_utf8(here.run(&["why", &task]).stdout).unwrap();
    let letters = here.json(&["dead", "list", "--kind", "job", "--json"]);
    let letter = &letters["data"][0];
    assert_eq!(
        (&letter["task"], &letter["crashes"]),
        (&json!(task), &json!(3))
    );
    let id = letter["id"].as_str().unwrap();
    let advice = format!("errand dead requeue {id}");
    assert!(why.contains(&advice) && why.contains("died"), "{why}");
    let listed = String::from_utf8(here.run(&["dead", "list"]).stdout).unwrap();
    assert!(
        listed.contains(id) && listed.contains("tool.intended"),
        "{listed}"
    );

    let both = here.run(&["dead", "requeue", id, "--all"]);
    assert!(!both.status.success());
    let requeued = here.json(&["dead", "requeue", id, "--json"]);
    assert_eq!(requeued, json!({"requeued": [id]}));
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    let none = String::from_utf8(here.run(&["dead", "requeue", "--all"]).stdout).unwrap();
    assert!(none.contains("nothing was set aside"), "{none}");
    let open = String::from_utf8(here.run(&["why", &task]).stdout).unwrap();
    assert!(
        open.contains("succeeded") && open.contains("nothing is open"),
        "{open}"
    );
    assert!(server.stop().success());
    let fences = fences(&shop);
    assert!(fences.is_sorted_by(|a, b| a < b), "{fences:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_in_flight_at_kill_9_is_repeated_with_the_same_key() {
    let (shop, address) = Shop::open(1).await;
    let here = installation("GET", &address).await;
    let (task, server) = kill_in_flight(&here, &shop);
    let view = here.until_final(&task);
    assert_eq!(view["state"], "succeeded", "{view:#}");
    assert!(server.stop().success());
    let seen = shop.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(
        (&seen[0].method, &seen[0].key),
        (&seen[1].method, &seen[1].key)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_to_a_host_that_honours_the_key_is_repeated_with_it() {
    let (shop, address) = Shop::open(1).await;
    let mut here = installation("POST", &address).await;
    here.set(
        "ERRAND_TOOLS__HTTP_REQUEST__KEY_HONOURED_BY",
        &json!([address]).to_string(),
    );
    let (task, server) = kill_in_flight(&here, &shop);
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    assert!(server.stop().success());
    let seen = shop.seen();
    assert_eq!((seen.len(), &seen[0].key), (2, &seen[1].key));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_target_that_the_operator_did_not_name_is_never_reached() {
    let (shop, address) = Shop::open(0).await;
    let mut here = installation("GET", &address).await;
    here.set("ERRAND_EGRESS__ALLOW_PRIVATE", "[]");
    let server = here.serve();
    let task = here.submit("Make the request.");
    let view = here.until_final(&task);
    assert!(answer(&view).contains("Nothing was sent."), "{view:#}");
    assert!(server.stop().success());
    assert_eq!(shop.seen(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_operators_word_there_is_no_such_tool() {
    let (shop, address) = Shop::open(0).await;
    let mut here = installation("GET", &address).await;
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "false");
    let server = here.serve();
    let refused = here.run(&["submit", "Make the request.", "--tool", "http_request"]);
    assert!(!refused.status.success());
    let doctor = String::from_utf8(here.run(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("http_request is off"), "{doctor}");
    assert!(server.stop().success());
    assert_eq!(shop.seen(), []);
}
