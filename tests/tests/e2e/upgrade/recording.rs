//! Writes the frozen files of this release. Only for a new format: those of released formats are never written again.

use std::process::Command;

use chaos::programs::binaries;
use errand_tests::postgres::{Cluster, Database};
use serde_json::{Map, Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::frozen::{DATA, DUMP, Kind, MEANT, SAID, copy, said};
use super::replay;
use super::words::{self, FAIL, GIVE_UP, HALF, ORDER, ORDER_AGAIN, SPEND, WRITE};
use crate::installation::{Installation, Server, wait_for};
use crate::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes the frozen files anew; run it by name when a format is added"]
async fn record_what_this_release_leaves_behind() {
    record(Kind::Sqlite).await;
    record(Kind::Postgres).await;
}

async fn record(kind: Kind) {
    // It answers nothing at all, so every order is in flight when the server is killed.
    let (shop, address) = Shop::silent().await;
    let folder = tempfile::tempdir().unwrap();
    let mut here = Installation::telling(folder, words::scripts(&address)).await;
    here.set("ERRAND_TOOLS__HTTP_REQUEST__ENABLED", "true");
    here.set("ERRAND_EGRESS__ALLOW_PRIVATE", &format!("[{address:?}]"));
    // Frozen questions must not run out of time.
    here.set("ERRAND_WORKER__UNKNOWN_CALL_DEADLINE_MS", "0");
    let database = match kind {
        Kind::Sqlite => None,
        Kind::Postgres => Some(Cluster::shared().await.empty_database().await),
    };
    if let Some(database) = &database {
        here.set("ERRAND_DATABASE_URL", &database.url());
    }
    let mut tasks: Vec<(&str, String)> = Vec::new();
    let server = here.serve();
    for goal in [WRITE, FAIL] {
        let task = here.submit(goal);
        here.until_final(&task);
        tasks.push((goal, task));
    }
    for goal in [SPEND, GIVE_UP] {
        let submitted = here.json(&["submit", goal, "--budget-model-calls", "3", "--json"]);
        let task = submitted["id"].as_str().unwrap().to_owned();
        here.until(&task, |view| view["state"] == "waiting");
        tasks.push((goal, task));
    }
    here.json(&["cancel", &tasks[3].1, "--reason", "not needed", "--json"]);
    let server = order(&here, &shop, server, (ORDER, 1), &mut tasks);
    let call = here.status(&tasks[4].1)["waiting"]["reason"].to_string();
    let call = call
        .split(' ')
        .find(|word| word.starts_with("call_"))
        .unwrap()
        .to_owned();
    here.json(&[
        "decide",
        &tasks[4].1,
        &call,
        "done",
        "--note",
        "order 17",
        "--json",
    ]);
    here.until_final(&tasks[4].1);
    let server = order(&here, &shop, server, (ORDER_AGAIN, 2), &mut tasks);
    let mut by_goal = Map::new();
    for (goal, task) in &tasks {
        let said = if here.status(task)["finished_at_ms"].is_number() {
            said(&here, task)
        } else {
            Value::Null
        };
        by_goal.insert((*goal).to_owned(), json!({"id": task, "said": said}));
    }
    assert!(server.stop().success());
    let mut server = here.serve_until(("ERRAND_TEST_KILL_AT", "append:tool.returned.after"));
    wait_for(|| here.run(&["list"]).status.success()).unwrap();
    let half = here.submit(HALF);
    wait_for(|| server.ended().is_some()).unwrap();
    by_goal.insert(HALF.to_owned(), json!({"id": half, "said": null}));
    freeze(kind, &here, database.as_ref()).await;
    write(kind, SAID, &Value::Object(by_goal));
    let store = match &database {
        None => replay::sqlite(&kind.folder().join("errand.db")).await,
        Some(database) => replay::postgres(&database.url()).await,
    };
    write(kind, MEANT, &replay::conversations(kind, store).await);
}

/// Makes an order that is cut off, and waits until its owner is asked.
fn order(
    here: &Installation,
    shop: &Shop,
    server: Server,
    (goal, orders): (&'static str, usize),
    tasks: &mut Vec<(&str, String)>,
) -> Server {
    let task = here.submit(goal);
    wait_for(|| shop.seen().len() == orders).unwrap();
    server.kill();
    let server = here.serve();
    here.until(&task, |view| view["waiting"]["kind"] == "approval");
    tasks.push((goal, task));
    server
}

async fn freeze(kind: Kind, here: &Installation, database: Option<&Database>) {
    let folder = kind.folder();
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for name in DATA {
        copy(&here.data().join(name), &folder.join(name));
    }
    match database {
        None => {
            let options = SqliteConnectOptions::new().filename(here.data().join("errand.db"));
            let mut connection = options.connect().await.unwrap();
            let into = folder.join("errand.db").display().to_string();
            sqlx::query("VACUUM INTO $1")
                .bind(into)
                .execute(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
        }
        Some(database) => std::fs::write(folder.join(DUMP), dump(&database.url())).unwrap(),
    }
}

fn write(kind: Kind, name: &str, value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap();
    std::fs::write(kind.folder().join(name), text + "\n").unwrap();
}

/// The database as statements that every supported version understands.
fn dump(url: &str) -> String {
    let mut command = Command::new(binaries().join("pg_dump"));
    command.args([
        "--inserts",
        "--no-owner",
        "--no-privileges",
        "--dbname",
        url,
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| {
        let is_setting =
            line.starts_with("SET ") || line.starts_with("SELECT pg_catalog.set_config");
        !is_setting && !line.starts_with('\\') && !line.starts_with("--") && !line.is_empty()
    });
    // Functions are made before the tables that they read.
    "SET check_function_bodies = false;\n".to_owned() + &lines.collect::<Vec<_>>().join("\n") + "\n"
}
