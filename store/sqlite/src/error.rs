//! Everything that can be wrong with the file, each with what to do about it.

use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;

/// Why the file cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is not there.
    #[error("folder {} does not exist; create it, or choose another database path", .0.display())]
    NoFolder(PathBuf),
    /// The file is not there, and was not to be made.
    #[error("database {} does not exist; run `errand migrate` to create it", .0.display())]
    NoFile(PathBuf),
    /// The path is a folder or a device.
    #[error("{} is not a file; choose another database path", .0.display())]
    NotAFile(PathBuf),
    /// The file is something else.
    #[error("{} is not an SQLite database; move it away, or choose another database path", .0.display())]
    NotADatabase(PathBuf),
    /// It is an SQLite database of another program.
    #[error("{} is an SQLite database, but not one of Errand; choose another database path", .0.display())]
    Foreign(PathBuf),
    /// It cannot be written.
    #[error("{} cannot be written; check the permissions of the file and of its folder", .0.display())]
    ReadOnly(PathBuf),
    /// File locks do not work there.
    #[error("{} is on a network file system, where SQLite can lose data; use a local disk, or PostgreSQL", .0.display())]
    NetworkFileSystem(PathBuf),
    /// The library is too old.
    #[error("SQLite {found} can lose commits; build with 3.51.3 or newer")]
    OldLibrary {
        /// Its version.
        found: String,
    },
    /// The schema is older than this program.
    #[error("database {} lacks migrations ({}); stop the server and run `errand migrate`", .path.display(), .missing.join(", "))]
    Behind {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        missing: Vec<String>,
    },
    /// The schema is newer than this program.
    #[error("database {} was migrated to version {version} by a newer Errand; upgrade this program", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its newest migration.
        version: i64,
    },
    /// A migration did not work out. The schema is as it was before it.
    #[error("could not migrate {}: {source}", .path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: MigrateError,
    },
    /// Something else.
    #[error("could not open {}: {source}", .path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: sqlx::Error,
    },
}

/// What SQLite's own error says about the file.
pub(crate) fn explain(path: &Path, source: sqlx::Error) -> OpenError {
    let path = path.to_path_buf();
    let code = source
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    // The low byte is the kind of error; the rest says more.
    let kind = code
        .and_then(|code| code.parse::<u32>().ok())
        .map(|code| code & 0xFF);
    match kind {
        // SQLITE_NOTADB.
        Some(26) => OpenError::NotADatabase(path),
        // SQLITE_PERM, SQLITE_READONLY, and SQLITE_CANTOPEN of a file whose folder is there.
        Some(3 | 8 | 14) => OpenError::ReadOnly(path),
        Some(_) | None => OpenError::Other { path, source },
    }
}

/// What went wrong in a migration.
pub(crate) fn explain_migration(path: &Path, source: MigrateError) -> OpenError {
    if let MigrateError::Execute(source) = source {
        return explain(path, source);
    }
    OpenError::Migrate {
        path: path.to_path_buf(),
        source,
    }
}
