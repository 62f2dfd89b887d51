//! The schema: which migrations are missing, and applying them.
//!
//! Migrating uses a connection of its own, and only when something is missing. It takes an advisory lock, so that two processes
//! take turns, and ends with the connection, so that the lock does too, whatever happened.

use std::time::Duration;

use migrations::{APPLIED_TABLE, POSTGRES, Pending};
use sqlx::migrate::MigrateError;
use sqlx::{Connection as _, PgConnection};

use crate::{OpenError, PostgresStore};

/// How long migrating may take in all. A lock that another process holds is waited for within it.
const DEADLINE: Duration = Duration::from_mins(10);

impl PostgresStore {
    /// Applies the migrations that the database lacks.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        if self.pending_migrations().await?.is_empty() {
            return Ok(());
        }
        let work = async {
            // Without the deadlines of ordinary statements, which are too short for a migration, or for waiting for
            // another's.
            let mut connection = PgConnection::connect_with(&self.connect)
                .await
                .map_err(MigrateError::Execute)?;
            let done = match pending(&mut connection).await {
                Ok(Pending {
                    newer: Some(version),
                    ..
                }) => Err(OpenError::Newer { version }),
                Ok(_) => migrations::apply(&POSTGRES, &mut connection)
                    .await
                    .map_err(failed),
                Err(error) => Err(failed(error)),
            };
            // Not fatal: the server ends the session when it notices.
            let _ = connection.close().await;
            Ok(done)
        };
        match tokio::time::timeout(DEADLINE, work).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(failed(MigrateError::Execute(sqlx::Error::PoolTimedOut))),
        }
    }

    /// The migrations that the database lacks, in order. Changes nothing.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, OpenError> {
        let work = async {
            let mut reader = self.core.reader().await?;
            Ok(pending(&mut reader).await)
        };
        let found = self.core.within(work).await.map_err(|error| {
            let error = sqlx::Error::Configuration(error.into());
            failed(MigrateError::Execute(error))
        })?;
        match found.map_err(failed)? {
            Pending {
                newer: Some(version),
                ..
            } => Err(OpenError::Newer { version }),
            Pending { missing, .. } => Ok(missing),
        }
    }
}

fn failed(source: MigrateError) -> OpenError {
    OpenError::Migrate { source }
}

async fn pending(connection: &mut PgConnection) -> Result<Pending, MigrateError> {
    let table: Option<String> = sqlx::query_scalar("SELECT CAST(to_regclass($1) AS TEXT)")
        .bind(APPLIED_TABLE)
        .fetch_one(&mut *connection)
        .await?;
    if table.is_none() {
        return Ok(Pending {
            missing: migrations::names(&POSTGRES),
            newer: None,
        });
    }
    migrations::pending(&POSTGRES, connection).await
}
