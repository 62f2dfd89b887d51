//! Hints: that a job may be ready, or that a task's log may have grown.
//!
//! They travel inside the process, and to other processes where the database can carry them and somebody waits there, which
//! is why waits are told outward too. A hint that is lost costs the rest of a poll's interval and nothing else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agent_core::id::TaskId;
use agent_core::ports::wake::Wake;
use async_trait::async_trait;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use crate::Store;

/// How many tasks' hints a slow watcher may miss before it is simply told to look.
const BACKLOG: usize = 256;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Hint {
    /// A job may be ready.
    Jobs,
    /// A task's log may have grown; `None` is any task's.
    Task(Option<TaskId>),
}

/// What goes outward: something that happened, or, with a time, something that is waited for here for at most so long.
pub(crate) type Outward = (Hint, Option<Duration>);

/// The process's hints.
pub(crate) struct Hints {
    jobs: Notify,
    /// How many wait for jobs right now: one in every process that has one worker.
    job_waiters: AtomicUsize,
    tasks: broadcast::Sender<Option<TaskId>>,
    outward: Option<mpsc::Sender<Outward>>,
}

impl Hints {
    /// Hints that stay in the process, or that also go to `outward`.
    pub(crate) fn new(outward: Option<mpsc::Sender<Outward>>) -> Self {
        Self {
            jobs: Notify::new(),
            job_waiters: AtomicUsize::new(0),
            tasks: broadcast::Sender::new(BACKLOG),
            outward,
        }
    }

    /// A commit of this process may have made a job ready.
    pub(crate) fn jobs(&self) {
        self.send_out((Hint::Jobs, None));
        self.hear(Hint::Jobs);
    }

    /// A commit of this process added to a task's log.
    pub(crate) fn task(&self, task: &TaskId) {
        self.send_out((Hint::Task(Some(task.clone())), None));
        self.hear(Hint::Task(Some(task.clone())));
    }

    /// Tells this process's waiters, and nobody else.
    pub(crate) fn hear(&self, hint: Hint) {
        // Sending fails when nobody watches, which is fine.
        match hint {
            Hint::Jobs => {
                if self.job_waiters.load(Ordering::Acquire) > 1 {
                    self.jobs.notify_waiters();
                }
                // Wakes the claim loop, or is kept for it if it is not waiting right now. After all were woken it is kept too, and makes
                // one of them look twice.
                self.jobs.notify_one();
            }
            Hint::Task(task) => drop(self.tasks.send(task)),
        }
    }

    /// Waits for a hint that a job may be ready.
    async fn wait_for_jobs(&self, at_most: Duration) {
        self.waits(Hint::Jobs, at_most);
        let _waiter = Waiter::of(&self.job_waiters);
        let _ = timeout(at_most, self.jobs.notified()).await;
    }

    /// Somebody of this process waits.
    fn waits(&self, hint: Hint, at_most: Duration) {
        self.send_out((hint, Some(at_most)));
    }

    fn send_out(&self, told: Outward) {
        if let Some(outward) = &self.outward {
            // Full means that others are told soon anyway, or cannot be told at all.
            let _ = outward.try_send(told);
        }
    }
}

/// One who waits, counted until it stops, however that comes.
struct Waiter<'a>(&'a AtomicUsize);

impl<'a> Waiter<'a> {
    fn of(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[async_trait]
impl Wake for Store {
    async fn jobs(&self, at_most: Duration) {
        self.core.hints.wait_for_jobs(at_most).await;
    }

    async fn task(&self, task: &TaskId, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        let mut heard = self.core.hints.tasks.subscribe();
        self.core
            .hints
            .waits(Hint::Task(Some(task.clone())), at_most);
        loop {
            match timeout_at(deadline, heard.recv()).await {
                Ok(Ok(Some(other))) if other != *task => {}
                // This task, any task, too many to tell, or time is up.
                Ok(_) | Err(_) => return,
            }
        }
    }
}
