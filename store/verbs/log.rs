//! What a batch of commits adds to logs, gathered while its tasks are updated and written at the end.
//!
//! Nothing in a transaction reads what the same transaction logs, so the rows of all commits can go together.

use std::collections::BTreeSet;

use agent_core::blob::BlobRef;
use agent_core::event::PreparedEvent;
use agent_core::id::{StepId, TaskId, TenantId};
use agent_core::ports::store::Committed;
use store_records::{BodyColumns, saturated};

/// An event as it is written.
pub(crate) struct EventRow<'a> {
    pub tenant: &'a str,
    pub task: &'a str,
    pub seq: i64,
    pub at_ms: i64,
    pub kind: &'static str,
    pub step: Option<&'a str>,
    pub public: BodyColumns<'a>,
    pub private: BodyColumns<'a>,
}

/// What is left to be written for the commits that were let through.
#[derive(Default)]
pub(crate) struct Log<'a> {
    pub events: Vec<EventRow<'a>>,
    /// Tenant, hash and size, in an order that is the same for every process.
    pub blobs: BTreeSet<(&'a str, &'a str, i64)>,
}

impl<'a> Log<'a> {
    /// Adds the events of a commit, as the last ones up to `committed.seq`.
    pub(crate) fn add(
        &mut self,
        (tenant, task): (&'a TenantId, &'a TaskId),
        events: &'a [PreparedEvent],
        committed: &Committed,
    ) {
        let first = committed.seq - count(events) + 1;
        self.events
            .extend((first..).zip(events).map(|(seq, event)| EventRow {
                tenant: tenant.as_str(),
                task: task.as_str(),
                seq,
                at_ms: committed.at_ms,
                kind: event.kind.label(),
                step: event.step.as_ref().map(StepId::as_str),
                public: BodyColumns::from(&event.public),
                private: BodyColumns::from(&event.private),
            }));
    }

    /// Notes the blobs that a commit names.
    pub(crate) fn name(&mut self, tenant: &'a TenantId, blobs: &'a [BlobRef]) {
        let named = blobs.iter().map(|blob| {
            let bytes = saturated(blob.bytes);
            (tenant.as_str(), blob.hash.as_str(), bytes)
        });
        self.blobs.extend(named);
    }
}

/// How many numbers a commit needs.
pub(crate) fn count(events: &[PreparedEvent]) -> i64 {
    i64::try_from(events.len()).unwrap_or(i64::MAX)
}
