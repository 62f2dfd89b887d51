//! A decision in the making: the task as it was, and what has been decided so far.
//!
//! The rules that span all inputs live here: what state follows from the steps, what job must exist, how running time
//! is counted, who must be told.

use crate::budget::Spend;
use crate::delivery::{NewDelivery, message, rfc3339};
use crate::event::{EventBody, NewEvent, TaskFinished, TaskResumed, TaskStarted, TaskWaiting};
use crate::id::{DeliveryId, JobId, StepId};
use crate::job::{JobAfter, JobKind, NewJob};
use crate::ports::entropy::Entropy;
use crate::ports::store::JobChanges;
use crate::step::{Step, StepOutcome, StepState};
use crate::task::{Task, TaskResult, TaskState, Waiting};

use super::{ChangedStep, ChangedTask, Decision, REPLANS_MAX, Wait};

/// See the module's description.
pub struct Draft<'a> {
    pub task: &'a Task,
    pub now_ms: i64,
    pub entropy: &'a dyn Entropy,
    pub out: Decision,
}

impl<'a> Draft<'a> {
    pub fn new(task: &'a Task, now_ms: i64, entropy: &'a dyn Entropy) -> Self {
        let unchanged = ChangedTask {
            state: task.state,
            waiting: task.waiting.clone(),
            budget: task.budget,
            plan_version: task.plan_version,
            replans: task.replans,
            running_since_ms: task.running_since_ms,
            result: None,
            error: None,
        };
        let out = Decision {
            task: unchanged,
            charge: Spend::default(),
            new_steps: Vec::new(),
            steps: Vec::new(),
            jobs: JobChanges::default(),
            settled: Vec::new(),
            own_job: JobAfter::Keep,
            deliveries: Vec::new(),
            events: Vec::new(),
        };
        Self {
            task,
            now_ms,
            entropy,
            out,
        }
    }

    pub fn into_decision(self) -> Decision {
        self.out
    }

    pub fn note(&mut self, body: impl Into<EventBody>) {
        self.out.events.push(NewEvent::of_task(body));
    }

    pub fn note_of(&mut self, step: &StepId, body: impl Into<EventBody>) {
        self.out.events.push(NewEvent::of_step(step, body));
    }

    /// The step in the wanted state, or why the input is refused.
    pub fn step_in(&self, id: &StepId, wanted: &[StepState]) -> Result<&'a Step, String> {
        let step = self
            .task
            .step(id)
            .ok_or_else(|| format!("{id} is not a step of this task"))?;
        if wanted.contains(&step.state) {
            return Ok(step);
        }
        Err(format!("step {} is {}", step.key, step.state.label()))
    }

    pub fn set_step(
        &mut self,
        id: &StepId,
        state: StepState,
        waiting: Option<Waiting>,
        outcome: Option<StepOutcome>,
    ) {
        self.out.steps.retain(|changed| changed.id != *id);
        self.out.steps.push(ChangedStep {
            id: id.clone(),
            state,
            waiting,
            outcome,
        });
    }

    /// Whether a wait for the budget is out of date: the limit was raised, or a charge was given back, while the worker
    /// made up its mind. The raise could not wake a job that did not wait yet, so the job must not begin to wait.
    pub fn is_over(&self, wait: &Wait) -> bool {
        let spent = self.task.spent_at(self.now_ms);
        wait.limit
            .is_some_and(|limit| self.task.budget.exhausted(&spent) != Some(limit))
    }

    /// A step's state with this decision applied.
    pub fn state_of(&self, step: &Step) -> StepState {
        self.out
            .steps
            .iter()
            .find(|changed| changed.id == step.id)
            .map_or(step.state, |changed| changed.state)
    }

    fn waiting_of<'b>(&'b self, step: &'b Step) -> Option<&'b Waiting> {
        match self.out.steps.iter().find(|changed| changed.id == step.id) {
            Some(changed) => changed.waiting.as_ref(),
            None => step.waiting.as_ref(),
        }
    }

    pub fn create_job(&mut self, kind: JobKind, step: Option<StepId>) {
        let id = JobId::new(self.entropy);
        self.out.jobs.create.push(NewJob {
            id,
            kind,
            step,
            delivery: None,
            priority: self.task.priority,
            delay_ms: 0,
        });
    }

    /// Makes the task running, and says so where that is news.
    pub fn run(&mut self, why: &str) {
        match self.out.task.state {
            TaskState::Queued => self.note(TaskStarted {}),
            TaskState::Waiting => self.note(TaskResumed {
                reason: why.to_owned(),
            }),
            TaskState::Running
            | TaskState::Succeeded
            | TaskState::Partial
            | TaskState::Failed
            | TaskState::Cancelled => return,
        }
        self.out.task.state = TaskState::Running;
        self.out.task.waiting = None;
        self.out.task.running_since_ms = Some(self.now_ms);
    }

    /// Forgets the time in which nobody worked: from the last commit until this claim, unless another step was running.
    /// A server that was down over night must not find its tasks out of time.
    pub fn forget_idle_time(&mut self, claimed: Option<&StepId>) {
        let is_other = |step: &Step| step.state == StepState::Running && Some(&step.id) != claimed;
        if self.task.steps.iter().any(is_other) {
            return;
        }
        if let Some(since) = self.out.task.running_since_ms {
            let wall_ms = self.task.updated_at_ms.saturating_sub(since).max(0);
            self.out.charge = self.out.charge.plus(Spend {
                wall_ms,
                ..Spend::default()
            });
            self.out.task.running_since_ms = Some(self.now_ms);
        }
    }

    fn stop_clock(&mut self) {
        if let Some(since) = self.out.task.running_since_ms.take() {
            let wall_ms = self.now_ms.saturating_sub(since).max(0);
            self.out.charge = self.out.charge.plus(Spend {
                wall_ms,
                ..Spend::default()
            });
        }
    }

    /// Makes the whole task wait, and tells its owner if a person has to act.
    pub fn wait(&mut self, waiting: Waiting, limit: Option<crate::budget::Limit>) {
        self.stop_clock();
        self.out.task.state = TaskState::Waiting;
        let (wait, until_ms, reason) = (waiting.kind, waiting.until_ms, waiting.reason.clone());
        self.note(TaskWaiting {
            wait,
            until_ms,
            reason: reason.clone(),
            limit,
        });
        self.out.task.waiting = Some(waiting);
        if wait.needs_a_person() {
            self.tell(TaskState::Waiting, None, Some(&reason));
        }
    }

    /// Ends the task: no step stays open, no work job stays behind, the owner is told.
    pub fn finish(&mut self, state: TaskState, result: Option<TaskResult>, error: Option<String>) {
        self.stop_clock();
        let left = if state == TaskState::Cancelled {
            StepState::Cancelled
        } else {
            StepState::Skipped
        };
        let task = self.task;
        for step in &task.steps {
            if !self.state_of(step).is_final() {
                self.set_step(&step.id, left, None, None);
            }
        }
        self.out.jobs.delete_work = true;
        self.out.jobs.create.clear();
        self.out.own_job = JobAfter::Delete;
        self.out.task.state = state;
        self.out.task.waiting = None;
        self.tell(
            state,
            result.as_ref().map(|result| result.answer.as_str()),
            error.as_deref(),
        );
        self.note(TaskFinished {
            state,
            result: result.clone(),
            error: error.clone(),
        });
        self.out.task.result = result;
        self.out.task.error = error;
    }

    fn tell(&mut self, state: TaskState, answer: Option<&str>, error: Option<&str>) {
        let Some(webhook) = self.task.webhook.clone() else {
            return;
        };
        let (kind, body) = message(self.task, state, &rfc3339(self.now_ms), answer, error);
        let id = DeliveryId::new(self.entropy);
        let job = NewJob::deliver(JobId::new(self.entropy), id.clone());
        self.out.jobs.create.push(job);
        self.out.deliveries.push(NewDelivery {
            id,
            webhook,
            kind,
            body,
        });
    }

    /// What follows for the task after a step's state has changed: steps that became free are made ready, and when
    /// nothing moves any more the task waits, plans anew, or reports.
    pub fn settle(&mut self) {
        self.release_free_steps();
        let task = self.task;
        let current = || {
            task.steps
                .iter()
                .filter(|step| step.plan_version == task.plan_version)
        };
        if current()
            .any(|step| matches!(self.state_of(step), StepState::Ready | StepState::Running))
        {
            return self.run("a step goes on");
        }
        if let Some(waiting) = self.most_urgent_wait() {
            return self.wait(waiting, None);
        }
        let failed = current().any(|step| self.state_of(step) == StepState::Failed);
        if failed && task.replans < REPLANS_MAX {
            return self.create_job(JobKind::Plan, None);
        }
        self.skip_blocked();
        self.create_job(JobKind::Report, None);
    }

    pub fn skip_blocked(&mut self) {
        let task = self.task;
        for step in &task.steps {
            if self.state_of(step) == StepState::Blocked {
                self.set_step(&step.id, StepState::Skipped, None, None);
            }
        }
    }

    fn release_free_steps(&mut self) {
        let task = self.task;
        for step in &task.steps {
            let free = self.state_of(step) == StepState::Blocked
                && step.depends_on.iter().all(|needed| {
                    task.step(needed)
                        .is_some_and(|needed| self.state_of(needed) == StepState::Succeeded)
                });
            if free {
                self.set_step(&step.id, StepState::Ready, None, None);
                self.create_job(JobKind::Step, Some(step.id.clone()));
            }
        }
    }

    /// A wait that needs a person if there is one, else the one that ends first.
    fn most_urgent_wait(&self) -> Option<Waiting> {
        let waits = self
            .task
            .steps
            .iter()
            .filter(|step| self.state_of(step) == StepState::Waiting);
        waits
            .filter_map(|step| self.waiting_of(step))
            .min_by_key(|waiting| {
                (
                    !waiting.kind.needs_a_person(),
                    waiting.until_ms.unwrap_or(i64::MAX),
                )
            })
            .cloned()
    }
}
