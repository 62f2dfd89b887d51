//! One claimed job at work: reads, decisions and commits under its fence.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use agent_core::blob::{BlobHash, BlobRef};
use agent_core::budget::{Limit, Spend};
use agent_core::conversation::finish_spec;
use agent_core::decide::applied::Saving;
use agent_core::decide::commit::prepare;
use agent_core::decide::{Decision, Input, Wait, decide};
use agent_core::event::{Event, EventBody, NewEvent};
use agent_core::id::StepId;
use agent_core::job::{Claim, HandOver, Incarnation, JobAfter, JobKind, NewJob};
use agent_core::journal;
use agent_core::ports::store::{Append, Committed, Right, StoreError};
use agent_core::ports::tool::{NoneFree, ToolSpec};
use agent_core::ports::workspaces::Place;
use agent_core::task::{Task, TaskSpec, WaitKind};
use tokio::time::Instant;
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

/// A task as this job saw it last: read, or made by its own transitions.
pub struct Seen {
    pub task: Task,
    at: Instant,
    /// Whether it was read just now.
    is_fresh: bool,
    /// Files that the end of a step names.
    pub last_files: Option<LastFiles>,
}

/// Files of a step that none of its calls has named.
pub struct LastFiles {
    pub step: StepId,
    /// The manifest.
    pub snapshot: BlobHash,
    /// The manifest, and what it names that was put now.
    pub blobs: Vec<BlobRef>,
}

impl Seen {
    /// The database's time, as far as the time since can be told by a clock that does not jump.
    fn now_ms(&self) -> i64 {
        let since = i64::try_from(self.at.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.task.read_at_ms.saturating_add(since)
    }
}

/// What is held in the place of a job that ended.
pub enum HandedOver {
    /// This job.
    Job(Claim),
    /// Nobody knows: the commit had no clear answer.
    Unknown,
    /// At most the job that tells what became of this one: it was taken away.
    Taken,
}

/// What was read of a log so far.
#[derive(Default)]
struct Read {
    bodies: Vec<EventBody>,
    after: i64,
}

/// A job at work.
pub struct Context {
    pub parts: Parts,
    pub options: Arc<Options>,
    pub claim: Claim,
    /// Whose job it is.
    pub who: Incarnation,
    /// What became of the wish to go on with another job in the place of this one.
    pub handed_over: OnceLock<HandedOver>,
    /// Whether a commit was begun that ends this claim: from then on the queue may say that the job is nobody's, or another's,
    /// without any harm.
    pub is_leaving: Arc<AtomicBool>,
    /// What this life may still do.
    pub lease: Arc<Lease>,
    /// What a step may call that may call everything.
    pub every_tool: Arc<[ToolSpec]>,
    /// Which tools are scarce.
    pub tool_limits: Arc<ToolLimits>,
    /// Cancelled when the process wants to end; jobs then stop at their next commit.
    pub draining: CancellationToken,
}

impl Context {
    /// Reads the task.
    pub async fn see(&self) -> Result<Seen, Stop> {
        let at = Instant::now();
        let found = self
            .parts
            .store
            .find_task(&self.claim.tenant, &self.claim.task)
            .await?;
        let task = found.ok_or(Stop::Lost)?;
        if task.engine > self.options.engine {
            return Err(Stop::NewerRules(task.engine));
        }
        Ok(Seen {
            task,
            at,
            is_fresh: true,
            last_files: None,
        })
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

    /// The next events of a step's log, or of the whole log of the task, as they are stored; none at its end.
    pub async fn page(&self, step: Option<&StepId>, after: i64) -> Result<Vec<Event>, Stop> {
        let (tenant, task, store) = (&self.claim.tenant, &self.claim.task, &self.parts.store);
        let limit = EVENTS_PER_PAGE;
        Ok(match step {
            Some(_) => {
                store
                    .step_events_after(tenant, task, step, after, limit)
                    .await?
            }
            None => store.events_after(tenant, task, after, limit).await?,
        })
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

    /// Takes in a page of the log. Says whether there may be another: a page that is not full is the last.
    async fn read_page(&self, page: &[Event], log: &mut Read) -> Result<bool, Stop> {
        for event in page {
            log.after = event.seq;
            log.bodies
                .push(journal::read(self.parts.blobs.as_ref(), &self.claim.tenant, event).await?);
        }
        Ok(page.len() == EVENTS_PER_PAGE as usize)
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
        if commit.job != JobAfter::Keep {
            self.leave();
        }
        Ok(self.parts.store.append(commit).await?)
    }

    /// Decides from the task as it was seen last and commits; where the task has moved on, reads it and decides again, until
    /// it has not moved in between.
    pub async fn transition(
        &self,
        seen: &mut Seen,
        input: Input,
        charge: Spend,
    ) -> Result<Committed, Stop> {
        self.transition_after(seen, &[], input, charge).await
    }

    /// The same, with events that come before those of the decision: what it was decided from, if it is not in the log yet.
    pub async fn transition_after(
        &self,
        seen: &mut Seen,
        before: &[NewEvent],
        input: Input,
        charge: Spend,
    ) -> Result<Committed, Stop> {
        for _ in 0..DECISIONS_MAX {
            let entropy = self.parts.entropy.as_ref();
            match decide(&seen.task, input.clone(), seen.now_ms(), entropy) {
                Ok(mut decision) => {
                    decision.events.splice(0..0, before.iter().cloned());
                    decision.charge = decision.charge.plus(charge);
                    if let Some(committed) = self.save(seen, decision).await? {
                        return Ok(committed);
                    }
                }
                Err(refused) if seen.is_fresh => return Err(Stop::OutOfDate(refused)),
                Err(_) => {}
            }
            let last_files = seen.last_files.take();
            *seen = self.see().await?;
            seen.last_files = last_files;
        }
        Err(Stop::Machine(format!(
            "the task moved {DECISIONS_MAX} times while one decision was made"
        )))
    }

    /// Commits a decision about the task as it was seen; nothing when the task has moved on.
    async fn save(
        &self,
        seen: &mut Seen,
        mut decision: Decision,
    ) -> Result<Option<Committed>, Stop> {
        let wished = self.wished(&decision).cloned();
        decision.jobs.hand_over = wished.as_ref().map(|job| HandOver {
            job: job.id.clone(),
            to: self.who.clone(),
        });
        if decision.own_job != JobAfter::Keep {
            self.leave();
        }
        let right = Right::Job(self.claim.guard(), decision.own_job);
        let (blobs, tenant) = (self.parts.blobs.as_ref(), &self.claim.tenant);
        let mut commit = prepare(blobs, tenant, right, seen.task.version, decision).await?;
        if let Some(files) = &seen.last_files {
            let own = commit.steps.iter_mut().filter(|step| step.id == files.step);
            own.for_each(|step| step.snapshot = Some(files.snapshot.clone()));
            commit.blobs.extend(files.blobs.iter().cloned());
        }
        let saving = Saving::of(&commit);
        let at = Instant::now();
        match self.parts.store.transition(commit).await {
            Ok(committed) => {
                saving.saved(&mut seen.task, &committed);
                if seen.task.state.is_final() {
                    self.parts.tools.task_ended(tenant, &self.claim.task);
                }
                (seen.at, seen.is_fresh) = (at, false);
                if let Some(job) = wished.filter(|_| committed.handed_over) {
                    let claim = Claim::handed_over(job, (tenant, &self.claim.task));
                    // A job ends once, so nothing was handed over before.
                    drop(self.handed_over.set(HandedOver::Job(claim)));
                }
                Ok(Some(committed))
            }
            Err(StoreError::VersionMoved { .. }) => {
                self.is_leaving.store(false, Ordering::Release);
                Ok(None)
            }
            Err(error) => {
                // Also where it is refused: it may be the second try of a commit whose answer was lost on its way to the store.
                if wished.is_some() {
                    drop(self.handed_over.set(HandedOver::Unknown));
                }
                Err(error.into())
            }
        }
    }

    /// Says that what comes next ends the claim. Said before it is committed, so that whoever sees it in the queue knows.
    pub fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
    }

    /// Says that the job is somebody else's now, or gone.
    pub fn was_taken(&self) {
        // Where something was handed over, or may have been, that is what has to be looked for.
        drop(self.handed_over.set(HandedOver::Taken));
    }

    /// The job with which this worker would go on in the place of this one, if the decision ends this one.
    fn wished<'a>(&self, decision: &'a Decision) -> Option<&'a NewJob> {
        if decision.own_job != JobAfter::Delete || self.is_draining() {
            return None;
        }
        let mut created = decision.jobs.create.iter();
        created.find(|job| job.kind != JobKind::Deliver && job.delay_ms == 0)
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
            Err(Stop::Lapsed)
        }
    }

    /// Waits until a call of this tool may be made, for which `charged` was paid; gives the step back if that takes too long.
    /// The place for a call, if one is free at once.
    pub fn try_permit(&self, tool: &str, place: &Place) -> Result<Permit, NoneFree> {
        let permit = self.tool_limits.try_take(tool, &place.step);
        let limit = self.tool_limits.limit(tool).unwrap_or_default();
        let permit = permit.ok_or(NoneFree { limit })?;
        self.parts.tools.reserve(tool, place).map(|()| permit)
    }

    /// The place for a call, as soon as one is free.
    pub async fn permit(&self, tool: &str, place: &Place, charged: Spend) -> Result<Permit, Stop> {
        let permit = tokio::select! {
            biased;
            permit = self.tool_limits.take(tool, &place.step) => permit,
            () = self.draining.cancelled() => return Err(Stop::Draining),
        };
        let limit = self.tool_limits.limit(tool).unwrap_or_default();
        let kept = permit.ok_or(NoneFree { limit }).and_then(|permit| {
            let reserved = self.parts.tools.reserve(tool, place);
            reserved.map(|()| permit)
        });
        kept.map_err(|NoneFree { limit }| Stop::NoPlace {
            tool: tool.to_owned(),
            limit,
            refund: Some(charged.refund()),
        })
    }

    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// What a step may call: the tools that the submitter allowed, and its end. Steps that may call everything share a list.
    pub fn step_tools(&self, spec: &TaskSpec) -> Arc<[ToolSpec]> {
        if spec.tools.is_none() {
            return Arc::clone(&self.every_tool);
        }
        with_end(self.allowed_tools(spec))
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

/// Tools for a step, with the one that ends it.
pub fn with_end(mut tools: Vec<ToolSpec>) -> Arc<[ToolSpec]> {
    tools.push(finish_spec());
    tools.into()
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
