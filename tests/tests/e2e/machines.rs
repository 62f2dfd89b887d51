//! API and workers as processes of their own, over PostgreSQL.

use errand_tests::bucket::{ACCESS_KEY_ID, BucketServer, SECRET_ACCESS_KEY};
use errand_tests::postgres::Cluster;

use crate::installation::{Installation, get};
use crate::scripts::{one_command, two_writers};

async fn installation(
    script: serde_json::Value,
) -> (Installation, errand_tests::postgres::Database) {
    let database = Cluster::shared().await.empty_database().await;
    let mut here = Installation::new(script).await;
    here.set("ERRAND_DATABASE_URL", &database.url());
    (here, database)
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_tasks_submitted_while_no_worker_runs_are_done_when_one_comes() {
    let (here, database) = installation(one_command("echo hello")).await;
    assert!(here.run(&["migrate"]).status.success());
    let key = String::from_utf8(here.run(&["key", "create", "test"]).stdout).unwrap();
    let mut here = here;
    here.set("ERRAND_API_KEY", key.trim());
    let api = here.start("api");
    let greeting = api.greeting.join("\n");
    for words in [" key create NAME", " submit --url http://", " --key KEY "] {
        // It made no first key, so a command without one would be refused.
        assert!(greeting.contains(words), "{greeting}");
    }
    let tasks: Vec<String> = (0..20).map(|_| here.submit("Run the command.")).collect();
    assert!(
        tasks
            .iter()
            .all(|task| here.status(task)["state"] == "queued")
    );
    let worker = here.start("worker");
    for task in &tasks {
        assert_eq!(here.until_final(task)["state"], "succeeded");
    }
    assert!(worker.stop().success());
    assert!(api.stop().success());
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_says_how_it_is_and_shows_its_browsers_where_it_is_told_to_and_nothing_else() {
    let (here, database) = installation(one_command("true")).await;
    assert!(here.run(&["migrate"]).status.success());
    let worker = here.start_with(here.errand(&["worker", "--health-listen", "127.0.0.1:0"]));
    let address = worker.greeting[0]
        .strip_prefix("errand worker answers http://")
        .and_then(|rest| rest.strip_suffix("/healthz and /readyz"));
    for (path, status, words) in [
        ("/healthz", 200, "\"ok\""),
        ("/readyz", 200, "\"ok\""),
        (
            "/v1/tasks",
            404,
            "a worker answers /healthz, /readyz and /v1/tasks/{id}/browser only",
        ),
        ("/console/", 404, "a worker answers"),
        // What its browsers show is for whoever has a key.
        ("/v1/tasks/task_1/browser", 401, "unauthorized"),
    ] {
        let (answered, text) = get(address.unwrap(), path);
        assert_eq!(answered, status, "{path}: {text}");
        assert!(text.contains(words), "{path}: {text}");
    }
    assert!(worker.stop().success());
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_with_the_files_of_one_that_was_killed() {
    let (mut here, database) = installation(two_writers()).await;
    share(&mut here);
    here.set("ERRAND_WORKER__LEASE_MS", "3000");
    let api = here.start("api");
    let first = here.start_worker("first");
    let task = here.submit("Write the lines.");
    crate::installation::wait_for(|| here.answered().len() >= 4).unwrap();
    let second = here.start_worker("second");
    first.kill();
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    assert_eq!(
        here.artifact(&task, "all.txt"),
        "left1\nleft2\nleft3\nright1\nright2\nright3\n"
    );
    assert!(second.stop().success());
    assert!(api.stop().success());
    database.remove().await;
}

/// Names a bucket on this service as the blob store.
fn keep_blobs_in(here: &mut Installation, server: &BucketServer) {
    for (name, value) in [
        ("URL", "s3://blobs/errand"),
        ("ENDPOINT", &server.endpoint()),
        ("ALLOW_HTTP", "true"),
        ("ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("RETRY_MS", "200"),
    ] {
        here.set(&format!("ERRAND_BLOBS__{name}"), value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_and_two_apis_share_a_bucket_and_a_kill_and_an_outage_of_it_lose_nothing() {
    let (mut here, database) = installation(two_writers()).await;
    let buckets = here.folder.path().join("buckets");
    std::fs::create_dir_all(buckets.join("blobs")).unwrap();
    let server = BucketServer::start(&buckets).await;
    keep_blobs_in(&mut here, &server);
    let seal_key = here.folder.path().join("seal.key");
    here.set("ERRAND_SEAL_KEY", seal_key.to_str().unwrap());
    here.set("ERRAND_WORKER__LEASE_MS", "3000");
    here.set("ERRAND_WORKER__TROUBLE_PAUSE_MIN_MS", "200");
    here.set("ERRAND_WORKER__TROUBLE_PAUSE_MAX_MS", "400");
    here.set("ERRAND_WORKER__TROUBLE_WAITS_MAX", "2");
    assert!(here.run(&["migrate"]).status.success());
    let key = String::from_utf8(here.run(&["key", "create", "test"]).stdout).unwrap();
    here.set("ERRAND_API_KEY", key.trim());
    let api = here.start("api");
    let other_api = here.start_other("api");
    let first = here.start_worker("first");
    let task = here.submit("Write the lines.");
    crate::installation::wait_for(|| here.answered().len() >= 4).unwrap();
    let second = here.start_worker("second");
    let begun = || here.log().matches("the worker begins").count();
    crate::installation::wait_for(|| begun() == 2).unwrap();
    first.kill();
    // The bucket goes away in the middle, for longer than any task would be let wait for trouble of its own.
    let address = server.address;
    server.stop().await;
    here.until(&task, |view| {
        view["waiting"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("blob store"))
    });
    let _server = BucketServer::start_at(&buckets, address).await;
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    here.set("ERRAND_URL", &format!("http://{}", other_api.listen));
    assert_eq!(
        here.artifact(&task, "all.txt"),
        "left1\nleft2\nleft3\nright1\nright2\nright3\n"
    );
    assert!(!here.data().join("blobs").exists());
    for process in [second, api, other_api.server] {
        assert!(process.stop().success());
    }
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_store_that_cannot_be_used_stops_the_start_and_the_doctor_names_the_cure() {
    let mut here = Installation::new(one_command("true")).await;
    let buckets = here.folder.path().join("buckets");
    std::fs::create_dir_all(buckets.join("blobs")).unwrap();
    let server = BucketServer::start(&buckets).await;
    keep_blobs_in(&mut here, &server);
    here.set("ERRAND_BLOBS__URL", "s3://nosuchbucket");
    let output = here.run(&["serve"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("s3://nosuchbucket") && said.contains("create it, or correct blobs.url"),
        "{said}"
    );
    let output = here.run(&["doctor", "--config"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("blobs.secret_access_key = ***"), "{shown}");
    assert!(!shown.contains(SECRET_ACCESS_KEY));
    let output = here.run(&["doctor"]);
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(found.contains("create it, or correct blobs.url"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_notifications_api_and_workers_find_everything_by_polling() {
    let (mut here, database) = installation(two_writers()).await;
    here.set("ERRAND_POSTGRES__NOTIFY", "false");
    share(&mut here);
    let api = here.start("api");
    let workers = ["first", "second"].map(|name| here.start_worker(name));
    let task = here.submit("Write the lines.");
    let watched = here.run(&["watch", &task]);
    assert!(watched.status.success());
    assert_eq!(here.status(&task)["state"], "succeeded");
    for worker in workers {
        assert!(worker.stop().success());
    }
    assert!(api.stop().success());
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_whose_wall_clocks_are_wrong_by_hours_work_like_any_other() {
    let (mut here, database) = installation(two_writers()).await;
    share(&mut here);
    here.set("ERRAND_WORKER__LEASE_MS", "3000");
    let library = here.folder.path().join("clock.so");
    let source = errand_tests::workspace::root().join("tests/tests/e2e/clock.c");
    let mut compiler = std::process::Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
    assert!(compiler.arg(source).arg("-ldl").status().unwrap().success());
    let api = here.start("api");
    here.set("LD_PRELOAD", library.to_str().unwrap());
    here.set("CLOCK_SKEW_S", "-25200");
    let slow = here.start_worker("slow");
    here.set("CLOCK_SKEW_S", "25200");
    let fast = here.start_worker("fast");
    here.set("CLOCK_SKEW_S", "0");
    let tasks: Vec<String> = (0..4).map(|_| here.submit("Write the lines.")).collect();
    for task in &tasks {
        let view = here.until_final(task);
        assert_eq!(view["state"], "succeeded", "{view:#}");
        let (began, ended) = (&view["created_at_ms"], &view["finished_at_ms"]);
        let took_ms = ended.as_i64().unwrap() - began.as_i64().unwrap();
        assert!((0..600_000).contains(&took_ms), "{view:#}");
        let log = String::from_utf8(here.run(&["logs", task, "--json"]).stdout).unwrap();
        assert!(!log.contains("step.resumed"), "a lease was lost: {log}");
    }
    assert!(!here.log().contains("this life ended"), "{}", here.log());
    assert!(slow.stop().success() && fast.stop().success());
    assert!(api.stop().success());
    database.remove().await;
}

/// Several data folders, one blob store and one key, as on several machines; the schema, and a key to ask with.
pub fn share(here: &mut Installation) {
    let shared = here.folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    here.set("ERRAND_BLOBS_DIR", shared.join("blobs").to_str().unwrap());
    here.set("ERRAND_SEAL_KEY", shared.join("seal.key").to_str().unwrap());
    assert!(here.run(&["migrate"]).status.success());
    let key = String::from_utf8(here.run(&["key", "create", "test"]).stdout).unwrap();
    here.set("ERRAND_API_KEY", key.trim());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_postgresql_survives_kill_9_as_on_sqlite() {
    let (here, database) = installation(two_writers()).await;
    let mut server = here.serve();
    let task = here.submit("Write the lines.");
    crate::installation::wait_for(|| here.answered().len() >= 4).unwrap();
    server.kill();
    server = here.serve();
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    assert_eq!(
        here.artifact(&task, "all.txt"),
        "left1\nleft2\nleft3\nright1\nright2\nright3\n"
    );
    assert!(server.stop().success());
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn api_and_worker_refuse_sqlite_and_say_what_to_do() {
    let here = Installation::new(one_command("true")).await;
    for role in ["api", "worker"] {
        let output = here.run(&[role]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            said.contains("errand serve") && said.contains("PostgreSQL"),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_another_blob_store_or_key_is_refused_and_told_what_to_do() {
    let (mut here, database) = installation(one_command("echo hello")).await;
    share(&mut here);
    let api = here.start("api");
    let worker = here.start_worker("first");
    let own = here.folder.path().join("own");
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    let wrong = |command: &str, (variable, value): &(&str, String)| {
        let folder = text(own.join("data"));
        let mut program = here.errand(&[command, "--data-dir", &folder]);
        program
            .env(variable, value)
            .env("ERRAND_LISTEN", "127.0.0.1:0");
        program.output().unwrap()
    };
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("seal.key"), OTHER_KEY).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(own.join("seal.key"), mode).unwrap();
    for (setting, words) in [
        (
            ("ERRAND_BLOBS_DIR", text(own.join("blobs"))),
            "wrong blob store",
        ),
        (
            ("ERRAND_SEAL_KEY", text(own.join("seal.key"))),
            "wrong sealing key",
        ),
        (
            ("ERRAND_SEAL_KEY", text(own.join("no.key"))),
            "does not exist",
        ),
    ] {
        for role in ["serve", "api", "worker", "doctor"] {
            let output = wrong(role, &setting);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            let expected = if role == "doctor" { 1 } else { 2 };
            assert_eq!(output.status.code(), Some(expected), "{role}: {said}");
            assert!(
                said.contains(words) && said.contains(setting.0),
                "{role}: {said}"
            );
        }
    }
    // A key that is only not found is not replaced by one that nothing was sealed with.
    assert!(!own.join("no.key").exists());
    let task = here.submit("Run the command.");
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    assert!(worker.stop().success() && api.stop().success());
    database.remove().await;
}

/// 32 bytes that no other key file has.
const OTHER_KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n";

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_on_a_new_database_agree_on_blob_store_and_key() {
    let (mut here, database) = installation(one_command("echo hello")).await;
    share(&mut here);
    let workers = ["first", "second", "third"].map(|name| here.start_worker(name));
    let api = here.start("api");
    let begun = || here.log().matches("the worker begins").count();
    crate::installation::wait_for(|| begun() == 3).unwrap();
    let task = here.submit("Run the command.");
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    for worker in workers {
        assert!(worker.stop().success());
    }
    assert!(api.stop().success());
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_whose_key_is_lost_goes_on_after_it_adopted_another() {
    let here = Installation::new(one_command("echo hello")).await;
    assert!(here.serve().stop().success());
    std::fs::remove_file(here.data().join("seal.key")).unwrap();
    let refused = here.run(&["serve"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("errand adopt"), "{said}");
    let adopted = here.run(&["adopt"]);
    assert!(adopted.status.success(), "{adopted:?}");
    let server = here.serve();
    let task = here.submit("Run the command.");
    assert_eq!(here.until_final(&task)["state"], "succeeded");
    assert!(server.stop().success());
}
