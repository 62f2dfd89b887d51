//! The store in PostgreSQL whose handles tell each other nothing: every case must hold by polling alone.

use super::postgres;
use crate::harness::Harness;

/// A harness over a new database.
pub async fn start() -> Harness {
    postgres::over(false).await
}
