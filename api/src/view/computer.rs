//! What commands are held to by the worker of this process, as callers see it.

use agent_core::enforcement::Probe;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What this server knows of the machines that run commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComputerView {
    /// The worker of this process; null where it has none, for workers elsewhere may be held to something else.
    pub worker: Option<WorkerComputerView>,
}

/// What commands are held to by one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerComputerView {
    /// Whether it runs commands at all. Where not, `errand doctor` on its machine says why.
    pub usable: bool,
    /// What a command that asks for nothing is held to, as the `enforced` of `tool.returned` has it; null where none is run.
    #[schema(value_type = Option<Object>)]
    pub enforced: Option<Value>,
}

impl ComputerView {
    /// Reasons and cures are for operators: they may name what is on the machine.
    pub(crate) fn of(probe: Option<Probe>) -> Self {
        let worker = probe.map(|probe| WorkerComputerView {
            usable: probe.usable,
            enforced: probe
                .usable
                .then(|| serde_json::to_value(probe.stated).unwrap_or_default()),
        });
        Self { worker }
    }
}
