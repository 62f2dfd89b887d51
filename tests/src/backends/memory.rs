//! The store in memory. Opening it again gives another handle on the same data.

use std::sync::Arc;

use async_trait::async_trait;
use store_memory::MemoryStore;

use crate::harness::{Backend, Handle, Harness};

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

    async fn remove(self: Box<Self>) {}
}
