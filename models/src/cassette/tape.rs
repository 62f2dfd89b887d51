//! The file's form, and how a request is recognised.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::CassetteError;

/// The form's name and version.
pub(super) const SCHEMA: &str = "errand-cassette/1";

/// Fields that may differ between runs without making another request of it.
const VOLATILE: [&str; 4] = ["user", "metadata", "prompt_cache_key", "safety_identifier"];

/// A whole cassette.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Tape {
    pub(super) schema: String,
    pub(super) exchanges: Vec<Exchange>,
}

/// One exchange.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Exchange {
    pub(super) request: Asked,
    pub(super) response: Answer,
}

/// What was asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    /// Hash of method, path and canonical body.
    pub(super) key: String,
    /// How often this was asked before.
    pub(super) ordinal: usize,
    /// The canonical body, for readers; it is not compared.
    pub(super) body: Value,
}

/// What came back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    /// The reads, as they came.
    pub(super) body_chunks_base64: Vec<String>,
    /// The pause before each read.
    pub(super) gaps_ms: Vec<u64>,
    /// `eof`; `cut` if the connection broke; `stall` if the reader left while it was open.
    pub(super) end: String,
}

impl Tape {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, CassetteError> {
        let text = std::fs::read(path).map_err(|source| CassetteError::Read {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|source| CassetteError::Format {
            path: path.to_owned(),
            source,
        })
    }
}

/// A request in its canonical form.
pub(super) struct Canonical {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Value,
    pub(super) key: String,
}

impl Canonical {
    /// The canonical form of a request: host and headers do not matter, nor does the order of keys.
    pub(super) fn of(request: &reqwest::Request) -> Self {
        let bytes = request
            .body()
            .and_then(reqwest::Body::as_bytes)
            .unwrap_or_default();
        let mut body = serde_json::from_slice(bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()));
        if let Value::Object(object) = &mut body {
            object.retain(|name, _| !VOLATILE.contains(&name.as_str()));
        }
        let body = sorted(body);
        let method = request.method().to_string();
        let path = request.url().path().to_owned();
        let digest = Sha256::digest(format!("{method} {path}\n{body}"));
        let mut key = String::new();
        for byte in digest {
            // Writing to a String cannot fail.
            let _ = write!(key, "{byte:02x}");
        }
        Self {
            method,
            path,
            body,
            key,
        }
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let ordered: BTreeMap<String, Value> = object.into_iter().collect();
            let sorted: Map<String, Value> = ordered
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            Value::Object(sorted)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}
