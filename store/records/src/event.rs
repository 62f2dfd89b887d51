//! Rows of `event`.

use agent_core::event::Event;
use agent_core::ports::store::StoreError;

use crate::parts::BodyRead;
use crate::read::{count, parsed_if_any};

/// A row of `event`.
#[derive(Debug)]
pub struct EventRecord {
    pub seq: i64,
    pub at_ms: i64,
    pub v: i64,
    pub kind: String,
    pub step_id: Option<String>,
    pub public_text: Option<String>,
    pub public_blob: Option<String>,
    pub public_bytes: Option<i64>,
    pub private_text: Option<String>,
    pub private_blob: Option<String>,
    pub private_bytes: Option<i64>,
}

impl TryFrom<EventRecord> for Event {
    type Error = StoreError;

    fn try_from(row: EventRecord) -> Result<Self, StoreError> {
        const TABLE: &str = "event";
        let name = row.seq.to_string();
        let public = BodyRead {
            text: row.public_text,
            blob: row.public_blob,
            bytes: row.public_bytes,
        };
        let private = BodyRead {
            text: row.private_text,
            blob: row.private_blob,
            bytes: row.private_bytes,
        };
        Ok(Self {
            seq: row.seq,
            at_ms: row.at_ms,
            v: count(row.v, TABLE, "v", &name)?,
            kind: row.kind,
            step: parsed_if_any(row.step_id.as_deref(), TABLE, "step_id", &name)?,
            public: public.into_required(TABLE, "public", &name)?,
            private: private.into_required(TABLE, "private", &name)?,
        })
    }
}
