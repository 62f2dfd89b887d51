//! Wrong settings and wrong surroundings: each with a clear error, a status of 2, and nothing lost.

use std::net::TcpListener;

use crate::installation::Installation;
use crate::scripts::one_command;

fn refused(here: &Installation, arguments: &[&str], words: &[&str]) {
    let output = here.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        words.iter().all(|word| said.contains(word)),
        "{arguments:?}: {said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named_and_no_data_folder_is_touched() {
    let here = Installation::new(one_command("true")).await;
    let taken = TcpListener::bind(&here.listen).unwrap();
    refused(&here, &["serve"], &[&here.listen, "--listen"]);
    drop(taken);
    assert!(!here.data().join("errand.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_file_that_is_not_one_is_named_and_left_as_it_is() {
    let mut here = Installation::new(one_command("true")).await;
    let path = here.folder.path().join("not.db");
    std::fs::write(
        &path,
        "this is a letter, not a database, and it is long enough to have a header",
    )
    .unwrap();
    here.set("ERRAND_DATABASE_URL", &format!("sqlite:{}", path.display()));
    refused(&here, &["serve"], &["not.db", "not an SQLite database"]);
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("this is a letter")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_folder_is_refused() {
    let here = Installation::new(one_command("true")).await;
    let server = here.serve();
    refused(
        &here,
        &["serve", "--listen", "127.0.0.1:0"],
        &["another errand process", "--data-dir"],
    );
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_settings_are_named() {
    let mut here = Installation::new(one_command("true")).await;
    std::fs::write(
        here.folder.path().join("errand.toml"),
        "[worker]\nconcurency = 3\n",
    )
    .unwrap();
    refused(&here, &["serve"], &["errand.toml", "concurency"]);
    std::fs::remove_file(here.folder.path().join("errand.toml")).unwrap();
    here.set("ERRAND_WORKER__CONCURENCY", "3");
    refused(&here, &["serve"], &["ERRAND_WORKER__CONCURENCY"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_under_which_no_task_would_run_is_refused_before_anything_is_made() {
    let mut here = Installation::new(one_command("true")).await;
    here.set("ERRAND_WORKER__CONCURRENCY", "0");
    let words = [
        "worker.concurrency = 0",
        "ERRAND_WORKER__CONCURRENCY",
        "1 or more",
    ];
    refused(&here, &["serve"], &words);
    assert!(!here.data().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_server_or_a_key_is_told_what_to_do() {
    let here = Installation::new(one_command("true")).await;
    refused(&here, &["list"], &["ERRAND_API_KEY", "errand key create"]);
    let key = String::from_utf8(here.run(&["key", "create", "me"]).stdout).unwrap();
    refused(
        &here,
        &["list", "--key", key.trim()],
        &[&here.listen, "errand serve"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_setting_is_shown_with_its_source_and_secrets_are_stars() {
    let mut here = Installation::new(one_command("true")).await;
    here.set("ERRAND_MODEL_API_KEY", "sk-very-secret");
    let output = here.run(&["doctor", "--config", "--model", "by-flag"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(!said.contains("very-secret"));
    assert!(
        said.contains("model.api_key = ***    # environment ERRAND_MODEL_API_KEY"),
        "{said}"
    );
    assert!(
        said.contains("model.planner.model = \"by-flag\"    # flag"),
        "{said}"
    );
    assert!(
        said.contains("worker.lease_ms = 15000    # default"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submit_that_waits_comes_back_when_only_a_person_can_go_on_and_says_for_what() {
    let here = Installation::new(one_command("echo hello")).await;
    let server = here.serve();
    let output = here.run(&[
        "submit",
        "Run the command.",
        "--budget-model-calls",
        "2",
        "--wait",
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(
        said.contains("waits for budget") && said.contains("errand why task_"),
        "{said}"
    );
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let task = printed.lines().next().unwrap();
    assert_eq!(here.status(task)["waiting"]["kind"], "budget");
    here.json(&["budget", task, "--budget-model-calls", "60", "--json"]);
    assert!(here.run(&["watch", task]).status.success());
    assert!(server.stop().success());
}
