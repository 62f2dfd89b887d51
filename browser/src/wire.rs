//! The protocol's messages as text: a call out, an answer or an event in. Pure.
//!
//! A message that cannot be read costs the one call that it answers, never the connection.

mod deep;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::driver::{Call, SessionId};

/// What the browser sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// The answer to a call of ours.
    Answer {
        /// The number that the call was sent with.
        id: u64,
        /// Its result, or why there is none.
        outcome: Result<Value, Fault>,
    },
    /// Something that happened.
    Event {
        /// Whose event it is; absent for the browser itself.
        session: Option<SessionId>,
        /// For example `Page.frameNavigated`.
        method: String,
        /// As the protocol describes them.
        params: Value,
    },
    /// A message that answers nothing and says nothing.
    Nonsense {
        /// What is wrong with it.
        detail: String,
    },
}

/// Why an answer has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The browser refused the call.
    Refused(String),
    /// The target of the call is not there.
    NoTarget,
    /// The answer cannot be read.
    Unreadable(String),
}

/// The number that the protocol gives the refusal of a call to a session that is not there.
const NO_SESSION: i64 = -32001;

/// A call as the text of one message.
pub fn encode(id: u64, call: &Call) -> String {
    let mut message = json!({ "id": id, "method": call.method, "params": call.params });
    if let (Some(session), Some(fields)) = (&call.session, message.as_object_mut()) {
        fields.insert("sessionId".to_owned(), session.as_str().into());
    }
    message.to_string()
}

/// Reads the text of one message.
pub fn decode(text: &str) -> Incoming {
    // A document's tree may be nested deeper than the ordinary reader goes.
    let read = serde_json::from_str(text).or_else(|_| deep::parse(text));
    match read {
        Ok(Value::Object(fields)) => of_fields(fields),
        Ok(_) => nonsense("it is not an object"),
        Err(detail) => unreadable(text, detail),
    }
}

fn of_fields(mut fields: Map<String, Value>) -> Incoming {
    if let Some(id) = fields.get("id").and_then(Value::as_u64) {
        let outcome = match fields.remove("error") {
            Some(error) => Err(fault(&error)),
            None => Ok(fields.remove("result").unwrap_or(Value::Null)),
        };
        return Incoming::Answer { id, outcome };
    }
    let Some(Value::String(method)) = fields.remove("method") else {
        return nonsense("it is neither an answer nor an event");
    };
    Incoming::Event {
        session: fields
            .get("sessionId")
            .and_then(Value::as_str)
            .map(SessionId::from),
        method,
        params: fields.remove("params").unwrap_or(Value::Null),
    }
}

fn fault(error: &Value) -> Fault {
    if error["code"].as_i64() == Some(NO_SESSION) {
        return Fault::NoTarget;
    }
    Fault::Refused(
        error["message"]
            .as_str()
            .unwrap_or("without a reason")
            .to_owned(),
    )
}

/// Only the parts of a message that say whom it is for. The reader skips the rest without going down into it.
#[derive(Deserialize)]
struct Envelope {
    id: Option<u64>,
}

fn unreadable(text: &str, detail: String) -> Incoming {
    match serde_json::from_str(text) {
        Ok(Envelope { id: Some(id) }) => {
            let outcome = Err(Fault::Unreadable(detail));
            Incoming::Answer { id, outcome }
        }
        Ok(Envelope { id: None }) | Err(_) => nonsense(detail),
    }
}

fn nonsense(detail: impl Into<String>) -> Incoming {
    let detail = detail.into();
    Incoming::Nonsense { detail }
}

#[cfg(test)]
mod tests;
