//! One claimed job at work: reads, decisions and commits under its fence.

use std::sync::Arc;

use agent_core::budget::{Limit, Spend};
use agent_core::decide::commit::prepare;
use agent_core::decide::{Input, Wait, decide};
use agent_core::event::{Event, EventBody, NewEvent};
use agent_core::id::StepId;
use agent_core::job::Claim;
use agent_core::journal;
use agent_core::ports::store::{Append, Committed, Right, StoreError};
use agent_core::ports::tool::ToolSpec;
use agent_core::task::{Task, TaskSpec, WaitKind};
use tokio_util::sync::CancellationToken;

use crate::lease::Lease;
use crate::options::Options;
use crate::parts::Parts;
use crate::stop::Stop;
use crate::tool_limits::{Permit, ToolLimits};

const EVENTS_PER_PAGE: u32 = 500;
/// How often a decision is made again because the task moved. Steps of one task move it rarely, so this is never
/// reached without a fault.
const DECISIONS_MAX: u32 = 100;

/// What was read of a log so far.
#[derive(Default)]
struct Read {
    bodies: Vec<EventBody>,
    after: i64,
}

/// A job at work.
#[derive(Clone)]
pub struct Context {
    pub parts: Parts,
    pub options: Arc<Options>,
    pub claim: Claim,
    /// What this life may still do.
    pub lease: Arc<Lease>,
    /// Which tools are scarce.
    pub tool_limits: Arc<ToolLimits>,
    /// Cancelled when the process wants to end; jobs then stop at their next commit.
    pub draining: CancellationToken,
}

impl Context {
    pub async fn task(&self) -> Result<Task, Stop> {
        let found = self
            .parts
            .store
            .find_task(&self.claim.tenant, &self.claim.task)
            .await?;
        let task = found.ok_or(Stop::Lost)?;
        if task.engine > self.options.engine {
            return Err(Stop::NewerRules(task.engine));
        }
        Ok(task)
    }

    pub async fn spec(&self, task: &Task) -> Result<TaskSpec, Stop> {
        self.read_json(&task.spec).await
    }

    /// A stored body as the type that was written.
    pub async fn read_json<T: serde::de::DeserializeOwned>(
        &self,
        stored: &agent_core::blob::Stored,
    ) -> Result<T, Stop> {
        let text =
            journal::load_text(self.parts.blobs.as_ref(), &self.claim.tenant, stored).await?;
        serde_json::from_str(&text)
            .map_err(|error| Stop::Damaged(format!("a stored body cannot be read: {error}")))
    }

    /// The whole log of the task, in order.
    pub async fn whole_log(&self) -> Result<Vec<EventBody>, Stop> {
        let (tenant, task) = (&self.claim.tenant, &self.claim.task);
        let mut log = Read::default();
        loop {
            let store = &self.parts.store;
            let page = store
                .events_after(tenant, task, log.after, EVENTS_PER_PAGE)
                .await?;
            if !self.read_page(&page, &mut log).await? {
                return Ok(log.bodies);
            }
        }
    }

    /// All events of a step, or of the task as a whole, in order.
    pub async fn events(&self, step: Option<&StepId>) -> Result<Vec<EventBody>, Stop> {
        let (tenant, task) = (&self.claim.tenant, &self.claim.task);
        let mut log = Read::default();
        loop {
            let store = &self.parts.store;
            let page = store
                .step_events_after(tenant, task, step, log.after, EVENTS_PER_PAGE)
                .await?;
            if !self.read_page(&page, &mut log).await? {
                return Ok(log.bodies);
            }
        }
    }

    /// Takes in a page of the log. Says whether there may be another.
    async fn read_page(&self, page: &[Event], log: &mut Read) -> Result<bool, Stop> {
        for event in page {
            log.after = event.seq;
            log.bodies
                .push(journal::read(self.parts.blobs.as_ref(), &self.claim.tenant, event).await?);
        }
        Ok(!page.is_empty())
    }

    /// An append with nothing in it, to be filled.
    pub fn blank(&self) -> Append {
        Append::of(self.claim.guard())
    }

    /// Commits a turn's progress.
    pub async fn append(&self, mut commit: Append, events: &[NewEvent]) -> Result<Committed, Stop> {
        commit.events =
            journal::prepare_all(self.parts.blobs.as_ref(), &self.claim.tenant, events).await?;
        commit.blobs.extend(journal::named_blobs(&commit.events));
        Ok(self.parts.store.append(commit).await?)
    }

    /// Decides from the task as it is now and commits, again and again until the task has not moved in between.
    pub async fn transition(&self, input: Input, charge: Spend) -> Result<Committed, Stop> {
        let tenant = &self.claim.tenant;
        for _ in 0..DECISIONS_MAX {
            let task = self.task().await?;
            let entropy = self.parts.entropy.as_ref();
            let mut decision =
                decide(&task, input.clone(), task.read_at_ms, entropy).map_err(Stop::OutOfDate)?;
            decision.charge = decision.charge.plus(charge);
            let right = Right::Job(self.claim.guard(), decision.own_job);
            let commit = prepare(
                self.parts.blobs.as_ref(),
                tenant,
                right,
                task.version,
                decision,
            )
            .await?;
            match self.parts.store.transition(commit).await {
                Ok(committed) => return Ok(committed),
                Err(StoreError::VersionMoved { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Stop::Machine(format!(
            "the task moved {DECISIONS_MAX} times while one decision was made"
        )))
    }

    /// Stops before the next call if the process is ending, or if the budget forbids the call that `charged` paid for.
    pub fn may_go_on(&self, committed: &Committed, charged: Spend) -> Result<(), Stop> {
        if let Some(limit) = committed.budget.exhausted(&committed.spent_now()) {
            return Err(Stop::Wait(Box::new(budget_wait(limit, charged))));
        }
        if self.is_draining() {
            return Err(Stop::Draining);
        }
        Ok(())
    }

    /// Asked right before anything is done outside the store: after the lease others may do the same. A write needs
    /// no such question, because the store compares its fence.
    pub fn may_act(&self) -> Result<(), Stop> {
        if self.lease.holds() {
            Ok(())
        } else {
            Err(Stop::Lost)
        }
    }

    /// Waits until a call of this tool may be made.
    pub async fn permit(&self, tool: &str) -> Result<Permit, Stop> {
        tokio::select! {
            biased;
            permit = self.tool_limits.take(tool) => Ok(permit),
            () = self.draining.cancelled() => Err(Stop::Draining),
        }
    }

    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// The tools that the submitter allowed.
    pub fn allowed_tools(&self, spec: &TaskSpec) -> Vec<ToolSpec> {
        let allowed = |tool: &&ToolSpec| {
            spec.tools
                .as_ref()
                .is_none_or(|names| names.contains(&tool.name))
        };
        self.parts
            .tools
            .specs()
            .iter()
            .filter(allowed)
            .cloned()
            .collect()
    }
}

fn budget_wait(limit: Limit, charged: Spend) -> Wait {
    Wait {
        kind: WaitKind::Budget,
        reason: format!(
            "the budget for {} is used up; raise it to let the task go on, or cancel the task",
            limit.label()
        ),
        delay_ms: None,
        limit: Some(limit),
        refund: charged.refund(),
    }
}
