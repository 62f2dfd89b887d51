//! Points around the questions to models.

use std::sync::Arc;

use agent_core::ports::model::{ModelFailure, ModelReply, ModelRequest, Models as Port};
use async_trait::async_trait;

use super::FailPoints;

/// See the module's description.
pub struct Models {
    pub inner: Arc<dyn Port>,
    pub points: Arc<FailPoints>,
}

#[async_trait]
impl Port for Models {
    async fn ask(&self, request: ModelRequest) -> Result<ModelReply, ModelFailure> {
        let asked = self.inner.ask(request);
        self.points.around("model.ask", asked).await
    }
}
