//! The probe for transaction poolers, which hand one server session to several clients in turn.
//!
//! Two clients are held open at once. Directly, each has its own server process for as long as it lives. Through a
//! transaction pooler the process of a client that is between transactions is lent to the other one.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor, PgConnection, Row};

use crate::OpenError;
use crate::error::explain;

/// Refuses a place that a transaction pooler answers for. Uses no prepared statements and no session settings: those
/// are what such a pooler gets wrong.
pub(crate) async fn refuse(
    options: &PgConnectOptions,
    place: &str,
    limit: Duration,
) -> Result<(), OpenError> {
    let probed = tokio::time::timeout(limit, is_shared(options)).await;
    let shared = probed.unwrap_or_else(|_| {
        let silent = std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time");
        Err(sqlx::Error::Io(silent))
    });
    if shared.map_err(|error| explain(place, error))? {
        return Err(OpenError::TransactionPooler {
            place: place.to_owned(),
        });
    }
    Ok(())
}

async fn is_shared(options: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let (first, second) = tokio::join!(
        PgConnection::connect_with(options),
        PgConnection::connect_with(options)
    );
    let (mut first, mut second) = (first?, second?);
    let before = server_process(&mut first).await?;
    second.execute(sqlx::raw_sql("BEGIN")).await?;
    let other = server_process(&mut second).await?;
    let after = server_process(&mut first).await?;
    second.execute(sqlx::raw_sql("ROLLBACK")).await?;
    let (one, two) = tokio::join!(first.close(), second.close());
    one.and(two)?;
    Ok(tells_of_a_pooler(before, other, after))
}

/// Whether what two clients saw cannot be had without a pooler.
fn tells_of_a_pooler(first_before: i32, second: i32, first_after: i32) -> bool {
    first_before == second || first_before != first_after
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
        assert!(tells_of_a_pooler(10, 10, 11));
        assert!(tells_of_a_pooler(10, 11, 12));
        assert!(!tells_of_a_pooler(10, 11, 10));
    }
}
