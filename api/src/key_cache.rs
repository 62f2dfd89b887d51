//! A short memory of keys, so that a client that polls does not cost a query for its key each time.
//!
//! An answer is as old as the moment its query began, and is dropped after the configured time: a revoked key is dead
//! within it. Unknown keys are remembered as well, which bounds what guessing costs the database.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use agent_core::key::ApiKey;
use agent_core::ports::store::{Store, StoreError};
use tokio::time::Instant;

/// Most keys remembered; when it is reached everything is forgotten, which only costs queries.
const KEYS_MAX: usize = 4096;

#[derive(Clone)]
struct Answer {
    asked_at: Instant,
    key: Option<ApiKey>,
}

/// The memory, by the hash of the key.
pub struct KeyCache {
    keep: Duration,
    // A std mutex: never held over an await.
    known: Mutex<HashMap<String, Answer>>,
}

impl KeyCache {
    pub fn new(keep: Duration) -> Self {
        Self {
            keep,
            known: Mutex::new(HashMap::new()),
        }
    }

    /// The key with this hash, revoked or not.
    pub async fn find(&self, store: &dyn Store, hash: &str) -> Result<Option<ApiKey>, StoreError> {
        let asked_at = Instant::now();
        if let Some(answer) = self.remembered(hash, asked_at) {
            return Ok(answer.key);
        }
        let key = store.find_key(hash).await?;
        let answer = Answer {
            asked_at,
            key: key.clone(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEYS_MAX {
            known.clear();
        }
        known.insert(hash.to_owned(), answer);
        Ok(key)
    }

    fn remembered(&self, hash: &str, now: Instant) -> Option<Answer> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = known.get(hash)?;
        (now.duration_since(answer.asked_at) < self.keep).then(|| answer.clone())
    }
}
