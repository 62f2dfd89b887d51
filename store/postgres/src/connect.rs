//! Connecting: the URL, a probe for poolers, a pool whose connections all have deadlines.
//!
//! Nothing here reads or changes the schema; that is `schema`'s.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};

use crate::error::explain;
use crate::pooler::{self, SeenByPool};
use crate::verbs::hints::Hints;
use crate::verbs::{Core, Parts};
use crate::{OpenError, Options, PostgresStore, relay};

/// A connection that has been idle for longer is tried before it is used; the server may have gone in between.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// Idle connections beyond the first are given back to the server after this time.
const IDLE_MAX: Duration = Duration::from_mins(5);

impl PostgresStore {
    /// Connects. The schema is neither checked nor changed: see [`PostgresStore::migrate`] and
    /// [`PostgresStore::pending_migrations`].
    pub async fn connect(options: Options) -> Result<Arc<Self>, OpenError> {
        let connect = PgConnectOptions::from_str(options.url.expose())
            .map_err(|error| OpenError::Url {
                reason: reason(&error),
            })?
            .application_name("errand")
            // Nothing here is a float, and poolers refuse this setting unless they are told to ignore it.
            .extra_float_digits(None);
        let place = format!("{}:{}", connect.get_host(), connect.get_port());
        let pool = probed_pool(&options, &connect, &place).await?;
        let (hints, outward) = if options.notify {
            let (hints, outward) = relay::hints();
            (hints, Some(outward))
        } else {
            (Hints::new(None), None)
        };
        let core = Core::start(Parts {
            write: pool.clone(),
            read: pool,
            deadline: Duration::from_millis(options.deadline_ms),
            batch_max: options.batch_max,
            hints,
        });
        if let Some(outward) = outward {
            relay::start(&core, &connect, outward);
        }
        Ok(Arc::new(Self { core, connect }))
    }
}

/// Connects while it looks for a pooler. What the look finds comes first, because a pooler may break the other connection in any
/// way; a place that nobody answers at is not waited for.
async fn probed_pool(
    options: &Options,
    connect: &PgConnectOptions,
    place: &str,
) -> Result<PgPool, OpenError> {
    let by_pool = SeenByPool::default();
    let mut connecting = std::pin::pin!(pool(options, connect.clone(), by_pool.clone()));
    let mut connected = None;
    if options.refuse_poolers {
        let limit = Duration::from_millis(options.acquire_timeout_ms);
        let mut looking = std::pin::pin!(pooler::look(connect, place, limit, &by_pool));
        loop {
            tokio::select! {
                biased;
                // First: what it has seen by now is looked at.
                pool = &mut connecting, if connected.is_none() => connected = Some(pool),
                looked = &mut looking => break looked?,
            }
        }
    }
    let pool = match connected {
        Some(pool) => pool,
        None => connecting.await,
    };
    pool.map_err(|error| explain(place, error))
}

/// What is wrong with a URL, without the URL.
fn reason(error: &sqlx::Error) -> String {
    if let sqlx::Error::Configuration(inner) = error {
        inner.to_string()
    } else {
        error.to_string()
    }
}

/// Sets deadlines that the server keeps, also when this process is stopped in the middle of something, and lets it plan each
/// statement once, by keys: a plan that was made while tables were small must also do when they are large. None is worth
/// compiling. A statement, and not a parameter of the connection's start: poolers drop those without a word. Says which process of
/// the server answered.
async fn set_up(
    connection: &mut PgConnection,
    [statement, lock, idle]: [String; 3],
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT pg_backend_pid(), set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
                set_config('idle_in_transaction_session_timeout', $3, false),
                set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
                set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false),
                set_config('jit', 'off', false)",
    )
    .bind(statement)
    .bind(lock)
    .bind(idle)
    .fetch_one(connection)
    .await
}

async fn pool(
    options: &Options,
    connect: PgConnectOptions,
    by_pool: SeenByPool,
) -> Result<PgPool, sqlx::Error> {
    let deadlines = [
        options.statement_timeout_ms,
        options.lock_timeout_ms,
        options.idle_in_transaction_timeout_ms,
    ]
    .map(|ms| format!("{ms}ms"));
    PgPoolOptions::new()
        .min_connections(1)
        .max_connections(options.connections_max.max(1))
        .acquire_timeout(Duration::from_millis(options.acquire_timeout_ms))
        .idle_timeout(IDLE_MAX)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let (deadlines, by_pool) = (deadlines.clone(), by_pool.clone());
            Box::pin(async move {
                by_pool.saw(set_up(connection, deadlines).await?);
                Ok(())
            })
        })
        .before_acquire(|connection: &mut PgConnection, meta| {
            Box::pin(async move {
                if meta.idle_for < TRUSTED_IDLE {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
        .connect_with(connect)
        .await
}
