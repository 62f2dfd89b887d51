//! Finished tasks that are removed by a running server.

use sqlx::{Connection, SqliteConnection};

use crate::installation::{Installation, wait_for};
use crate::scripts::two_writers;

/// Moves the database's time three days ahead.
async fn three_days_pass(here: &Installation) {
    let url = format!("sqlite:{}", here.data().join("errand.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let shift = "UPDATE clock SET offset_ms = offset_ms + 3 * 24 * 3600000";
    sqlx::query(shift).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

async fn rows(here: &Installation, table: &'static str) -> i64 {
    let url = format!("sqlite:{}", here.data().join("errand.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let count = match table {
        "event" => "SELECT COUNT(*) FROM event",
        "blob" => "SELECT COUNT(*) FROM blob",
        _ => "SELECT COUNT(*) FROM leftover",
    };
    let (count,) = sqlx::query_as(count)
        .fetch_one(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_tasks_are_removed_when_their_time_is_over_and_only_if_the_operator_says_so() {
    let mut here = Installation::new(two_writers()).await;
    here.set("ERRAND_WORKER__HOUSEKEEPING__ASK_EVERY_MS", "50");
    let server = here.serve();
    let old = here.submit("Write the lines.");
    assert_eq!(here.until_final(&old)["state"], "succeeded");
    assert!(server.stop().success());
    three_days_pass(&here).await;
    let server = here.serve();
    let young = here.submit("Write the lines.");
    assert_eq!(here.until_final(&young)["state"], "succeeded");
    assert_eq!(here.status(&old)["state"], "succeeded", "kept by default");
    assert!(server.stop().success());

    here.set("ERRAND_WORKER__HOUSEKEEPING__RETENTION_MS", "86400000");
    here.set("ERRAND_WORKER__HOUSEKEEPING__RETENTION_EVERY_MS", "50");
    three_days_pass(&here).await;
    let server = here.serve();
    let kept = here.submit("Write the lines.");
    let is_gone = |task: &str| !here.run(&["status", task, "--json"]).status.success();
    wait_for(|| is_gone(&old) && is_gone(&young)).unwrap();
    let said = here.run(&["status", &old]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("no such task"));
    assert_eq!(here.until_final(&kept)["state"], "succeeded");
    assert!(server.stop().success());
    let events = here.run(&["list"]);
    assert!(!String::from_utf8_lossy(&events.stdout).contains(&old));
    assert_eq!(rows(&here, "leftover").await, 0, "nothing is left over");
    assert!(rows(&here, "blob").await > 0, "the young task's");
    assert!(rows(&here, "event").await > 0, "the young task's");
}
