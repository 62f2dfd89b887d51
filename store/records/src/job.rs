//! Rows of `job` and `worker`.

use agent_core::job::{Claim, Fence, JobKind};
use agent_core::ports::store::StoreError;

use crate::read::{corrupt, count, parsed, parsed_if_any};

/// A row of `job` that was just claimed.
#[derive(Debug)]
pub struct ClaimRecord {
    pub id: String,
    pub tenant_id: String,
    pub task_id: String,
    pub kind: String,
    pub step_id: Option<String>,
    pub delivery_id: Option<String>,
    pub priority: i64,
    pub vtag: i64,
    pub fence: i64,
    pub attempts: i64,
    pub crashes: i64,
}

impl ClaimRecord {
    /// Sorts claims into the order of the queue; databases return the rows of an update in any order.
    pub fn sort(rows: &mut [Self]) {
        rows.sort_by(|a, b| {
            let left = (a.priority, a.vtag, &a.id);
            left.cmp(&(b.priority, b.vtag, &b.id))
        });
    }
}

impl TryFrom<&ClaimRecord> for Claim {
    type Error = StoreError;

    fn try_from(row: &ClaimRecord) -> Result<Self, StoreError> {
        const TABLE: &str = "job";
        let name = row.id.as_str();
        Ok(Self {
            job: parsed(name, TABLE, "id", name)?,
            kind: JobKind::from_label(&row.kind).ok_or_else(|| corrupt(TABLE, "kind", name))?,
            tenant: parsed(&row.tenant_id, TABLE, "tenant_id", name)?,
            task: parsed(&row.task_id, TABLE, "task_id", name)?,
            step: parsed_if_any(row.step_id.as_deref(), TABLE, "step_id", name)?,
            delivery: parsed_if_any(row.delivery_id.as_deref(), TABLE, "delivery_id", name)?,
            fence: Fence(row.fence),
            attempts: count(row.attempts, TABLE, "attempts", name)?,
            crashes: count(row.crashes, TABLE, "crashes", name)?,
        })
    }
}

/// A job whose hold was ended: when it is due, if at a time, and the turn that it would get now.
#[derive(Debug)]
pub struct GivenBackRecord {
    pub run_at_ms: Option<i64>,
    pub tag: i64,
    pub behind: i64,
}

/// What a claim would find: each is 1 or 0.
#[derive(Debug)]
pub struct LookRecord {
    /// Delayed jobs whose time has come.
    pub due: i64,
    /// Ready jobs.
    pub ready: i64,
}

/// A job and the fence that it is held under.
#[derive(Debug)]
pub struct HeldRecord {
    /// The job.
    pub id: String,
    /// The fence.
    pub fence: i64,
}

/// A worker with lives that are over and may still hold jobs.
#[derive(Debug)]
pub struct UnfreedRecord {
    /// The worker.
    pub name: String,
    /// The last such life.
    pub through: i64,
}
