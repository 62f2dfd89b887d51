//! Hints between processes, by LISTEN and NOTIFY on connections of their own.
//!
//! Notifying takes a lock of the whole instance at commit, so it is kept out of the transactions that commit work, and
//! is done at most once per [`PAUSE`], for everything that came in meanwhile. A lost connection is made anew after a
//! while; until then others poll. The first ones are made after the start, which has more urgent work for the server. Nothing
//! depends on any of this.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent_core::id::TaskId;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::verbs::Core;
use crate::verbs::hints::{Hint, Hints};

const CHANNEL: &str = "errand";
/// Between two notifications.
const PAUSE: Duration = Duration::from_millis(10);
/// Between the start and the first connections.
const AFTER_START: Duration = Duration::from_millis(250);
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_secs(2);
/// Silence after which the listener's connection is tried.
const QUIET: Duration = Duration::from_mins(1);
/// Hints that wait to be sent; more are dropped.
const BACKLOG: usize = 1_024;
/// A payload may have 8000 bytes; an id has 37.
const TASKS_PER_PAYLOAD: usize = 200;
/// Stands for every task.
const ANY_TASK: &str = "*";
/// Stands for jobs.
const JOBS: &str = "j";

/// Hints that also go out, and the end they come out of.
pub(crate) fn hints() -> (Hints, mpsc::Receiver<Hint>) {
    let (send, receive) = mpsc::channel(BACKLOG);
    (Hints::new(Some(send)), receive)
}

/// Starts sending and hearing. Both end with the store.
pub(crate) fn start(core: &Arc<Core>, connect: &PgConnectOptions, outward: mpsc::Receiver<Hint>) {
    // The server process that our own notifications come from.
    let own = Arc::new(AtomicU32::new(0));
    let ended = core.ended.clone();
    let speaking = speak(connect.clone(), outward, own.clone());
    let hearing = hear(connect.clone(), core.hints.clone(), own);
    let relaying = async {
        tokio::time::sleep(AFTER_START).await;
        tokio::join!(speaking, hearing)
    };
    core.running
        .spawn(ended.run_until_cancelled_owned(relaying));
}

async fn speak(connect: PgConnectOptions, mut outward: mpsc::Receiver<Hint>, own: Arc<AtomicU32>) {
    let mut waiting = Vec::new();
    let mut connection = None;
    while outward.recv_many(&mut waiting, BACKLOG).await > 0 {
        let payload = payload(&std::mem::take(&mut waiting));
        if let Err(error) = notify(&connect, &mut connection, &own, &payload).await {
            tracing::debug!(error = %error, "could not notify other processes; they poll");
            connection = None;
            tokio::time::sleep(RETRY).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn notify(
    connect: &PgConnectOptions,
    kept: &mut Option<PgConnection>,
    own: &AtomicU32,
    payload: &str,
) -> Result<(), sqlx::Error> {
    let connection = if let Some(connection) = kept {
        connection
    } else {
        let mut made = PgConnection::connect_with(connect).await?;
        // A hint need not survive a power cut, so its commit need not wait for the disk.
        sqlx::query("SET synchronous_commit = off")
            .execute(&mut made)
            .await?;
        let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut made)
            .await?;
        own.store(u32::try_from(process).unwrap_or(0), Ordering::Relaxed);
        kept.insert(made)
    };
    sqlx::query("SELECT pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(payload)
        .execute(connection)
        .await?;
    Ok(())
}

async fn hear(connect: PgConnectOptions, hints: Arc<Hints>, own: Arc<AtomicU32>) {
    loop {
        if let Err(error) = hear_while_connected(&connect, &hints, &own).await {
            tracing::debug!(error = %error, "could not listen for other processes; polling");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn hear_while_connected(
    connect: &PgConnectOptions,
    hints: &Hints,
    own: &AtomicU32,
) -> Result<(), sqlx::Error> {
    // The listener takes its connection from a pool; this one has no other.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_with(connect.clone())
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    // Whatever was said before we listened.
    hints.hear(Hint::Jobs);
    hints.hear(Hint::Task(None));
    loop {
        let Ok(heard) = timeout(QUIET, listener.try_recv()).await else {
            // Silence may be a connection that is dead without having said so.
            let asked = sqlx::query("SELECT 1").execute(&mut listener);
            timeout(RETRY, asked)
                .await
                .map_err(|_| sqlx::Error::PoolTimedOut)??;
            continue;
        };
        // `None` is a lost connection.
        let Some(heard) = heard? else { return Ok(()) };
        if heard.process_id() != own.load(Ordering::Relaxed) {
            for hint in read(heard.payload()) {
                hints.hear(hint);
            }
        }
    }
}

fn payload(hints: &[Hint]) -> String {
    let mut words = BTreeSet::new();
    for hint in hints {
        words.insert(match hint {
            Hint::Jobs => JOBS,
            Hint::Task(Some(task)) => task.as_str(),
            Hint::Task(None) => ANY_TASK,
        });
    }
    if words.len() > TASKS_PER_PAYLOAD {
        words.retain(|word| *word == JOBS);
        words.insert(ANY_TASK);
    }
    words.into_iter().collect::<Vec<_>>().join(" ")
}

/// Reads a payload; words that mean nothing here may mean something to another version.
fn read(payload: &str) -> Vec<Hint> {
    let known = payload.split(' ').filter_map(|word| match word {
        JOBS => Some(Hint::Jobs),
        ANY_TASK => Some(Hint::Task(None)),
        word => word
            .parse::<TaskId>()
            .ok()
            .map(|task| Hint::Task(Some(task))),
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::ports::entropy::Seeded;

    #[test]
    fn hints_read_back_from_their_payload_once_each() {
        let task = TaskId::new(&Seeded::new(1));
        let sent = [
            Hint::Task(Some(task.clone())),
            Hint::Jobs,
            Hint::Task(Some(task.clone())),
        ];
        let heard = read(&payload(&sent));
        assert_eq!(heard, vec![Hint::Jobs, Hint::Task(Some(task))]);
    }

    #[test]
    fn too_many_tasks_become_any_task_and_fit_the_payload() {
        let entropy = Seeded::new(1);
        let mut sent: Vec<Hint> = (0..500)
            .map(|_| Hint::Task(Some(TaskId::new(&entropy))))
            .collect();
        sent.push(Hint::Jobs);
        assert_eq!(read(&payload(&sent)), vec![Hint::Task(None), Hint::Jobs]);
        assert!(payload(&sent[..TASKS_PER_PAYLOAD]).len() < 8_000);
    }
}
