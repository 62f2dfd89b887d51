//! What an operator meets when the database file is not what it should be: a clear error that says what to do, and a
//! file that is left as it was.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_core::ports::store::Health;
use sqlx::{Connection, SqliteConnection};
use store_sqlite::{OpenError, Options, SqliteStore};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("errand.db");
    (folder, path)
}

async fn refusal(options: Options) -> OpenError {
    match SqliteStore::open(options).await {
        Ok(_) => panic!("the file was opened"),
        Err(error) => error,
    }
}

async fn opened(path: &Path) -> Arc<SqliteStore> {
    SqliteStore::open(Options::at(path)).await.unwrap()
}

async fn execute(path: &Path, statement: &'static str) {
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(statement)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_new_file_is_made_with_the_whole_schema() {
    let (_folder, path) = place();
    assert_eq!(
        SqliteStore::pending_migrations(&path).await.unwrap(),
        migrations::names(&migrations::SQLITE)
    );
    let store = opened(&path).await;
    assert!(store.now_ms().await.unwrap() > 1_700_000_000_000);
    store.close().await;
    let due = SqliteStore::pending_migrations(&path).await.unwrap();
    assert_eq!(due, Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_was_closed_says_so() {
    let (_folder, path) = place();
    let store = opened(&path).await;
    store.close().await;
    assert!(store.now_ms().await.is_err());
}

#[tokio::test]
async fn a_file_that_is_missing_is_made_only_when_that_is_wanted() {
    let (_folder, path) = place();
    let options = Options {
        create: false,
        ..Options::at(&path)
    };
    let error = refusal(options).await;
    assert!(matches!(error, OpenError::NoFile(_)), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_folder_that_is_missing_is_named() {
    let (folder, _) = place();
    let error = refusal(Options::at(folder.path().join("none/errand.db"))).await;
    assert!(matches!(error, OpenError::NoFolder(_)), "{error}");
    assert!(error.to_string().contains("none"), "{error}");
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_file_is_refused() {
    let (folder, _) = place();
    let error = refusal(Options::at(folder.path())).await;
    assert!(matches!(error, OpenError::NotAFile(_)), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_refused_and_left_alone() {
    let (_folder, path) = place();
    let text = "name,score\n".repeat(1000);
    std::fs::write(&path, &text).unwrap();
    let error = refusal(Options::at(&path)).await;
    assert!(matches!(error, OpenError::NotADatabase(_)), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = place();
    execute(&path, "CREATE TABLE bookmark (url TEXT)").await;
    let before = std::fs::read(&path).unwrap();
    let error = refusal(Options::at(&path)).await;
    assert!(matches!(error, OpenError::Foreign(_)), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_schema_that_is_behind_is_refused_when_migrating_is_not_wanted() {
    let (_folder, path) = place();
    std::fs::write(&path, "").unwrap();
    let options = Options {
        migrate: false,
        ..Options::at(&path)
    };
    let error = refusal(options).await;
    assert!(matches!(error, OpenError::Behind { .. }), "{error}");
    assert!(error.to_string().contains("errand migrate"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[tokio::test]
async fn a_schema_of_a_later_release_is_refused() {
    let (_folder, path) = place();
    opened(&path).await.close().await;
    execute(
        &path,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', 1, x'00', 0)",
    )
    .await;
    let error = refusal(Options::at(&path)).await;
    let newer = matches!(error, OpenError::Newer { version: 9999, .. });
    assert!(newer, "{error}");
}

#[tokio::test]
async fn a_migration_that_was_changed_after_it_was_applied_is_refused() {
    let (_folder, path) = place();
    opened(&path).await.close().await;
    execute(&path, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
    let error = refusal(Options::at(&path)).await;
    assert!(matches!(error, OpenError::Migrate { .. }), "{error}");
}

#[tokio::test]
async fn the_file_has_a_write_ahead_log_so_readers_pass_the_writer() {
    let (_folder, path) = place();
    let store = opened(&path).await;
    let mode: String = {
        let url = format!("sqlite://{}", path.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut connection)
            .await
            .unwrap()
    };
    assert_eq!(mode, "wal");
    store.close().await;
}

#[test]
fn opening_can_run_on_any_thread() {
    fn can_move<T: Send>(_: &T) {}
    can_move(&SqliteStore::open(Options::default()));
}
