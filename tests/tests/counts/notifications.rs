//! How often a process notifies others: never while it is alone, and else only of what they wait for.

use std::sync::Arc;

use agent_core::id::TenantId;
use agent_core::ports::entropy::Seeded;
use agent_core::ports::store::{Keys, Tasks};
use errand_tests::postgres::{Cluster, Database};
use errand_tests::samples;
use sqlx::postgres::PgListener;
use sqlx::{Connection, PgConnection};
use store_postgres::PostgresStore;
use tokio::time::timeout;

use super::{NEVER, run};

const ASKS: &str = "?";
const HERE: &str = "!";
const JOBS: &str = "j";

/// Another process, as far as notifications go.
struct Other {
    ear: PgListener,
    mouth: PgConnection,
    own: u32,
}

impl Other {
    async fn at(database: &Database) -> Self {
        let mut ear = PgListener::connect(&database.url()).await.unwrap();
        ear.listen("errand").await.unwrap();
        let mut mouth = database.connect().await;
        let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut mouth)
            .await
            .unwrap();
        let own = u32::try_from(own).unwrap();
        Self { ear, mouth, own }
    }

    async fn say(&mut self, words: &str) {
        sqlx::query("SELECT pg_notify('errand', $1)")
            .bind(words)
            .execute(&mut self.mouth)
            .await
            .unwrap();
    }

    /// What the process under test says next.
    async fn hear(&mut self) -> Vec<String> {
        loop {
            let heard = timeout(NEVER, self.ear.recv()).await.unwrap().unwrap();
            if heard.process_id() != self.own {
                return heard.payload().split(' ').map(str::to_owned).collect();
            }
        }
    }

    /// Asks who is there, and hears all that is said until the answer comes. It is the last of it.
    async fn until_answered(&mut self) -> Vec<Vec<String>> {
        self.say(ASKS).await;
        let mut all = Vec::new();
        loop {
            let words = self.hear().await;
            let is_answer = words.iter().any(|word| word == HERE);
            all.push(words);
            if is_answer {
                return all;
            }
        }
    }

    async fn leave(self) {
        self.mouth.close().await.unwrap();
    }
}

/// All hints among what was said.
fn hints(said: Vec<Vec<String>>) -> Vec<String> {
    let mut words: Vec<String> = said.into_iter().flatten().collect();
    words.retain(|word| word != HERE);
    words.sort();
    words
}

async fn store_at(database: &Database) -> Arc<PostgresStore> {
    let options = store_postgres::Options::at(database.url());
    PostgresStore::connect(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_alone_notifies_nobody_while_it_works() {
    let database = Cluster::shared().await.database().await;
    let mut other = Other::at(&database).await;
    let store = store_at(&database).await;
    assert_eq!(other.hear().await, [ASKS], "it asks once who is there");
    // Ten turns with a worker and somebody who watches.
    run(store.clone(), 10).await;
    let said = other.until_answered().await;
    assert_eq!(said.len(), 1, "nothing before the answer: {said:?}");
    store.close().await;
    other.leave().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_notifies_others_of_what_they_wait_for_and_of_nothing_else() {
    let database = Cluster::shared().await.database().await;
    let mut other = Other::at(&database).await;
    let store = store_at(&database).await;
    assert_eq!(other.hear().await, [ASKS]);
    let entropy = Seeded::new(1);
    let tenant = store.ensure_tenant(&TenantId::new(&entropy), "t").await;
    let tenant = tenant.unwrap();
    let [ignored, first, watched, last] = [(); 4].map(|()| samples::new_task(&entropy, &tenant));
    let name = watched.id.to_string();
    // Somebody is there, and waits for nothing.
    other.until_answered().await;
    store.submit(ignored).await.unwrap();
    assert_eq!(other.until_answered().await.len(), 1, "only the answer");
    other.say(&format!("+{JOBS}")).await;
    // What happened a moment ago may be told after all.
    other.until_answered().await;
    store.submit(first).await.unwrap();
    assert_eq!(hints(other.until_answered().await), [JOBS]);
    other.say(&format!("+{name}")).await;
    other.until_answered().await;
    store.submit(watched).await.unwrap();
    assert_eq!(hints(other.until_answered().await), [JOBS, &name]);
    store.submit(last).await.unwrap();
    assert_eq!(hints(other.until_answered().await), [JOBS]);
    store.close().await;
    other.leave().await;
    database.remove().await;
}
