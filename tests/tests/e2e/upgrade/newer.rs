//! Databases that belong to another release: too new ones are refused and left alone, and `errand migrate` says what it will
//! do before it does it.

use errand_tests::postgres::{Cluster, Database};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};

use crate::installation::Installation;
use crate::scripts::one_command;

/// As a release far ahead leaves it.
const AHEAD: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
     SELECT 9999, 'far ahead', success, checksum, execution_time FROM _sqlx_migrations LIMIT 1";

async fn installation(database: Option<&Database>) -> Installation {
    let mut here = Installation::new(one_command("true")).await;
    if let Some(database) = database {
        here.set("ERRAND_DATABASE_URL", &database.url());
    }
    here
}

async fn is_refused(database: Option<Database>) {
    let here = installation(database.as_ref()).await;
    assert!(here.run(&["migrate"]).status.success());
    if let Some(database) = &database {
        database.run(AHEAD).await;
    } else {
        let options = SqliteConnectOptions::new().filename(here.data().join("errand.db"));
        let mut connection = options.connect().await.unwrap();
        connection.execute(AHEAD).await.unwrap();
        connection.close().await.unwrap();
    }
    for command in [&["serve"][..], &["migrate"], &["migrate", "--dry-run"]] {
        let output = here.run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{command:?}: {said}");
        assert!(said.contains("newer"), "{command:?}: {said}");
    }
    let doctor = String::from_utf8(here.run(&["doctor"]).stdout).unwrap();
    assert!(doctor.contains("cure: run the newer release"), "{doctor}");
    if let Some(database) = database {
        database.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_too_new_is_refused_with_the_reason() {
    is_refused(None).await;
    is_refused(Some(Cluster::shared().await.empty_database().await)).await;
}

async fn is_told_first(database: Option<Database>) {
    let here = installation(database.as_ref()).await;
    let said = |arguments: &[&str]| {
        let output = here.run(arguments);
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for _ in 0..2 {
        let dry = said(&["migrate", "--dry-run"]);
        assert!(dry.contains("would apply 0001 initial"), "{dry}");
        assert!(!here.data().exists(), "a trial makes no folder");
    }
    let done = said(&["migrate"]);
    let order = ["applying 0001 initial", "done"].map(|words| done.find(words));
    assert!(order[0].is_some() && order[0] < order[1], "{done}");
    assert!(said(&["migrate"]).contains("up to date"));
    if let Some(database) = database {
        database.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_is_told_before_it_is_made_and_a_dry_run_makes_none() {
    is_told_first(None).await;
    is_told_first(Some(Cluster::shared().await.empty_database().await)).await;
}

async fn tells_what_it_makes(database: Option<Database>) {
    let here = installation(database.as_ref()).await;
    let said = |arguments: &[&str], status: i32| {
        let output = here.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        said
    };
    let none = said(&["key", "list"], 2);
    assert!(none.contains("no database of Errand yet"), "{none}");
    assert!(!here.data().exists(), "looking makes nothing");
    let made = said(&["key", "create", "me"], 0);
    assert!(
        made.contains("applying ") && made.contains("0001 initial"),
        "{made}"
    );
    let listed = said(&["key", "list"], 0);
    assert!(!listed.contains("applying"), "{listed}");
    if let Some(database) = database {
        database.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_not_looked_for_where_no_database_is_and_a_new_one_is_told_before_it_is_made() {
    tells_what_it_makes(None).await;
    tells_what_it_makes(Some(Cluster::shared().await.empty_database().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_logs_the_migrations_that_it_applies() {
    let here = installation(None).await;
    assert!(here.serve().stop().success());
    let first = here.log();
    let order =
        ["applying ", "0001 initial", "the database is open"].map(|words| first.find(words));
    assert!(order[0].is_some() && order.is_sorted(), "{first}");
    assert!(here.serve().stop().success());
    assert_eq!(here.log().matches("applying ").count(), 1);
}
