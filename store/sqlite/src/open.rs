//! Opening: the place, the file, its schema, in this order.
//!
//! Nothing is written to a file before it is known to be empty or a database of ours. A crash in a migration leaves
//! the schema before it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use migrations::{APPLIED_TABLE, Pending, SQLITE};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, SqliteConnection};

use crate::error::{explain, explain_migration};
use crate::verbs::hints::Hints;
use crate::verbs::{Core, Parts};
use crate::{OpenError, Options, SqliteStore};

/// Oldest SQLite without the fault that can lose commits when a WAL is reset.
const VERSION_MIN: [u32; 3] = [3, 51, 3];

/// File systems over a network, by the numbers that Linux gives them: NFS, SMB, SMB2, CIFS, AFS, Ceph.
const NETWORK_FILE_SYSTEMS: [i128; 6] = [
    0x6969,
    0x517B,
    0xFE53_4D42,
    0xFF53_4D42,
    0x5346_414F,
    0x00C3_6400,
];

impl SqliteStore {
    /// Opens the file, and migrates it if that is wanted.
    pub async fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        let path = options.path.as_path();
        check_place(path)?;
        if !options.create && !path.exists() {
            return Err(OpenError::NoFile(path.to_path_buf()));
        }
        prepare_file(&options).await?;

        let connect = connect_options(&options)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let failed = |error| explain(path, error);
        let write = pool(&options, 1, connect.clone()).await.map_err(failed)?;
        let readers = connect.pragma("query_only", "ON");
        let read = pool(&options, options.readers.max(1), readers)
            .await
            .map_err(failed)?;
        let core = Core::start(Parts {
            write,
            read,
            deadline: Duration::from_millis(options.deadline_ms),
            batch_max: options.batch_max,
            hints: Hints::new(None),
        });
        Ok(Arc::new(Self { core }))
    }

    /// The migrations that a file lacks, in order; all of them when there is no file yet. Changes nothing.
    pub async fn pending_migrations(path: &Path) -> Result<Vec<String>, OpenError> {
        check_place(path)?;
        if !path.exists() {
            return Ok(migrations::names(&SQLITE));
        }
        let failed = |error| explain(path, error);
        let connect = connect_options(&Options {
            create: false,
            ..Options::at(path)
        });
        let mut connection = SqliteConnection::connect_with(&connect)
            .await
            .map_err(failed)?;
        let missing = missing(path, &mut connection).await?;
        connection.close().await.map_err(failed)?;
        Ok(missing)
    }
}

/// The folder must be there and local, and the path must not be something else.
fn check_place(path: &Path) -> Result<(), OpenError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(OpenError::NoFolder(folder.to_path_buf()));
    }
    if path.exists() && !path.is_file() {
        return Err(OpenError::NotAFile(path.to_path_buf()));
    }
    // Where this cannot be asked, SQLite's own checks remain.
    let kind = rustix::fs::statfs(folder).map(|answer| i128::from(answer.f_type));
    if kind.is_ok_and(|kind| NETWORK_FILE_SYSTEMS.contains(&kind)) {
        return Err(OpenError::NetworkFileSystem(path.to_path_buf()));
    }
    Ok(())
}

/// Checks library, file and schema on a connection of its own, and migrates.
async fn prepare_file(options: &Options) -> Result<(), OpenError> {
    let path = options.path.as_path();
    let failed = |error| explain(path, error);
    let mut connection = SqliteConnection::connect_with(&connect_options(options))
        .await
        .map_err(failed)?;
    check_library(path, &mut connection).await?;
    let missing = missing(path, &mut connection).await?;
    check_writable(&mut connection).await.map_err(failed)?;
    if !missing.is_empty() {
        if !options.migrate {
            return Err(OpenError::Behind {
                path: path.to_path_buf(),
                missing,
            });
        }
        migrations::apply(&SQLITE, &mut connection)
            .await
            .map_err(|error| explain_migration(path, error))?;
    }
    connection.close().await.map_err(failed)
}

async fn check_library(path: &Path, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let found: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(connection)
        .await
        .map_err(|error| explain(path, error))?;
    let numbers: Vec<u32> = found
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    if numbers.as_slice() < VERSION_MIN.as_slice() {
        return Err(OpenError::OldLibrary { found });
    }
    Ok(())
}

/// Takes the write lock and gives it back; a file or a folder that only allows reading fails here.
async fn check_writable(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let tx = connection.begin_with(crate::dialect::BEGIN_WRITE).await?;
    tx.rollback().await
}

/// The migrations that a file lacks. Refuses a database of another program, or of a newer Errand.
async fn missing(path: &Path, connection: &mut SqliteConnection) -> Result<Vec<String>, OpenError> {
    let failed = |error| explain(path, error);
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetch_all(&mut *connection)
            .await
            .map_err(failed)?;
    if tables.is_empty() {
        return Ok(migrations::names(&SQLITE));
    }
    if !tables.iter().any(|name| name == APPLIED_TABLE) {
        return Err(OpenError::Foreign(path.to_path_buf()));
    }
    let found = migrations::pending(&SQLITE, connection)
        .await
        .map_err(|error| explain_migration(path, error))?;
    let Pending { missing, newer } = found;
    match newer {
        Some(version) => Err(OpenError::Newer {
            path: path.to_path_buf(),
            version,
        }),
        None => Ok(missing),
    }
}

/// What every connection has. The mode of the journal is not among it: setting it writes to the file.
fn connect_options(options: &Options) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(PathBuf::from(&options.path))
        .create_if_missing(options.create)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(options.busy_timeout_ms))
}

async fn pool(
    options: &Options,
    connections: u32,
    connect: SqliteConnectOptions,
) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .acquire_timeout(Duration::from_millis(options.deadline_ms))
        .idle_timeout(None)
        .max_lifetime(None)
        // A file does not hang up.
        .test_before_acquire(false)
        // SQLite ends a transaction by itself when the disk is full. The rollback that follows then fails, and the driver
        // goes on believing that a transaction is open; such a connection is replaced.
        .before_acquire(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
        .connect_with(connect)
        .await
}
