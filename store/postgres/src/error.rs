//! Everything that can be wrong with the database, each with what to do about it. No text contains the URL, because a
//! password may be in it.

use sqlx::migrate::MigrateError;

/// After what a pooler gives a client's session to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// After each transaction.
    Transaction,
    /// After each statement; it allows no transactions.
    Statement,
}

impl PoolMode {
    fn harm(self) -> &'static str {
        match self {
            Self::Transaction => "prepared statements and LISTEN give wrong answers",
            Self::Statement => "nothing can be committed together",
        }
    }
}

impl std::fmt::Display for PoolMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Transaction => "transaction",
            Self::Statement => "statement",
        })
    }
}

/// Why the database cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL means nothing.
    #[error(
        "the database URL cannot be read ({reason}); expected postgres://user:password@host:port/database"
    )]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing answers there.
    #[error(
        "PostgreSQL at {place} cannot be reached: {source}; is it running, and are host and port right?"
    )]
    Unreachable {
        /// Host and port.
        place: String,
        /// What happened.
        source: sqlx::Error,
    },
    /// It does not let us in.
    #[error(
        "PostgreSQL at {place} refused the connection: {source}; check user, password and database name"
    )]
    Refused {
        /// Host and port.
        place: String,
        /// What it said.
        source: sqlx::Error,
    },
    /// A pooler hands one session to several clients.
    #[error(
        "{place} is a pooler that gives a session to another client after each {mode} (pool_mode = {mode}), through which \
         {harm}; connect to PostgreSQL directly, Errand needs only a few connections, or set pool_mode = session for this \
         database there",
        harm = mode.harm()
    )]
    Pooler {
        /// Host and port.
        place: String,
        /// When it does so.
        mode: PoolMode,
    },
    /// The schema is newer than this program.
    #[error(
        "the database was migrated to version {version} by a newer Errand; upgrade this program"
    )]
    Newer {
        /// Its newest migration.
        version: i64,
    },
    /// A migration did not work out. The schema is as it was before it.
    #[error("could not migrate the database: {source}")]
    Migrate {
        /// What happened.
        source: MigrateError,
    },
}

/// What went wrong while connecting. The server's own words mean that it was reached.
pub(crate) fn explain(place: &str, source: sqlx::Error) -> OpenError {
    let place = place.to_owned();
    if source.as_database_error().is_some() {
        OpenError::Refused { place, source }
    } else {
        OpenError::Unreachable { place, source }
    }
}
