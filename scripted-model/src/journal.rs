//! The journal: one JSON line for each request, so that a test can count what was asked and what was answered.
//!
//! A line is written when its request is over, also when the client left before it was answered. A line holds no prompt.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::address::Address;

/// Where lines go.
#[derive(Debug, Clone, Default)]
pub struct Journal(Option<Arc<Mutex<File>>>);

impl Journal {
    /// A journal that appends to this file.
    pub fn append_to(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Some(Arc::new(Mutex::new(file)))))
    }

    /// Opens the entry of one request.
    pub fn entry(&self, request_bytes: &[u8]) -> Entry {
        let digest = HEXLOWER.encode(&Sha256::digest(request_bytes));
        Entry {
            journal: self.clone(),
            request: digest.chars().take(16).collect(),
            address: None,
            answered: false,
            error: None,
        }
    }

    fn write(&self, line: &str) {
        if let Some(file) = &self.0 {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // A journal that cannot be written is seen by whoever reads it; the answer matters more.
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

/// The entry of one request, written when it is dropped.
#[derive(Debug)]
pub struct Entry {
    journal: Journal,
    request: String,
    address: Option<Address>,
    answered: bool,
    error: Option<String>,
}

impl Entry {
    /// Says which recorded answer was asked for.
    pub fn asks_for(&mut self, address: Address) {
        self.address = Some(address);
    }

    /// Says that the whole answer was handed to the connection.
    pub fn answered(&mut self) {
        self.answered = true;
    }

    /// Says why there is no answer.
    pub fn failed(&mut self, error: &str) {
        self.error = Some(error.to_owned());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let address = self.address.as_ref();
        let line = json!({
            "script": address.map(|address| &address.script),
            "job": address.map(|address| &address.job),
            "turn": address.map(|address| address.turn),
            "answered": self.answered,
            "request": self.request,
            "error": self.error,
        });
        self.journal.write(&line.to_string());
    }
}
