//! Hints between processes, by LISTEN and NOTIFY on connections of their own.
//!
//! Notifying takes a lock of the whole instance at commit, so it is kept out of the transactions that commit work, is done only
//! when somebody may be waiting in another process, which [`Audience`] knows, and at most once per [`PAUSE`], for everything
//! that came in meanwhile. A lost connection is made anew after a while; until then others poll. The first ones are made after the
//! start, which has more urgent work for the server. Nothing depends on any of this.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent_core::id::TaskId;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use crate::audience::{Audience, Word};
use crate::verbs::Core;
use crate::verbs::hints::{Hint, Hints, Outward};

const CHANNEL: &str = "errand";
/// Between two notifications.
const PAUSE: Duration = Duration::from_millis(10);
/// Between the start and the first connections.
const AFTER_START: Duration = Duration::from_millis(250);
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_secs(2);
/// Between two looks at what has to be said again.
const LOOK: Duration = Duration::from_secs(10);
/// Silence after which the listener's connection is tried.
const QUIET: Duration = Duration::from_mins(1);
/// Hints that wait to be sent; more are dropped.
const BACKLOG: usize = 1_024;
/// A payload may have 8000 bytes; an id has 37, and there are those that moved and those that are waited for.
const TASKS_PER_PAYLOAD: usize = 100;
/// Stands for every task.
const ANY_TASK: &str = "*";
/// Stands for jobs.
const JOBS: &str = "j";
/// Comes before what somebody waits for.
const WAITS: char = '+';
/// Asks who is there.
const ASKS: &str = "?";
/// Says that somebody is.
const HERE: &str = "!";

/// Hints that also go out, and the end they come out of.
pub(crate) fn hints() -> (Hints, mpsc::Receiver<Outward>) {
    let (send, receive) = mpsc::channel(BACKLOG);
    (Hints::new(Some(send)), receive)
}

/// What the listener hears for the speaker.
enum Heard {
    /// It has begun to listen, and knows nothing of what was said before.
    Begun,
    /// Another process said this.
    Said(Word),
}

/// Starts sending and hearing. Both end with the store.
pub(crate) fn start(
    core: &Arc<Core>,
    connect: &PgConnectOptions,
    outward: mpsc::Receiver<Outward>,
) {
    let (tell, told) = mpsc::channel(BACKLOG);
    let own = Arc::new(AtomicU32::new(0));
    let ended = core.ended.clone();
    let speaker = Speaker {
        connect: connect.clone(),
        connection: None,
        own: own.clone(),
        audience: Audience::default(),
        words: Vec::new(),
    };
    let ear = Ear {
        connect: connect.clone(),
        hints: core.hints.clone(),
        own,
        tell,
    };
    let relaying = async {
        tokio::time::sleep(AFTER_START).await;
        tokio::join!(speaker.speak(outward, told), ear.hear())
    };
    core.running
        .spawn(ended.run_until_cancelled_owned(relaying));
}

struct Speaker {
    connect: PgConnectOptions,
    connection: Option<PgConnection>,
    /// The server process that our own notifications come from.
    own: Arc<AtomicU32>,
    audience: Audience,
    /// What is to be said.
    words: Vec<Word>,
}

impl Speaker {
    async fn speak(
        mut self,
        mut outward: mpsc::Receiver<Outward>,
        mut told: mpsc::Receiver<Heard>,
    ) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                taken = outward.recv_many(&mut waiting, BACKLOG) => {
                    if taken == 0 {
                        return;
                    }
                    for (hint, at_most) in waiting.drain(..) {
                        self.take_in(hint, at_most);
                    }
                }
                Some(heard) = told.recv() => {
                    // What happened here before comes first, and is not news to whoever says now that it waits.
                    for _ in 0..outward.len() {
                        if let Ok((hint, at_most)) = outward.try_recv() {
                            self.take_in(hint, at_most);
                        }
                    }
                    self.answer(&heard);
                }
                _ = look.tick() => {
                    let again = self.audience.passed(Instant::now());
                    self.words.extend(again);
                }
            }
            if !self.words.is_empty() {
                self.say().await;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    fn take_in(&mut self, hint: Hint, at_most: Option<Duration>) {
        let now = Instant::now();
        let word = match at_most {
            None => self.audience.happened(hint, now),
            Some(at_most) => self.audience.waits(hint, at_most, now),
        };
        self.words.extend(word);
    }

    fn answer(&mut self, heard: &Heard) {
        match heard {
            Heard::Begun => self.words.push(Word::Asks),
            Heard::Said(word) => {
                let answers = self.audience.heard(word, Instant::now());
                self.words.extend(answers);
            }
        }
    }

    /// Says what there is to say. What could not be said is lost, so the others are asked who they are as soon as they can be.
    async fn say(&mut self) {
        let payload = payload(&std::mem::take(&mut self.words));
        if let Err(error) = self.notify(&payload).await {
            tracing::debug!(error = %error, "could not notify other processes; they poll");
            self.connection = None;
            self.words.push(Word::Asks);
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn notify(&mut self, payload: &str) -> Result<(), sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(speaking(&self.connect, &self.own).await?),
        };
        sqlx::query("SELECT pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(payload)
            .execute(connection)
            .await?;
        Ok(())
    }
}

async fn speaking(
    connect: &PgConnectOptions,
    own: &AtomicU32,
) -> Result<PgConnection, sqlx::Error> {
    let mut made = PgConnection::connect_with(connect).await?;
    // A hint need not survive a power cut, so its commit need not wait for the disk.
    sqlx::query("SET synchronous_commit = off")
        .execute(&mut made)
        .await?;
    let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut made)
        .await?;
    own.store(u32::try_from(process).unwrap_or(0), Ordering::Relaxed);
    Ok(made)
}

struct Ear {
    connect: PgConnectOptions,
    hints: Arc<Hints>,
    own: Arc<AtomicU32>,
    tell: mpsc::Sender<Heard>,
}

impl Ear {
    async fn hear(self) {
        loop {
            if let Err(error) = self.hear_while_connected().await {
                tracing::debug!(error = %error, "could not listen for other processes; polling");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn hear_while_connected(&self) -> Result<(), sqlx::Error> {
        // The listener takes its connection from a pool; this one has no other.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(self.connect.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        // Whatever was said before we listened.
        self.hints.hear(Hint::Jobs);
        self.hints.hear(Hint::Task(None));
        // Fails only when the speaker has ended.
        let _ = self.tell.send(Heard::Begun).await;
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
            if heard.process_id() != self.own.load(Ordering::Relaxed) {
                for word in read(heard.payload()) {
                    if let Word::Hint(hint) = &word {
                        self.hints.hear(hint.clone());
                    }
                    // Full means that others talk faster than we answer; they say again what matters.
                    let _ = self.tell.try_send(Heard::Said(word));
                }
            }
        }
    }
}

fn payload(words: &[Word]) -> String {
    let waits = words.iter().filter_map(|word| match word {
        Word::Waits(hint) => Some(hint),
        Word::Hint(_) | Word::Asks | Word::Here => None,
    });
    let hints = words.iter().filter_map(|word| match word {
        Word::Hint(hint) => Some(hint),
        Word::Waits(_) | Word::Asks | Word::Here => None,
    });
    let mut said: Vec<String> = few(hints).into_iter().map(str::to_owned).collect();
    said.extend(few(waits).into_iter().map(|hint| format!("{WAITS}{hint}")));
    if words.contains(&Word::Asks) {
        said.push(ASKS.to_owned());
    }
    if words.contains(&Word::Here) {
        said.push(HERE.to_owned());
    }
    said.join(" ")
}

/// Each once, and no more of them than half of a payload holds.
fn few<'a>(hints: impl Iterator<Item = &'a Hint>) -> BTreeSet<&'a str> {
    let mut words: BTreeSet<&str> = hints.map(hint_word).collect();
    if words.len() > TASKS_PER_PAYLOAD {
        words.retain(|word| *word == JOBS);
        words.insert(ANY_TASK);
    }
    words
}

fn hint_word(hint: &Hint) -> &str {
    match hint {
        Hint::Jobs => JOBS,
        Hint::Task(Some(task)) => task.as_str(),
        Hint::Task(None) => ANY_TASK,
    }
}

/// Reads a payload; words that mean nothing here may mean something to another version.
fn read(payload: &str) -> Vec<Word> {
    let known = payload.split(' ').filter_map(|word| match word {
        ASKS => Some(Word::Asks),
        HERE => Some(Word::Here),
        word => match word.strip_prefix(WAITS) {
            Some(hint) => read_hint(hint).map(Word::Waits),
            None => read_hint(word).map(Word::Hint),
        },
    });
    known.collect()
}

fn read_hint(word: &str) -> Option<Hint> {
    match word {
        JOBS => Some(Hint::Jobs),
        ANY_TASK => Some(Hint::Task(None)),
        word => word
            .parse::<TaskId>()
            .ok()
            .map(|task| Hint::Task(Some(task))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_core::ports::entropy::Seeded;

    #[test]
    fn words_read_back_from_their_payload_once_each() {
        let task = Hint::Task(Some(TaskId::new(&Seeded::new(1))));
        let sent = [
            Word::Hint(task.clone()),
            Word::Hint(Hint::Jobs),
            Word::Hint(task.clone()),
            Word::Waits(task.clone()),
            Word::Here,
            Word::Asks,
            Word::Waits(Hint::Jobs),
        ];
        let heard = read(&payload(&sent));
        let expected = [
            Word::Hint(Hint::Jobs),
            Word::Hint(task.clone()),
            Word::Waits(Hint::Jobs),
            Word::Waits(task),
            Word::Asks,
            Word::Here,
        ];
        assert_eq!(heard, expected);
    }

    #[test]
    fn too_many_tasks_become_any_task_and_fit_the_payload() {
        let entropy = Seeded::new(1);
        let task = || Hint::Task(Some(TaskId::new(&entropy)));
        let mut sent: Vec<Word> = (0..500).map(|_| Word::Hint(task())).collect();
        sent.push(Word::Hint(Hint::Jobs));
        let expected = [Word::Hint(Hint::Task(None)), Word::Hint(Hint::Jobs)];
        assert_eq!(read(&payload(&sent)), expected);
        let mut both = sent[..TASKS_PER_PAYLOAD].to_vec();
        both.extend((0..TASKS_PER_PAYLOAD).map(|_| Word::Waits(task())));
        assert!(payload(&both).len() < 8_000);
    }
}
