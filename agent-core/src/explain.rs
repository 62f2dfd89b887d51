//! Why a task is where it is: for each open thing who holds it, what it waits for and until when, and what to do.
//!
//! A pure function of the task, its jobs and the time. It only reads; what it advises is carried out by people.

mod words;

use crate::id::{CallId, DeliveryId, JobId, StepId};
use crate::job::{JobKind, WorkerName};
use crate::queue::{DeadKind, Holder, JobPlace, OpenCall, QueuedJob, TaskQueue};
use crate::step::{Step, StepState};
use crate::task::{Task, TaskState, WaitKind, Waiting};

/// What keeps something from being done yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A worker is at work on it.
    Held,
    /// The worker that holds it has fallen silent; others take over when its lease lapses.
    HolderSilent,
    /// It can be claimed, and workers are there.
    Queued,
    /// It can be claimed, and no worker is there.
    NoWorker,
    /// It waits for other steps.
    Steps,
    /// It waits for an answer from a person.
    Input,
    /// It waits for a person's consent to a call.
    Approval,
    /// A limit of the budget is reached.
    Budget,
    /// The model's provider is in trouble.
    Provider,
    /// It waits for a point in time.
    Timer,
    /// A machine could not go on with it.
    Capacity,
    /// The receiver of a message did not take it; it is sent again.
    Receiver,
    /// No receiver took a message, and it was given up.
    Undelivered,
    /// Workers died on it again and again, and it was set aside.
    Quarantined,
    /// Its row cannot be read, and it was set aside.
    Unreadable,
    /// It was being done when the task ended; what became of it is not recorded.
    CutOff,
    /// Nothing carries it. This is a fault of the program.
    Lost,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 17] = [
        Self::Held,
        Self::HolderSilent,
        Self::Queued,
        Self::NoWorker,
        Self::Steps,
        Self::Input,
        Self::Approval,
        Self::Budget,
        Self::Provider,
        Self::Timer,
        Self::Capacity,
        Self::Receiver,
        Self::Undelivered,
        Self::Quarantined,
        Self::Unreadable,
        Self::CutOff,
        Self::Lost,
    ];

    /// The cause's name in the API.
    pub fn label(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::HolderSilent => "holder_silent",
            Self::Queued => "queued",
            Self::NoWorker => "no_worker",
            Self::Steps => "steps",
            Self::Input => "input",
            Self::Approval => "approval",
            Self::Budget => "budget",
            Self::Provider => "provider",
            Self::Timer => "timer",
            Self::Capacity => "capacity",
            Self::Receiver => "receiver",
            Self::Undelivered => "undelivered",
            Self::Quarantined => "quarantined",
            Self::Unreadable => "unreadable",
            Self::CutOff => "cut_off",
            Self::Lost => "lost",
        }
    }

    /// Whether it goes on by itself, whatever its time.
    fn passes(self) -> bool {
        match self {
            Self::Held
            | Self::HolderSilent
            | Self::Queued
            | Self::Steps
            | Self::Provider
            | Self::Timer
            | Self::Capacity
            | Self::Receiver
            | Self::CutOff => true,
            Self::NoWorker
            | Self::Input
            | Self::Approval
            | Self::Budget
            | Self::Undelivered
            | Self::Quarantined
            | Self::Unreadable
            | Self::Lost => false,
        }
    }
}

impl From<WaitKind> for Cause {
    fn from(kind: WaitKind) -> Self {
        match kind {
            WaitKind::Input => Self::Input,
            WaitKind::Approval => Self::Approval,
            WaitKind::Budget => Self::Budget,
            WaitKind::Provider => Self::Provider,
            WaitKind::Timer => Self::Timer,
            WaitKind::Capacity => Self::Capacity,
        }
    }
}

/// What is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The plan, or a new one.
    Plan,
    /// A step.
    Step {
        /// Identity.
        id: StepId,
        /// Its name inside the plan.
        key: String,
    },
    /// The report.
    Report,
    /// A webhook message.
    Delivery(DeliveryId),
    /// A tool call that outlived its task.
    Call(CallId),
    /// The task as a whole.
    Task,
}

/// Who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBy {
    /// The worker.
    pub worker: WorkerName,
    /// Its life.
    pub epoch: i64,
    /// How long ago it was last heard of; absent when it is not known.
    pub heartbeat_age_ms: Option<i64>,
}

/// One open thing, and why it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What is open.
    pub subject: Subject,
    /// What keeps it.
    pub cause: Cause,
    /// Its job, if it has one.
    pub job: Option<JobId>,
    /// Who holds it.
    pub holder: Option<HeldBy>,
    /// When it goes on by itself, in milliseconds since the epoch.
    pub until_ms: Option<i64>,
    /// Keys of the steps that it waits for.
    pub waits_for: Vec<String>,
    /// The tool call that is being made, or about which a decision is wanted.
    pub call: Option<OpenCall>,
    /// Retries that were charged.
    pub attempts: i64,
    /// How often a worker died on it.
    pub crashes: i64,
    /// What is the matter, in a sentence.
    pub explanation: String,
    /// What to do, in a sentence.
    pub advice: String,
}

impl Reason {
    /// Whether it goes on by itself. A question to a person does so when its time is over.
    pub fn passes(&self) -> bool {
        self.cause.passes() || self.until_ms.is_some()
    }

    /// A reason with nothing but what is open and why.
    fn of(subject: Subject, cause: Cause) -> Self {
        Self {
            subject,
            cause,
            job: None,
            holder: None,
            until_ms: None,
            waits_for: Vec::new(),
            call: None,
            attempts: 0,
            crashes: 0,
            explanation: String::new(),
            advice: String::new(),
        }
    }
}

/// Says for each open thing of `task` why it is open; nothing is open in a task that ended, told everybody and left no call
/// behind. A worker that was not heard of for `silent_ms` counts as silent.
pub fn explain(task: &Task, queue: &TaskQueue, silent_ms: i64) -> Vec<Reason> {
    let look = Look {
        task,
        queue,
        silent_ms,
    };
    let mut reasons = Vec::new();
    if task.state.is_final() {
        let left = queue.calls.iter().filter(|call| !call.is_unknown);
        reasons.extend(left.map(|call| look.cut_off(call)));
    } else {
        reasons.extend(task.steps.iter().filter_map(|step| look.at_step(step)));
        let of_task = queue.jobs.iter().filter(|job| is_of_task(job));
        reasons.extend(of_task.map(|job| look.at_task_job(job)));
        if reasons.is_empty() {
            reasons.push(look.lost(Subject::Task));
        }
    }
    let messages = queue.jobs.iter().filter_map(|job| {
        let message = job.delivery.clone()?;
        Some(look.at_job(Subject::Delivery(message), None, job))
    });
    reasons.extend(messages);
    let given_up = queue.given_up.iter();
    reasons.extend(given_up.map(|(message, why)| look.undelivered(message, why)));
    reasons
}

fn is_of_task(job: &QueuedJob) -> bool {
    job.step.is_none() && job.delivery.is_none()
}

/// What is looked at.
struct Look<'a> {
    task: &'a Task,
    queue: &'a TaskQueue,
    silent_ms: i64,
}

impl Look<'_> {
    fn at_step(&self, step: &Step) -> Option<Reason> {
        let subject = Subject::Step {
            id: step.id.clone(),
            key: step.key.clone(),
        };
        if step.state == StepState::Blocked {
            return Some(self.blocked(subject, step));
        }
        if !step.state.is_carried() {
            return None;
        }
        let own = |job: &&QueuedJob| job.step.as_ref() == Some(&step.id);
        let waiting = step.waiting.as_ref();
        Some(match self.queue.jobs.iter().find(own) {
            Some(job) => self.at_job(subject, waiting, job),
            None => self.lost(subject),
        })
    }

    fn at_task_job(&self, job: &QueuedJob) -> Reason {
        let subject = match job.kind {
            Some(JobKind::Plan) => Subject::Plan,
            Some(JobKind::Report) => Subject::Report,
            Some(JobKind::Step | JobKind::Deliver | JobKind::Housekeeping | JobKind::Stop)
            | None => Subject::Task,
        };
        let waiting = self.task.waiting.as_ref();
        let waiting = waiting.filter(|_| self.task.state == TaskState::Waiting);
        self.at_job(subject, waiting, job)
    }

    fn at_job(&self, subject: Subject, waiting: Option<&Waiting>, job: &QueuedJob) -> Reason {
        let mut reason = Reason {
            job: Some(job.job.clone()),
            attempts: job.attempts,
            crashes: job.crashes,
            ..Reason::of(subject, Cause::Lost)
        };
        let mut said = None;
        match &job.place {
            JobPlace::Held(holder) => {
                reason.cause = self.cause_of_hold(holder);
                reason.holder = Some(self.held_by(holder));
            }
            JobPlace::Ready => reason.cause = self.cause_of_queueing(),
            JobPlace::Delayed { until_ms } => {
                // A time that has passed is only waiting to be noticed, which takes a worker.
                if *until_ms <= self.queue.read_at_ms {
                    reason.cause = self.cause_of_queueing();
                } else {
                    reason.cause = cause_of_delay(job, waiting);
                    reason.until_ms = Some(*until_ms);
                    said = waiting.map(|waiting| waiting.reason.as_str());
                }
            }
            JobPlace::Parked => {
                reason.cause = waiting.map_or(Cause::Lost, |waiting| waiting.kind.into());
                said = waiting.map(|waiting| waiting.reason.as_str());
            }
            JobPlace::Dead { kind, reason: why } => {
                reason.cause = match kind {
                    DeadKind::Unreadable => Cause::Unreadable,
                    DeadKind::Job | DeadKind::Delivery => Cause::Quarantined,
                };
                said = Some(why.as_str());
            }
        }
        reason.call = self.call_of(job, reason.cause);
        words::add(&mut reason, self, said);
        reason
    }

    /// The call that a job is about: the last one that its step has begun, or was asked about.
    fn call_of(&self, job: &QueuedJob, cause: Cause) -> Option<OpenCall> {
        job.step.as_ref()?;
        let is_unknown = match cause {
            Cause::Held | Cause::HolderSilent => false,
            Cause::Approval => true,
            Cause::Queued
            | Cause::NoWorker
            | Cause::Steps
            | Cause::Input
            | Cause::Budget
            | Cause::Provider
            | Cause::Timer
            | Cause::Capacity
            | Cause::Receiver
            | Cause::Undelivered
            | Cause::Quarantined
            | Cause::Unreadable
            | Cause::CutOff
            | Cause::Lost => return None,
        };
        let mut own = self.queue.calls.iter().filter(|call| call.step == job.step);
        own.rfind(|call| call.is_unknown == is_unknown).cloned()
    }

    fn undelivered(&self, message: &DeliveryId, why: &str) -> Reason {
        let subject = Subject::Delivery(message.clone());
        let mut reason = Reason::of(subject, Cause::Undelivered);
        words::add(&mut reason, self, Some(why));
        reason
    }

    fn cut_off(&self, call: &OpenCall) -> Reason {
        let mut reason = Reason::of(Subject::Call(call.call.clone()), Cause::CutOff);
        reason.call = Some(call.clone());
        words::add(&mut reason, self, None);
        reason
    }

    fn blocked(&self, subject: Subject, step: &Step) -> Reason {
        let open = step.depends_on.iter().filter_map(|id| self.task.step(id));
        let open = open.filter(|needed| needed.state != StepState::Succeeded);
        let mut reason = Reason::of(subject, Cause::Steps);
        reason.waits_for = open.map(|needed| needed.key.clone()).collect();
        words::add(&mut reason, self, None);
        reason
    }

    fn lost(&self, subject: Subject) -> Reason {
        let mut reason = Reason::of(subject, Cause::Lost);
        words::add(&mut reason, self, None);
        reason
    }

    fn age_ms(&self, heartbeat_at_ms: i64) -> i64 {
        self.queue.read_at_ms.saturating_sub(heartbeat_at_ms).max(0)
    }

    fn is_silent(&self, heartbeat_at_ms: Option<i64>) -> bool {
        heartbeat_at_ms.is_none_or(|at_ms| self.age_ms(at_ms) > self.silent_ms)
    }

    fn cause_of_hold(&self, holder: &Holder) -> Cause {
        if holder.is_over || self.is_silent(holder.heartbeat_at_ms) {
            Cause::HolderSilent
        } else {
            Cause::Held
        }
    }

    fn cause_of_queueing(&self) -> Cause {
        if self.is_silent(self.queue.heartbeat_at_ms) {
            Cause::NoWorker
        } else {
            Cause::Queued
        }
    }

    fn held_by(&self, holder: &Holder) -> HeldBy {
        HeldBy {
            worker: holder.who.worker.clone(),
            epoch: holder.who.epoch,
            heartbeat_age_ms: holder.heartbeat_at_ms.map(|at_ms| self.age_ms(at_ms)),
        }
    }
}

fn cause_of_delay(job: &QueuedJob, waiting: Option<&Waiting>) -> Cause {
    match waiting {
        Some(waiting) => waiting.kind.into(),
        None if job.delivery.is_some() => Cause::Receiver,
        // A job that was given back because its worker could not use the store.
        None => Cause::Timer,
    }
}
