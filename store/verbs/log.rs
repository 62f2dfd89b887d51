//! What a batch of commits adds to logs, gathered while its tasks are updated and written at the end.
//!
//! Nothing in a transaction reads what the same transaction logs, so the rows of all commits can go together: events, tool
//! calls, names of blobs, and the ends of jobs.

use std::borrow::Cow;
use std::collections::BTreeSet;

use agent_core::blob::BlobRef;
use agent_core::event::PreparedEvent;
use agent_core::id::{CallId, StepId, TaskId, TenantId};
use agent_core::job::Guard;
use agent_core::ports::store::{CallChange, CallState};
use store_records::{BodyColumns, plain, saturated};

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

/// A tool call that is about to be made.
pub(crate) struct IntendedRow<'a> {
    pub guard: &'a Guard,
    pub seq: i64,
    pub call: &'a str,
    pub step: Option<&'a str>,
    pub tool: Cow<'a, str>,
    pub effect: &'static str,
    pub key: &'a str,
}

/// A tool call that is made no more: its outcome is known, or is known to be unknown.
pub(crate) struct SettledRow<'a> {
    pub tenant: &'a str,
    pub task: &'a str,
    pub seq: i64,
    pub call: &'a str,
}

/// What is left to be written for the commits that were let through.
#[derive(Default)]
pub(crate) struct Log<'a> {
    pub events: Vec<EventRow<'a>>,
    pub intended: Vec<IntendedRow<'a>>,
    /// Calls with an unknown outcome.
    pub unknown: Vec<SettledRow<'a>>,
    /// Calls that ended.
    pub done: Vec<SettledRow<'a>>,
    /// Jobs whose work is done.
    pub ended: Vec<&'a Guard>,
    /// Tenant, task, hash and size, each once.
    pub blobs: BTreeSet<(&'a str, &'a str, &'a str, i64)>,
}

impl<'a> Log<'a> {
    /// Adds the events of a commit, as the last ones up to number `seq`.
    pub(crate) fn add(
        &mut self,
        (tenant, task): (&'a TenantId, &'a TaskId),
        events: &'a [PreparedEvent],
        (seq, at_ms): (i64, i64),
    ) {
        let first = seq - count(events) + 1;
        self.events
            .extend((first..).zip(events).map(|(seq, event)| EventRow {
                tenant: tenant.as_str(),
                task: task.as_str(),
                seq,
                at_ms,
                kind: event.kind.label(),
                step: event.step.as_ref().map(StepId::as_str),
                public: BodyColumns::from(&event.public),
                private: BodyColumns::from(&event.private),
            }));
    }

    /// Adds what a commit changes about a tool call.
    pub(crate) fn call(&mut self, guard: &'a Guard, change: &'a CallChange, seq: i64) {
        match change {
            CallChange::Intended {
                call,
                step,
                tool,
                effect,
                key,
            } => self.intended.push(IntendedRow {
                guard,
                seq,
                call: call.as_str(),
                step: step.as_ref().map(StepId::as_str),
                tool: plain(tool),
                effect: effect.label(),
                key,
            }),
            CallChange::Settled { call, state } => {
                self.settle((&guard.tenant, &guard.task), call, *state, seq);
            }
        }
    }

    /// Adds how a tool call ended.
    pub(crate) fn settle(
        &mut self,
        (tenant, task): (&'a TenantId, &'a TaskId),
        call: &'a CallId,
        state: CallState,
        seq: i64,
    ) {
        let row = SettledRow {
            tenant: tenant.as_str(),
            task: task.as_str(),
            seq,
            call: call.as_str(),
        };
        match state {
            CallState::Unknown => self.unknown.push(row),
            CallState::Returned | CallState::Failed => self.done.push(row),
        }
    }

    /// Notes the blobs that a commit names.
    pub(crate) fn name(
        &mut self,
        (tenant, task): (&'a TenantId, &'a TaskId),
        blobs: &'a [BlobRef],
    ) {
        let named = blobs.iter().map(|blob| {
            let bytes = saturated(blob.bytes);
            (tenant.as_str(), task.as_str(), blob.hash.as_str(), bytes)
        });
        self.blobs.extend(named);
    }
}

/// How many numbers a commit needs.
pub(crate) fn count(events: &[PreparedEvent]) -> i64 {
    i64::try_from(events.len()).unwrap_or(i64::MAX)
}
