//! What a task is once a decision about it is saved.

use crate::ports::store::{Committed, StepChange, TaskChange, Transition};
use crate::step::Step;
use crate::task::Task;

/// Changes the states of a task and its steps as a transition says.
pub fn apply(
    task: &mut Task,
    change: TaskChange,
    (new_steps, steps): (Vec<Step>, Vec<StepChange>),
    now_ms: i64,
) {
    task.state = change.state;
    task.waiting = change.waiting;
    task.budget = change.budget;
    task.plan_version = change.plan_version;
    task.replans = change.replans;
    task.running_since_ms = change.running_since_ms;
    task.result = change.result;
    task.error = change.error;
    if change.state.is_final() && task.finished_at_ms.is_none() {
        task.finished_at_ms = Some(now_ms);
    }
    task.steps.extend(new_steps);
    task.steps.sort_by_key(|step| step.ordinal);
    for change in steps {
        for step in task.steps.iter_mut().filter(|step| step.id == change.id) {
            step.state = change.state;
            step.waiting.clone_from(&change.waiting);
            if change.outcome.is_some() {
                step.outcome.clone_from(&change.outcome);
            }
            if change.snapshot.is_some() {
                step.snapshot.clone_from(&change.snapshot);
            }
        }
    }
}

/// The states that a transition is about to save, for whoever made it.
#[derive(Debug, Clone)]
pub struct Saving {
    change: TaskChange,
    new_steps: Vec<Step>,
    steps: Vec<StepChange>,
}

impl Saving {
    /// Those of this transition.
    pub fn of(commit: &Transition) -> Self {
        Self {
            change: commit.task.clone(),
            new_steps: commit.new_steps.clone(),
            steps: commit.steps.clone(),
        }
    }

    /// Brings the task from which it was decided up to date, now that it is saved. What appends of other jobs changed
    /// meanwhile stays unseen: the snapshots of steps that still run.
    pub fn saved(self, task: &mut Task, committed: &Committed) {
        apply(
            task,
            self.change,
            (self.new_steps, self.steps),
            committed.at_ms,
        );
        task.version = committed.version;
        task.seq = committed.seq;
        task.spent = committed.spent;
        task.updated_at_ms = committed.at_ms;
        task.read_at_ms = committed.at_ms;
    }
}
