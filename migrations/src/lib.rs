//! The schema of both databases, as migrations that are embedded into the binary.
//!
//! Both folders hold the same tables, and a column means the same in both. A migration that was released is never
//! changed: the database remembers its checksum and refuses to go on with another text. Each one is a transaction,
//! so a crash leaves the schema before it or after it.
//!
//! A migration must not break the release before it, whose processes may still run: it expands, and what contracts comes a release
//! later (`CONTRIBUTING.md`).

use sqlx::migrate::{Migrate, MigrateError, Migrator};

/// The migrations of SQLite.
pub static SQLITE: Migrator = sqlx::migrate!("./sqlite");
/// The migrations of PostgreSQL. They are applied under an advisory lock, so that two processes take turns.
pub static POSTGRES: Migrator = sqlx::migrate!("./postgres");

/// The table in which a database remembers what was applied to it.
pub const APPLIED_TABLE: &str = "_sqlx_migrations";

/// What a set contains, in order, as lists for people show it: `0001 initial`.
pub fn names(set: &Migrator) -> Vec<String> {
    set.iter()
        .map(|one| format!("{:04} {}", one.version, one.description))
        .collect()
}

/// Which migrations a database lacks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pending {
    /// Those that were not applied, in order.
    pub missing: Vec<String>,
    /// The newest applied version that this set does not know: the database belongs to a later release.
    pub newer: Option<i64>,
}

/// Compares a database, whose table of applied migrations exists, with a set.
///
/// # Errors
/// When the table cannot be read, or an applied migration has another text than the one in the set.
pub async fn pending<C>(set: &Migrator, connection: &mut C) -> Result<Pending, MigrateError>
where
    C: Migrate + Send,
{
    let applied = connection.list_applied_migrations(APPLIED_TABLE).await?;
    let mut answer = Pending::default();
    for one in set.iter() {
        match applied.iter().find(|done| done.version == one.version) {
            Some(done) if done.checksum != one.checksum => {
                return Err(MigrateError::VersionMismatch(one.version));
            }
            Some(_) => {}
            None => answer
                .missing
                .push(format!("{:04} {}", one.version, one.description)),
        }
    }
    let unknown = applied.iter().map(|done| done.version);
    answer.newer = unknown
        .filter(|version| !set.version_exists(*version))
        .max();
    Ok(answer)
}

/// Applies what a database lacks, under the database's lock for migrations where it has one.
///
/// # Errors
/// When the database gives up, is newer than the set, or has another text for a migration. The lock is not given back
/// then: close the connection.
pub async fn apply<C>(set: &Migrator, connection: &mut C) -> Result<(), MigrateError>
where
    C: Migrate + Send,
{
    // `Migrator::run` does the same, but its future cannot be proven to be `Send` for every lifetime.
    set.run_direct(None, connection, false).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_migrations() {
        assert_eq!(names(&SQLITE), names(&POSTGRES));
        assert_eq!(names(&SQLITE)[0], "0001 initial");
    }
}
