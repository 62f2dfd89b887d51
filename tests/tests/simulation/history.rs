//! What happened in a run, line by line: every call to the store, question, effect and disturbance with its time, and at
//! the end the whole log of every task. Two runs are the same if and only if their histories are.

use std::sync::Mutex;

use agent_core::blob::BlobHash;

/// See the module's description.
#[derive(Default)]
pub struct History(Mutex<Vec<String>>);

impl History {
    /// Adds a line.
    pub fn note(&self, at_ms: i64, who: &str, what: &str) {
        let line = format!("{at_ms:>8} {who:<8} {what}");
        self.0.lock().unwrap().push(line);
    }

    pub fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    pub fn digest(&self) -> String {
        BlobHash::of(self.text().as_bytes()).to_string()
    }

    /// The first lines that are not the same, for whoever looks for the cause.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        let (one, other) = (self.0.lock().unwrap(), other.0.lock().unwrap());
        let lines = one.len().max(other.len());
        (0..lines)
            .find(|at| one.get(*at) != other.get(*at))
            .map(|at| format!("line {at}\n{:?}\n{:?}", one.get(at), other.get(at)))
    }
}
