//! What was acknowledged, and whether a disk still has it.

use std::collections::BTreeMap;
use std::path::Path;

use agent_core::blob::BlobHash;
use chaos::client::Client;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use store_sqlite::{Options, SqliteStore};

use super::shim::Shim;
use crate::installation::{Installation, wait_for};

/// Something that the program said, when it had written so much.
struct Acknowledged {
    task: String,
    /// The number of the last event that was shown; 0 when it was only accepted.
    seq: i64,
    written: usize,
}

/// Notes what the program says.
pub struct Witness<'a> {
    here: &'a Installation,
    shim: &'a Shim,
    acknowledged: Vec<Acknowledged>,
    /// The log of each task, as far as it was shown: kinds, in order.
    logs: BTreeMap<String, Vec<String>>,
}

impl<'a> Witness<'a> {
    pub fn new(here: &'a Installation, shim: &'a Shim) -> Self {
        Self {
            here,
            shim,
            acknowledged: Vec::new(),
            logs: BTreeMap::new(),
        }
    }

    fn client(&self) -> Client {
        let key = std::fs::read_to_string(self.here.data().join("first-key"));
        Client {
            address: self.here.listen.parse().unwrap(),
            key: key.unwrap_or_default().trim().to_owned(),
        }
    }

    fn note(&mut self, task: &str, seq: i64) {
        let written = std::fs::metadata(&self.shim.journal).unwrap().len();
        self.acknowledged.push(Acknowledged {
            task: task.to_owned(),
            seq,
            written: usize::try_from(written).unwrap(),
        });
    }

    /// Whether the server answers at all.
    pub fn is_answered(&self) -> bool {
        self.client().get("/healthz").is_ok()
    }

    pub fn has_tasks(&self) -> bool {
        !self.logs.is_empty()
    }

    /// Submits once. A full disk may refuse it.
    pub fn submit_if_accepted(&mut self, goal: &str) {
        let answer = self
            .client()
            .post("/v1/tasks", "task 0", &json!({"goal": goal}));
        let view = answer.map_or(Value::Null, |answer| answer.json());
        if let Some(task) = view["id"].as_str() {
            self.note(task, 0);
            self.logs.insert(task.to_owned(), Vec::new());
        }
    }

    pub fn submit(&mut self, goal: &str) {
        let key = format!("task {}", self.logs.len());
        let mut task = String::new();
        let accepted = wait_for(|| {
            let answer = self
                .client()
                .post("/v1/tasks", &key, &json!({"goal": goal}));
            let view = answer.map_or(Value::Null, |answer| answer.json());
            view["id"]
                .as_str()
                .unwrap_or_default()
                .clone_into(&mut task);
            !task.is_empty()
        });
        assert!(accepted.is_ok(), "{}", self.here.log());
        self.note(&task, 0);
        self.logs.insert(task, Vec::new());
    }

    /// Follows all logs until their tasks have succeeded.
    pub fn watch_to_the_end(&mut self) {
        let tasks: Vec<String> = self.logs.keys().cloned().collect();
        let ended = wait_for(|| {
            tasks
                .iter()
                .map(|task| self.look(task))
                .filter(|ended| *ended)
                .count()
                == tasks.len()
        });
        assert!(ended.is_ok(), "{}", self.here.log());
    }

    fn look(&mut self, task: &str) -> bool {
        let seen = self.logs[task].len();
        let path = format!("/v1/tasks/{task}/events?after={seen}&limit=200");
        let page = self.client().get(&path);
        let page = page.map_or(Value::Null, |answer| answer.json());
        for event in page["data"].as_array().into_iter().flatten() {
            let kind = event["kind"].as_str().unwrap().to_owned();
            self.logs.get_mut(task).unwrap().push(kind);
            self.note(task, event["seq"].as_i64().unwrap());
        }
        self.logs[task]
            .last()
            .is_some_and(|kind| kind == "task.finished")
    }

    /// How many acknowledgements a cut after so many written bytes must keep.
    pub fn acknowledged_by(&self, written: usize) -> usize {
        self.acknowledged
            .iter()
            .filter(|one| one.written <= written)
            .count()
    }

    /// What is wrong with a disk that a cut left.
    pub async fn judge(&self, folder: &Path, written: usize) -> Vec<String> {
        let file = folder.join("errand.db");
        match SqliteStore::open(Options::at(&file)).await {
            Ok(store) => store.close().await,
            Err(error) => return vec![format!("it does not open: {error}")],
        }
        let mut connection = SqliteConnectOptions::new()
            .filename(&file)
            .connect()
            .await
            .unwrap();
        let mut wrong = Vec::new();
        let whole: String = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        if whole != "ok" {
            wrong.push(whole);
        }
        let events: Vec<(String, i64, String)> =
            sqlx::query_as("SELECT task_id, seq, kind FROM event ORDER BY task_id, seq")
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let tasks: Vec<String> = sqlx::query_scalar("SELECT id FROM task")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for task in &tasks {
            let own: Vec<&(String, i64, String)> =
                events.iter().filter(|event| event.0 == *task).collect();
            for (at, (_, seq, kind)) in own.iter().enumerate() {
                let known = self.logs.get(task).and_then(|log| log.get(at));
                if usize::try_from(*seq).unwrap() != at + 1 || known != Some(kind) {
                    wrong.push(format!(
                        "{task} has {seq} {kind} in place {}; then it was {known:?}",
                        at + 1
                    ));
                }
            }
        }
        for one in self
            .acknowledged
            .iter()
            .filter(|one| one.written <= written)
        {
            let last = events
                .iter()
                .rfind(|event| event.0 == one.task)
                .map_or(0, |event| event.1);
            if !tasks.contains(&one.task) || last < one.seq {
                wrong.push(format!(
                    "event {} of {} was shown and is gone",
                    one.seq, one.task
                ));
            }
        }
        let blobs: Vec<(String, String)> = sqlx::query_as("SELECT tenant_id, hash FROM blob")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for (tenant, hash) in blobs {
            let path = folder
                .join("blobs")
                .join(tenant)
                .join(&hash[..2])
                .join(&hash);
            let bytes = std::fs::read(path).unwrap_or_default();
            if BlobHash::of(&bytes).as_str() != hash {
                wrong.push(format!("blob {hash} is named and is not there"));
            }
        }
        connection.close().await.unwrap();
        wrong
    }
}
