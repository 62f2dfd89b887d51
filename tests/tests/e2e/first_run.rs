//! The first minutes of a new installation.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::installation::Installation;
use crate::scripts::one_command;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_makes_its_folder_and_key_says_how_to_submit_and_does_the_work() {
    let here =
        Installation::new(one_command("wc -w *.txt; id -u; cat /proc/net/dev | wc -l")).await;
    let server = here.serve();
    let greeting = server.greeting.join("\n");
    assert!(
        greeting.contains("first API key") && greeting.contains(" submit --url http://"),
        "{greeting}"
    );
    let key = std::fs::metadata(here.data().join("first-key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);

    let file = here.folder.path().join("words.txt");
    std::fs::write(&file, "one two three\n").unwrap();
    let output = here.run(&[
        "submit",
        "Run the command.",
        "--file",
        file.to_str().unwrap(),
        "--wait",
    ]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", here.log());
    assert!(said.contains("3 words.txt"), "{said}");
    assert!(
        said.contains("plan 1: run") && said.contains("step run is done"),
        "{said}"
    );
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_keeps_its_keys_and_its_tasks() {
    let here = Installation::new(one_command("echo hello")).await;
    let first = here.serve();
    let task = here.submit("Run the command.");
    here.until_final(&task);
    assert!(first.stop().success());
    let second = here.serve();
    assert!(!second.greeting.join("\n").contains("first API key"));
    assert_eq!(here.status(&task)["state"], "succeeded");
    let listed = here.json(&["list", "--json"]);
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_and_the_reason_is_said() {
    let here = Installation::new(one_command("echo hello")).await;
    let server = here.serve();
    let made = here.run(&["key", "create", "second"]);
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert!(here.run(&["list", "--key", &key]).status.success());
    let listed = String::from_utf8(here.run(&["key", "list"]).stdout).unwrap();
    let id = listed
        .lines()
        .find(|line| line.ends_with("second"))
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    assert!(here.run(&["key", "revoke", &id]).status.success());
    let refused = crate::installation::wait_for(|| {
        let output = here.run(&["list", "--key", &key]);
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("revoked")
    });
    assert!(refused.is_ok());
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_what_works_here_and_cures_what_does_not() {
    let here = Installation::new(one_command("echo hello")).await;
    let found: Value = serde_json::from_slice(&here.run(&["doctor", "--json"]).stdout).unwrap();
    let findings = found["findings"].as_array().unwrap();
    let of = |what: &str| {
        findings
            .iter()
            .filter(|finding| finding["what"] == what)
            .cloned()
            .collect::<Vec<Value>>()
    };
    assert!(
        of("sandbox").iter().any(|finding| finding["works"] == true),
        "{found:#}"
    );
    assert_eq!(of("data folder")[0]["works"], true);
    assert_eq!(of("chromium")[0]["works"], true, "{found:#}");
    let lacking = findings.iter().filter(|finding| finding["works"] == false);
    assert!(
        lacking
            .into_iter()
            .all(|finding| finding["cure"].is_string()),
        "{found:#}"
    );
}
