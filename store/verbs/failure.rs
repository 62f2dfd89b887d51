//! Why a statement did not do what was wanted, and what that means for the transaction it was in.

use std::sync::Arc;

use agent_core::ports::store::{DiskFull, StoreError};
use sqlx::error::ErrorKind;

/// Why a verb stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The guard did not hold. Nothing was written for this verb, so its neighbours in the transaction are safe.
    Refused(StoreError),
    /// The database gave up. The transaction is lost, with everything in it.
    Broken(sqlx::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Broken(error)
    }
}

impl Failure {
    pub(crate) fn into_store_error(self) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Broken(error) if names_nothing(&error) => StoreError::NotFound,
            Self::Broken(error) => unavailable(is_full(&error), error),
        }
    }
}

/// Whether a row named a tenant, task or step that does not exist.
fn names_nothing(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.kind() == ErrorKind::ForeignKeyViolation)
}

/// Whether one commit may be to blame for a lost transaction, so that the others should be tried without it. When
/// the connection broke, nobody is to blame, and it is not known whether the transaction was committed.
pub(crate) fn one_may_be_to_blame(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        // A value that cannot be encoded comes from one commit; everything else is the connection's trouble.
        return matches!(error, sqlx::Error::Encode(_));
    };
    // Class 57 of PostgreSQL: the server is going down or was told to stop.
    !error.code().is_some_and(|code| code.starts_with("57P"))
}

fn unavailable(is_full: bool, error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    let cause: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
    StoreError::Unavailable(if is_full {
        Box::new(DiskFull(cause))
    } else {
        cause
    })
}

/// Whether the database has no room left: `SQLITE_FULL`, or PostgreSQL's `disk_full`.
fn is_full(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["13", "53100"].contains(&&*code))
}

/// The database did not answer in time.
pub(crate) fn timed_out() -> sqlx::Error {
    let error = std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "the database did not answer in time",
    );
    sqlx::Error::Io(error)
}

/// One failure that many callers are told of.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SharedFailure(Arc<sqlx::Error>);

impl SharedFailure {
    pub(crate) fn new(error: sqlx::Error) -> Self {
        Self(Arc::new(error))
    }

    pub(crate) fn to_store_error(&self) -> StoreError {
        unavailable(is_full(&self.0), self.clone())
    }
}
