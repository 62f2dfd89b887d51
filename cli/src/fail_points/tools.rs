//! Points around tool calls and around what is done to workspaces, and the tool that is `once` in tests alone.

use std::sync::Arc;

use agent_core::blob::BlobHash;
use agent_core::help::HelpAsked;
use agent_core::id::{TaskId, TenantId};
use agent_core::policy::{Outward, Source};
use agent_core::ports::tool::{
    EffectClass, NoneFree, ToolBox as ToolBoxPort, ToolCall, ToolError, ToolOutcome, ToolSpec,
};
use agent_core::ports::workspaces::{
    Place, Remains, Snapshot, WorkspaceError, Workspaces as WorkspacesPort,
};
use agent_core::workspace::Manifest;
use async_trait::async_trait;
use serde_json::Value;

use super::FailPoints;

/// See the module's description.
pub struct ToolBox {
    inner: Arc<dyn ToolBoxPort>,
    points: Arc<FailPoints>,
    specs: Vec<ToolSpec>,
}

impl ToolBox {
    pub fn new(inner: Arc<dyn ToolBoxPort>, points: Arc<FailPoints>) -> Self {
        let mut specs = inner.specs().to_vec();
        for spec in &mut specs {
            if points.once.as_ref() == Some(&spec.name) {
                spec.effect = EffectClass::Once;
            }
        }
        Self {
            inner,
            points,
            specs,
        }
    }
}

#[async_trait]
impl ToolBoxPort for ToolBox {
    fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    fn effect(&self, tool: &str, arguments: &Value) -> EffectClass {
        if self.points.once.as_deref() == Some(tool) {
            return EffectClass::Once;
        }
        self.inner.effect(tool, arguments)
    }

    fn is_outside(&self, tool: &str, arguments: &Value) -> bool {
        self.inner.is_outside(tool, arguments)
    }

    fn source(&self, tool: &str, arguments: &Value) -> Source {
        self.inner.source(tool, arguments)
    }

    fn outward(&self, tool: &str, arguments: &Value) -> Outward {
        self.inner.outward(tool, arguments)
    }

    fn help(&self, tool: &str, arguments: &Value) -> Option<HelpAsked> {
        self.inner.help(tool, arguments)
    }

    fn await_person(&self, call: ToolCall) {
        self.inner.await_person(call);
    }

    fn task_ended(&self, tenant: &TenantId, task: &TaskId) {
        self.inner.task_ended(tenant, task);
    }

    fn reserve(&self, tool: &str, place: &Place) -> Result<(), NoneFree> {
        self.inner.reserve(tool, place)
    }

    fn summary(&self, tool: &str, arguments: &Value) -> String {
        self.inner.summary(tool, arguments)
    }

    async fn run(&self, call: &ToolCall) -> Result<ToolOutcome, ToolError> {
        let name = format!("tool.run:{}", call.tool);
        self.points.around(&name, self.inner.run(call)).await
    }
}

/// See the module's description.
pub struct Workspaces {
    pub inner: Arc<dyn WorkspacesPort>,
    pub points: Arc<FailPoints>,
}

#[async_trait]
impl WorkspacesPort for Workspaces {
    async fn restore(&self, place: &Place, manifest: &Manifest) -> Result<(), WorkspaceError> {
        let restored = self.inner.restore(place, manifest);
        self.points.around("workspace.restore", restored).await
    }

    async fn snapshot(&self, place: &Place) -> Result<Snapshot, WorkspaceError> {
        let taken = self.inner.snapshot(place);
        self.points.around("workspace.snapshot", taken).await
    }

    async fn manifest(
        &self,
        tenant: &TenantId,
        name: &BlobHash,
    ) -> Result<Manifest, WorkspaceError> {
        self.inner.manifest(tenant, name).await
    }

    async fn calm(&self, place: &Place) -> Remains {
        self.inner.calm(place).await
    }

    async fn discard(&self, place: &Place) -> Remains {
        let discarded = self.inner.discard(place);
        self.points.around("workspace.discard", discarded).await
    }
}
