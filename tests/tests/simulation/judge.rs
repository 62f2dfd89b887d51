//! The laws that must hold at the end of a run.

use std::collections::BTreeMap;

use agent_core::event::EventBody;
use agent_core::id::TaskId;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::workspaces::Workspaces;
use agent_core::task::TaskState;

use crate::world::World;

/// A task ends after so many answers and results.
const REPLIES: usize = 11;
const RESULTS: usize = 9;

/// What runs came across.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    /// Calls that were made again.
    pub repeated: usize,
    /// Effects of workers that had lost the lease.
    pub stale: usize,
    /// Calls of which nobody knows whether they were made.
    pub unknown: usize,
    /// Steps that another life went on with.
    pub resumed: usize,
    pub crashes: usize,
    /// Pauses that were longer than the lease.
    pub pauses: usize,
    pub silences: usize,
    pub jumps_ahead: usize,
    pub jumps_back: usize,
    pub drains: usize,
    /// Commits that were saved and whose answers were lost.
    pub lost_answers: usize,
}

impl Seen {
    pub fn add(&mut self, mut other: Self) {
        for (mine, more) in self.numbers().into_iter().zip(other.numbers()) {
            *mine += *more;
        }
    }

    /// Whether each disturbance came, and each had an effect on the work.
    pub fn has_everything(mut self) -> bool {
        self.numbers().into_iter().all(|times| *times > 0)
    }

    fn numbers(&mut self) -> [&mut usize; 11] {
        [
            &mut self.repeated,
            &mut self.stale,
            &mut self.unknown,
            &mut self.resumed,
            &mut self.crashes,
            &mut self.pauses,
            &mut self.silences,
            &mut self.jumps_ahead,
            &mut self.jumps_back,
            &mut self.drains,
            &mut self.lost_answers,
        ]
    }
}

/// What a task has come to.
pub async fn task(world: &World, task: &TaskId, seen: &mut Seen) -> Result<(), String> {
    let state = world.task(task).await.state;
    if state != TaskState::Succeeded {
        return Err(format!("a task is {state:?}"));
    }
    files(world, task).await?;
    log(&world.log(task).await, seen)
}

/// The last step's files, merged from those before it: every line once and in order.
async fn files(world: &World, task: &TaskId) -> Result<(), String> {
    let found = world.task(task).await;
    let last = found.steps.iter().find(|step| step.key == "c");
    let hash = last
        .and_then(|step| step.snapshot.clone())
        .ok_or("the last step has no files")?;
    let manifest = world
        .workspaces
        .manifest(&world.tenant, &hash)
        .await
        .unwrap();
    for name in ["a", "b", "c"] {
        let file = manifest
            .0
            .get(&format!("{name}.txt"))
            .ok_or("a file is missing")?;
        let bytes = world
            .blobs
            .get(&world.tenant, &file.blob.hash)
            .await
            .unwrap();
        let text = String::from_utf8(bytes).unwrap();
        if text != format!("{name}0\n{name}1\n") {
            return Err(format!("{name}.txt is {text:?}"));
        }
    }
    Ok(())
}

/// Every answer and result once; every call with a result or, if it must not be repeated, known as unknown.
fn log(events: &[EventBody], seen: &mut Seen) -> Result<(), String> {
    let mut calls = BTreeMap::new();
    let mut replies = 0;
    let mut ends = 0;
    for event in events {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the other kinds are judged elsewhere"
        )]
        match event {
            EventBody::ModelReplied(_) => replies += 1,
            EventBody::StepResumed(_) => seen.resumed += 1,
            EventBody::TaskFinished(_) => ends += 1,
            EventBody::ToolReturned(returned) => {
                *calls.entry(returned.call.clone()).or_insert(0) += 1;
            }
            EventBody::ToolUnknown(unknown) => {
                seen.unknown += 1;
                *calls.entry(unknown.call.clone()).or_insert(0) += 1;
            }
            _ => {}
        }
    }
    let twice = calls.values().any(|times| *times > 1);
    if twice || (replies, calls.len(), ends) != (REPLIES, RESULTS, 1) {
        return Err(format!(
            "{replies} answers, {} calls with an outcome (twice: {twice}), {ends} ends",
            calls.len()
        ));
    }
    Ok(())
}
