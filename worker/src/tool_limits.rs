//! How many calls of one tool this worker makes at the same time, and who waits for a place.
//!
//! A place is taken before the intent of a call is committed: an intent whose call still waits would count as a call of
//! unknown outcome after a crash. Places live in this process and end with it.
//!
//! A step that finds no place soon gives its job back and is noted in the tool's line. The line asks for a place like any step
//! that is here, so neither gets ahead of the other; what it gets, it keeps for its first step for a moment, and calls
//! that step back. A line that is lost with its process costs its steps the rest of their time in the queue.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_core::id::{StepId, TaskId, TenantId};
use futures_util::future::join_all;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::call_back::Caller;

/// How long a place is kept for a step that was called back. It comes within milliseconds if the worker has room for it.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// The limits of one worker.
pub struct ToolLimits {
    tools: HashMap<String, Limited>,
    /// How long a step that is here waits for a place.
    patience: Duration,
}

/// The right to make one call; it ends when it is dropped.
pub struct Permit {
    _held: Option<OwnedSemaphorePermit>,
}

/// A step that was given back because it found no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Owner.
    pub tenant: TenantId,
    /// Its task.
    pub task: TaskId,
    /// The step.
    pub step: StepId,
}

/// A tool with a limit.
struct Limited {
    limit: u32,
    places: Arc<Semaphore>,
    line: Mutex<Line>,
    /// Told when somebody lines up.
    lined_up: Notify,
    /// Told when a kept place is taken.
    taken: Notify,
}

#[derive(Default)]
struct Line {
    absent: VecDeque<Absent>,
    /// The place that is kept for a step that was called back.
    kept: Option<(StepId, OwnedSemaphorePermit)>,
}

impl ToolLimits {
    /// Limits by the tool's name. Other tools have none. A limit of 0 counts as 1, since with none no step would end.
    pub fn new(at_once: &BTreeMap<String, u32>, patience: Duration) -> Self {
        let limits = at_once.iter();
        Self {
            tools: limits
                .map(|(tool, most)| (tool.clone(), Limited::new(*most)))
                .collect(),
            patience,
        }
    }

    /// How many calls of this tool may be made at the same time, if not any number.
    pub fn limit(&self, tool: &str) -> Option<u32> {
        self.tools.get(tool).map(|tool| tool.limit)
    }

    /// A place for a call of this step, if there is one now.
    pub fn try_take(&self, tool: &str, step: &StepId) -> Option<Permit> {
        match self.tools.get(tool) {
            None => Some(Permit { _held: None }),
            Some(tool) => tool.try_take(step),
        }
    }

    /// A place, in the order in which they were asked for; nothing if that takes too long.
    pub async fn take(&self, tool: &str, step: &StepId) -> Option<Permit> {
        if let Some(permit) = self.try_take(tool, step) {
            return Some(permit);
        }
        let tool = self.tools.get(tool)?;
        // It is never closed, so this does not fail.
        let asked = Arc::clone(&tool.places).acquire_owned();
        let held = timeout(self.patience, asked).await.ok()?.ok()?;
        Some(tool.give(step, held))
    }

    /// Notes a step that was given back. One that waits in the line keeps its place there.
    pub fn line_up(&self, tool: &str, absent: Absent) {
        let Some(tool) = self.tools.get(tool) else {
            return;
        };
        let mut line = tool.line();
        if !line.absent.contains(&absent) {
            line.absent.push_back(absent);
            tool.lined_up.notify_one();
        }
    }

    /// Calls steps back whenever there is a place for them.
    pub async fn call_back(&self, caller: &Caller) -> Infallible {
        let lines = self.tools.values();
        join_all(lines.map(|tool| tool.call_back(caller))).await;
        // Without a scarce tool there is nobody to call.
        std::future::pending().await
    }
}

impl Limited {
    fn new(most: u32) -> Self {
        let limit = most.max(1);
        let places = usize::try_from(limit).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            limit,
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            line: Mutex::default(),
            lined_up: Notify::new(),
            taken: Notify::new(),
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing in here panics half-way.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_take(&self, step: &StepId) -> Option<Permit> {
        let mut line = self.line();
        if let Some((_, held)) = line.kept.take_if(|(kept_for, _)| kept_for == step) {
            drop(line);
            self.taken.notify_one();
            return Some(Permit { _held: Some(held) });
        }
        drop(line);
        // Whoever waits for a place gets it as soon as it is free, so none is left that one could snatch.
        let held = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(self.give(step, held))
    }

    /// A step that has a place need not be called back.
    fn give(&self, step: &StepId, held: OwnedSemaphorePermit) -> Permit {
        self.line().absent.retain(|absent| absent.step != *step);
        Permit { _held: Some(held) }
    }

    async fn call_back(&self, caller: &Caller) {
        loop {
            if self.line().absent.is_empty() {
                self.lined_up.notified().await;
                continue;
            }
            let Ok(held) = Arc::clone(&self.places).acquire_owned().await else {
                return;
            };
            let Some(first) = self.line().absent.pop_front() else {
                continue;
            };
            self.line().kept = Some((first.step.clone(), held));
            if caller.call(&first).await {
                // A place that nobody comes for is for others. The step finds its way by itself.
                let _ = timeout(KEPT_FOR, self.until_taken()).await;
            }
            self.line().kept = None;
        }
    }

    async fn until_taken(&self) {
        while self.line().kept.is_some() {
            self.taken.notified().await;
        }
    }
}
