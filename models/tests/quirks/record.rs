//! The form of a record.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One record. Members that only people read are left out.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    pub id: String,
    pub title: String,
    #[serde(default)]
    pub profile: Map<String, Value>,
    #[serde(default)]
    pub tools: Vec<String>,
    pub exchanges: Vec<Exchange>,
    pub answer_schema: Option<Value>,
    pub expect: Map<String, Value>,
}

/// A request and its answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Exchange {
    pub request: Request,
    pub response: Response,
}

/// What must be true of a request.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub stream: bool,
    #[serde(default)]
    pub facts: BTreeMap<String, Value>,
    #[serde(default)]
    pub absent: Vec<String>,
}

/// An answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Response {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
    pub body_text: Option<String>,
    pub body_chunks_base64: Option<Vec<String>>,
    #[serde(default = "eof")]
    pub end: String,
}

fn eof() -> String {
    "eof".to_owned()
}
