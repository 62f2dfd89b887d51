//! The throwaway PostgreSQL itself: databases of their own, an order of the server's, no way in from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use errand_tests::postgres::Cluster;
use sqlx::{Connection, Row};

#[tokio::test]
async fn two_tests_get_databases_of_their_own() {
    let cluster = Cluster::shared().await;
    let (one, two) = (
        cluster.empty_database().await,
        cluster.empty_database().await,
    );
    assert_ne!(one.url(), two.url());
    let mut first = one.connect().await;
    sqlx::query("CREATE TABLE only_here (id BIGINT)")
        .execute(&mut first)
        .await
        .unwrap();
    let mut second = two.connect().await;
    let found = sqlx::query("SELECT to_regclass('only_here')::text")
        .fetch_one(&mut second)
        .await;
    assert_eq!(found.unwrap().get::<Option<String>, _>(0), None);
    first.close().await.unwrap();
    one.remove().await;
    two.remove().await;
}

#[tokio::test]
async fn the_server_keeps_commits_safe_and_is_not_on_the_network() {
    let database = Cluster::shared().await.empty_database().await;
    let mut connection = database.connect().await;
    for (setting, expected) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", ""),
    ] {
        let shown = sqlx::query("SELECT current_setting($1)").bind(setting);
        let row = shown.fetch_one(&mut connection).await.unwrap();
        assert_eq!(row.get::<String, _>(0), expected, "{setting}");
    }
    connection.close().await.unwrap();
    database.remove().await;
}
