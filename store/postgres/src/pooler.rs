//! The probe for poolers that hand one server session to several clients in turn, after each transaction or statement.
//!
//! Two clients are held open at once, beside the first of the pool's own. Directly, or through a pooler of sessions, each has a server
//! process of its own for as long as it lives. Otherwise the process of a client that is between transactions is lent to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor, PgConnection, Row};

use crate::error::explain;
use crate::{OpenError, PoolMode};

/// The state with which poolers refuse what they do not allow: `protocol_violation`. A server has no reason to refuse a `BEGIN` so.
const NOT_ALLOWED: &str = "08P01";

/// How often it is looked. Whoever else uses the pooler may take a process just then, so that one look finds nothing.
const LOOKS: u32 = 3;

/// The server process that the pool's first connection saw; none yet, as long as it is 0.
#[derive(Clone, Default)]
pub(crate) struct SeenByPool(Arc<AtomicI32>);

impl SeenByPool {
    pub(crate) fn saw(&self, process: i32) {
        // Later connections come when others may have ended.
        let _ = self
            .0
            .compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// What the two clients of the probe saw.
#[derive(Debug, Clone, Copy)]
struct Seen {
    first_before: i32,
    second: i32,
    first_after: i32,
}

impl Seen {
    /// Whether that cannot be had without a pooler. `by_pool` is what a third client saw, that was connected all the time.
    fn tells_of_a_pooler(self, by_pool: i32) -> bool {
        self.first_before == self.second
            || self.first_before != self.first_after
            || by_pool == self.first_before
            || by_pool == self.second
    }

    /// Refuses the place if the pool's connection had a process of these two. A pool that took the first one's process for a
    /// moment makes the second one get another, and the two alone would look like clients with processes of their own.
    ///
    /// Asked while both are still connected: afterwards a pooler of sessions may lend their processes too.
    fn refuse_shared(self, by_pool: &SeenByPool, place: &str) -> Result<(), OpenError> {
        if self.tells_of_a_pooler(by_pool.0.load(Ordering::Relaxed)) {
            return Err(pooler(place, PoolMode::Transaction));
        }
        Ok(())
    }
}

fn pooler(place: &str, mode: PoolMode) -> OpenError {
    OpenError::Pooler {
        place: place.to_owned(),
        mode,
    }
}

/// Looks at a place with two clients, and refuses it if they, and what the pool's connection saw meanwhile, tell of a pooler. Uses no
/// prepared statements and no session settings: those are what such a pooler gets wrong.
pub(crate) async fn look(
    options: &PgConnectOptions,
    place: &str,
    limit: Duration,
    by_pool: &SeenByPool,
) -> Result<(), OpenError> {
    let probed = tokio::time::timeout(limit, probe(options, place, by_pool)).await;
    probed.unwrap_or_else(|_| {
        let silent = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time");
        Err(explain(place, sqlx::Error::Io(silent)))
    })
}

async fn probe(
    options: &PgConnectOptions,
    place: &str,
    by_pool: &SeenByPool,
) -> Result<(), OpenError> {
    let failed = |error| explain(place, error);
    let (first, second) = tokio::join!(
        PgConnection::connect_with(options),
        PgConnection::connect_with(options)
    );
    let (mut first, mut second) = (first.map_err(failed)?, second.map_err(failed)?);
    let mut looked = look_once(&mut first, &mut second, place).await?;
    for _ in 1..LOOKS {
        if looked.tells_of_a_pooler(0) {
            break;
        }
        looked = look_once(&mut first, &mut second, place).await?;
    }
    looked.refuse_shared(by_pool, place)?;
    let (one, two) = tokio::join!(first.close(), second.close());
    one.and(two).map_err(failed)
}

async fn look_once(
    first: &mut PgConnection,
    second: &mut PgConnection,
    place: &str,
) -> Result<Seen, OpenError> {
    let failed = |error| explain(place, error);
    let first_before = server_process(first).await.map_err(failed)?;
    match second.execute(sqlx::raw_sql("BEGIN")).await {
        Ok(_) => {}
        Err(error) if is_refusal_of_a_pooler(&error) => {
            return Err(pooler(place, PoolMode::Statement));
        }
        Err(error) => return Err(failed(error)),
    }
    let ended = async {
        let seen = Seen {
            first_before,
            second: server_process(second).await?,
            first_after: server_process(first).await?,
        };
        second.execute(sqlx::raw_sql("ROLLBACK")).await?;
        Ok(seen)
    };
    ended.await.map_err(failed)
}

fn is_refusal_of_a_pooler(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == NOT_ALLOWED)
}

async fn server_process(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    let row = connection
        .fetch_one(sqlx::raw_sql("SELECT CAST(pg_backend_pid() AS TEXT)"))
        .await?;
    let text: String = row.try_get_unchecked(0)?;
    text.parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_two_clients_share_tells_of_a_pooler() {
        let tells = |first_before, second, first_after, by_pool| {
            let seen = Seen {
                first_before,
                second,
                first_after,
            };
            seen.tells_of_a_pooler(by_pool)
        };
        assert!(tells(10, 10, 11, 0));
        assert!(tells(10, 11, 12, 0));
        assert!(!tells(10, 11, 10, 0));
        assert!(!tells(10, 11, 10, 12));
        // The pool's connection was in between.
        assert!(tells(10, 11, 10, 10));
        assert!(tells(10, 11, 10, 11));
    }
}
