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
