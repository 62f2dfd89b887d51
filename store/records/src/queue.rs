//! Rows of `job` as people look at them, and rows of `dead_letter`.

use agent_core::id::{DeliveryId, TaskId};
use agent_core::job::{Incarnation, JobKind, WorkerName};
use agent_core::ports::store::{CallState, StoreError};
use agent_core::queue::{DeadKind, DeadLetter, Holder, JobPlace, OpenCall, QueuedJob};

use crate::read::{corrupt, parsed, parsed_if_any};

/// A row of `job` with what says where it lies.
#[derive(Debug)]
pub struct QueuedRecord {
    pub id: String,
    pub kind: String,
    pub step_id: Option<String>,
    pub delivery_id: Option<String>,
    pub worker_name: Option<String>,
    pub worker_epoch: Option<i64>,
    pub attempts: i64,
    pub crashes: i64,
    pub run_at_ms: Option<i64>,
    pub ready_id: Option<String>,
    pub dead_kind: Option<String>,
    pub dead_reason: Option<String>,
    pub present_epoch: Option<i64>,
    pub heartbeat_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
}

impl QueuedRecord {
    fn holder(&self) -> Option<Holder> {
        let epoch = self.worker_epoch.unwrap_or_default();
        let is_over = self.present_epoch != Some(epoch) || self.ended_at_ms.is_some();
        Some(Holder {
            who: Incarnation {
                worker: WorkerName(self.worker_name.clone()?),
                epoch,
            },
            heartbeat_at_ms: self.heartbeat_at_ms,
            is_over,
        })
    }

    fn place(&self) -> Result<JobPlace, StoreError> {
        if let Some(holder) = self.holder() {
            return Ok(JobPlace::Held(holder));
        }
        if let Some(kind) = &self.dead_kind {
            let kind = DeadKind::from_label(kind);
            return Ok(JobPlace::Dead {
                kind: kind.ok_or_else(|| corrupt("dead_letter", "kind", &self.id))?,
                reason: self.dead_reason.clone().unwrap_or_default(),
            });
        }
        Ok(match (&self.ready_id, self.run_at_ms) {
            (Some(_), _) => JobPlace::Ready,
            (None, Some(until_ms)) => JobPlace::Delayed { until_ms },
            (None, None) => JobPlace::Parked,
        })
    }
}

/// An unknown kind of job is no error here: such rows are what people look for.
impl TryFrom<QueuedRecord> for QueuedJob {
    type Error = StoreError;

    fn try_from(row: QueuedRecord) -> Result<Self, StoreError> {
        const TABLE: &str = "job";
        let name = row.id.as_str();
        Ok(Self {
            job: parsed(name, TABLE, "id", name)?,
            kind: JobKind::from_label(&row.kind),
            step: parsed_if_any(row.step_id.as_deref(), TABLE, "step_id", name)?,
            delivery: parsed_if_any(row.delivery_id.as_deref(), TABLE, "delivery_id", name)?,
            place: row.place()?,
            attempts: row.attempts,
            crashes: row.crashes,
        })
    }
}

/// A row of `tool_call` that did not end.
#[derive(Debug)]
pub struct OpenCallRecord {
    pub call_id: String,
    pub step_id: Option<String>,
    pub tool: String,
    pub state: String,
    pub since_ms: i64,
    pub last_begun_ms: i64,
}

impl TryFrom<OpenCallRecord> for OpenCall {
    type Error = StoreError;

    fn try_from(row: OpenCallRecord) -> Result<Self, StoreError> {
        const TABLE: &str = "tool_call";
        let name = row.call_id.as_str();
        Ok(Self {
            call: parsed(name, TABLE, "call_id", name)?,
            step: parsed_if_any(row.step_id.as_deref(), TABLE, "step_id", name)?,
            is_unknown: row.state == CallState::Unknown.label(),
            tool: row.tool,
            since_ms: row.since_ms,
            last_begun_ms: row.last_begun_ms,
        })
    }
}

/// A row of `dead_letter`.
#[derive(Debug)]
pub struct DeadRecord {
    pub id: String,
    pub task_id: String,
    pub kind: String,
    pub job_kind: String,
    pub step_id: Option<String>,
    pub reason: String,
    pub log: String,
    pub crashes: i64,
    pub attempts: i64,
    pub since_ms: i64,
}

impl TryFrom<DeadRecord> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: DeadRecord) -> Result<Self, StoreError> {
        const TABLE: &str = "dead_letter";
        let name = row.id.as_str();
        Ok(Self {
            id: parsed(name, TABLE, "id", name)?,
            kind: DeadKind::from_label(&row.kind).ok_or_else(|| corrupt(TABLE, "kind", name))?,
            task: parsed(&row.task_id, TABLE, "task_id", name)?,
            step: parsed_if_any(row.step_id.as_deref(), TABLE, "step_id", name)?,
            // A hint for people: damaged, it must not keep this and all others from being listed and requeued.
            events: serde_json::from_str(&row.log).unwrap_or_default(),
            job_kind: row.job_kind,
            reason: row.reason,
            crashes: row.crashes,
            attempts: row.attempts,
            since_ms: row.since_ms,
        })
    }
}

/// A message that was given up.
#[derive(Debug)]
pub struct GivenUpRecord {
    pub id: String,
    pub reason: String,
}

impl GivenUpRecord {
    /// Which, and why.
    pub fn read(&self) -> Result<(DeliveryId, String), StoreError> {
        let id = parsed(&self.id, "dead_letter", "id", &self.id)?;
        Ok((id, self.reason.clone()))
    }
}

/// Numbers of events as a column holds them.
pub fn log_column(events: &[i64]) -> String {
    serde_json::Value::from(events).to_string()
}

/// A dead letter that was removed.
#[derive(Debug)]
pub struct RemovedRecord {
    pub kind: String,
    pub task_id: String,
}

impl RemovedRecord {
    /// What it was, and whose.
    pub fn read(&self, name: &str) -> Result<(DeadKind, TaskId), StoreError> {
        const TABLE: &str = "dead_letter";
        let kind = DeadKind::from_label(&self.kind).ok_or_else(|| corrupt(TABLE, "kind", name))?;
        Ok((kind, parsed(&self.task_id, TABLE, "task_id", name)?))
    }
}

#[cfg(test)]
mod tests {
    use agent_core::id::JobId;
    use agent_core::ports::entropy::Seeded;

    use super::*;

    #[test]
    fn a_dead_letter_whose_noted_log_is_damaged_is_still_one() {
        let entropy = Seeded::new(1);
        let record = DeadRecord {
            id: JobId::new(&entropy).to_string(),
            task_id: TaskId::new(&entropy).to_string(),
            kind: DeadKind::Job.label().to_owned(),
            job_kind: "plan".to_owned(),
            step_id: None,
            reason: "workers died on it".to_owned(),
            log: "{".to_owned(),
            crashes: 3,
            attempts: 0,
            since_ms: 1,
        };
        let read = DeadLetter::try_from(record).map(|letter| (letter.reason, letter.events));
        assert_eq!(
            read.ok(),
            Some(("workers died on it".to_owned(), Vec::new()))
        );
    }
}
