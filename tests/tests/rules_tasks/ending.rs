//! The end of a case: everything that can run is run, and then the task must have ended.

use agent_core::budget::Spend;
use agent_core::task::{Task, TaskState, WaitKind};

use crate::outcome::GOOD_LUCK;
use crate::world::World;

/// More rounds than any case needs to its end.
const ROUNDS_MAX: u32 = 500;

impl World {
    /// Runs everything that can run; then the task has ended, or a person has to act, who does.
    pub async fn run_to_the_end(&mut self, lucks: &[u8]) -> Result<(), String> {
        let mut lucks = lucks.iter().copied();
        for _ in 0..ROUNDS_MAX {
            let task = self.ground.read().await;
            let found = self.claim(0, 10).await + self.claim(1, 10).await;
            let many = self.hands.len() + self.owners.len();
            for at in (0..many).rev() {
                self.advance(at, lucks.next().unwrap_or(GOOD_LUCK)).await?;
                self.check().await?;
            }
            if found + many > 0 {
                continue;
            }
            if task.state.is_final() {
                return self.ended(&task);
            }
            self.push_on(&task).await?;
            self.check().await?;
        }
        Err(format!(
            "the task did not end: {:?}",
            self.ground.read().await
        ))
    }

    /// Nothing can run now: time passes, or a person acts.
    async fn push_on(&mut self, task: &Task) -> Result<(), String> {
        let Some(waiting) = &task.waiting else {
            return Err(format!("nothing carries the task on: {task:?}"));
        };
        match waiting.kind {
            _ if waiting.until_ms.is_some() => self.pass_time(6_000).await,
            WaitKind::Budget => {
                self.seen.budget_waits += 1;
                self.ask_owner(Some(u8::MAX)).await;
            }
            WaitKind::Input => {
                self.seen.other_waits += 1;
                self.ask_owner(None).await;
            }
            WaitKind::Approval | WaitKind::Provider | WaitKind::Timer | WaitKind::Capacity => {
                return Err(format!("nothing ends this wait: {waiting:?}"));
            }
        }
        Ok(())
    }

    fn ended(&mut self, task: &Task) -> Result<(), String> {
        let ends = [
            TaskState::Succeeded,
            TaskState::Partial,
            TaskState::Failed,
            TaskState::Cancelled,
        ];
        let told = |state: TaskState| {
            let kind = format!("task.{}", state.label());
            self.delivered.iter().filter(|one| **one == kind).count()
        };
        for (at, state) in ends.into_iter().enumerate() {
            let expected = usize::from(state == task.state);
            if told(state) != expected {
                return Err(format!("{} was told {} times", state.label(), told(state)));
            }
            self.seen.ends[at] += u32::from(state == task.state);
        }
        self.seen.plans += task.plan_version;
        self.seen.charges_lost += u32::from(self.book.lost != Spend::default());
        self.laws.ended(told(TaskState::Waiting))
    }
}
