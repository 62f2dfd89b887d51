//! Points around the heartbeat, which has a way of its own to the store.

use std::sync::Arc;

use agent_core::job::Incarnation;
use agent_core::ports::store::StoreError;
use async_trait::async_trait;
use worker::{Lifeline as Port, OpenLifeline};

use super::FailPoints;

/// See the module's description.
pub struct Opening {
    pub inner: Arc<dyn OpenLifeline>,
    pub points: Arc<FailPoints>,
}

struct Lifeline {
    inner: Box<dyn Port>,
    points: Arc<FailPoints>,
}

#[async_trait]
impl OpenLifeline for Opening {
    async fn open(&self) -> Result<Box<dyn Port>, StoreError> {
        Ok(Box::new(Lifeline {
            inner: self.inner.open().await?,
            points: Arc::clone(&self.points),
        }))
    }
}

#[async_trait]
impl Port for Lifeline {
    async fn heartbeat(&self, who: &Incarnation, lease_ms: u64) -> Result<(), StoreError> {
        let beat = self.inner.heartbeat(who, lease_ms);
        self.points.around("heartbeat", beat).await
    }
}
