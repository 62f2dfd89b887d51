//! What an operator can set about a worker.

use std::collections::BTreeMap;

use agent_core::policy::Approvals;
use serde::{Deserialize, Serialize};

use crate::house::HouseOptions;

/// What is done about a call that may have had an effect outside the sandbox and was cut off before its outcome was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownCall {
    /// The task waits for its owner's decision, for a time.
    #[default]
    Ask,
    /// The model is told that the outcome is unknown, and goes on.
    TellModel,
    /// The step fails.
    Fail,
}

/// What is done when nobody decided in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undecided {
    /// The model is told that the outcome is unknown, and goes on.
    #[default]
    TellModel,
    /// The step fails.
    Fail,
}

/// What is done about a call that was held when nobody decided in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unapproved {
    /// It is not made, and the model is told.
    #[default]
    Deny,
    /// The step fails.
    Fail,
}

/// Settings of one worker process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Jobs that run at the same time.
    pub concurrency: u32,
    /// Jobs of one tenant that this worker runs at the same time; 0 is no limit.
    pub tenant_jobs_at_once: u32,
    /// Calls of a tool, by its name, that this worker makes at the same time. Tools that are not named have no limit.
    pub tool_calls_at_once: BTreeMap<String, u32>,
    /// How long a step waits at such a limit before it gives its place among the worker's jobs back.
    pub tool_patience_ms: u64,
    /// How long a worker may be silent before others take its jobs.
    pub lease_ms: u64,
    /// Shortest pause between two looks into an empty queue.
    pub poll_min_ms: u64,
    /// Longest pause between two looks into an empty queue.
    pub poll_max_ms: u64,
    /// How long a shutdown waits for running jobs before it hands them back.
    pub drain_ms: u64,
    /// How often a worker may die on a job, without progress in between, before the job is set aside for a person to look
    /// at.
    pub crashes_max: u32,
    /// How long one question to a model may take, retries included.
    pub model_deadline_ms: u64,
    /// Ceiling of the first pause after trouble with a model's provider or with this machine; it doubles up to the highest one.
    /// A pause is anything up to its ceiling, and comes on top of what a provider asked for.
    pub trouble_pause_min_ms: u64,
    /// Highest ceiling of a pause after trouble.
    pub trouble_pause_max_ms: u64,
    /// How often in a row a job waits for trouble to pass before it is given up.
    pub trouble_waits_max: u32,
    /// How long one webhook attempt may take.
    pub webhook_timeout_ms: u64,
    /// What is done about a call with an unknown outcome that may have had an effect outside the sandbox.
    pub unknown_call_decision: UnknownCall,
    /// How long its owner has to decide; 0 waits for ever.
    pub unknown_call_deadline_ms: u64,
    /// What is done when nobody decided by then.
    pub unknown_call_undecided: Undecided,
    /// What is done about a call that would join text from outside, private data and a way to send, where the submit did not say.
    pub approvals: Approvals,
    /// How long its owner has to approve it; 0 waits for ever.
    pub approval_deadline_ms: u64,
    /// What is done when nobody decided by then.
    pub approval_undecided: Unapproved,
    /// Newest rules that this worker knows. Not a setting: test builds stand for the next release with it.
    #[serde(skip)]
    pub engine: u32,
    /// What is removed, and when.
    pub housekeeping: HouseOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency: 4,
            tenant_jobs_at_once: 0,
            tool_calls_at_once: BTreeMap::new(),
            tool_patience_ms: 1_000,
            lease_ms: 15_000,
            poll_min_ms: 500,
            poll_max_ms: 2_000,
            drain_ms: 30_000,
            crashes_max: 3,
            model_deadline_ms: 10 * 60_000,
            trouble_pause_min_ms: 5_000,
            trouble_pause_max_ms: 15 * 60_000,
            trouble_waits_max: 32,
            webhook_timeout_ms: 15_000,
            unknown_call_decision: UnknownCall::Ask,
            unknown_call_deadline_ms: 24 * 60 * 60_000,
            unknown_call_undecided: Undecided::TellModel,
            approvals: Approvals::Ask,
            approval_deadline_ms: 24 * 60 * 60_000,
            approval_undecided: Unapproved::Deny,
            engine: agent_core::ENGINE_VERSION,
            housekeeping: HouseOptions::default(),
        }
    }
}
