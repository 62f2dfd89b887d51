//! The store in memory. Opening it again gives another handle on the same data.

use std::sync::Arc;

use agent_core::ports::store::CallState;
use async_trait::async_trait;
use store_memory::{CallRow, MemoryStore};

use crate::harness::{Backend, Handle, Harness, Records};

struct Memory(MemoryStore);

/// A harness over an empty store.
pub async fn start() -> Harness {
    Harness::over(Box::new(Memory(MemoryStore::new()))).await
}

#[async_trait]
impl Backend for Memory {
    async fn open(&self) -> Arc<dyn Handle> {
        Arc::new(self.0.clone())
    }

    async fn shift_clock(&self, ms: i64) {
        self.0.shift_clock(ms);
    }

    async fn records(&self) -> Records {
        let call = |row: CallRow| {
            let (state, settled_seq) = row.settled.unzip();
            (
                row.call.into(),
                row.task.into(),
                row.step.map(String::from),
                row.tool,
                row.effect.label().to_owned(),
                row.key,
                row.fence.0,
                state.map_or("intended", CallState::label).to_owned(),
                row.intended_seq,
                settled_seq,
            )
        };
        let blobs = self.0.named_blobs().into_iter();
        Records {
            calls: self.0.calls().into_iter().map(call).collect(),
            blobs: blobs
                .map(|(tenant, hash)| (tenant.into(), hash.into()))
                .collect(),
            credentials: self
                .0
                .credentials()
                .into_iter()
                .map(|row| (row.tenant.into(), row.name.into(), row.sealed.0))
                .collect(),
        }
    }

    async fn spoil(&self, _statement: &'static str) -> bool {
        false
    }

    async fn remove(self: Box<Self>) {}
}
