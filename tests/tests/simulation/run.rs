//! One simulated installation under one seed, and the laws that must hold at its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agent_core::budget::Budget;
use agent_core::event::EventBody;
use agent_core::id::TaskId;
use agent_core::ports::blobs::Blobs;
use agent_core::ports::workspaces::Workspaces;
use agent_core::task::TaskState;
use chaos::random::Random;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::fakes::{FakeModels, Said};
use crate::faults::{Fault, FaultyStore};
use crate::world::{Running, World};

const WORKERS: [&str; 2] = ["worker-a", "worker-b"];
const TASKS: usize = 2;
/// Disturbances of one run.
const ROUNDS: usize = 12;
/// The longest calm before one, unless the worker dies earlier.
const CALM_MS_MAX: usize = 40;
/// The farthest that the clock jumps at once: above the lease of 15 s.
const JUMP_MS_MAX: usize = 20_000;
/// How long the undisturbed rest may take. Most of it waits for pauses after errors.
const REST_MAX: Duration = Duration::from_secs(40);
/// A task ends after so many answers and results.
const REPLIES: usize = 11;
const RESULTS: usize = 9;

/// What the runs came across.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    /// Calls that were made again.
    pub repeated: usize,
    /// Calls of which nobody knows whether they were made.
    pub unknown: usize,
    /// Steps that another life went on with.
    pub resumed: usize,
}

impl Seen {
    pub fn add(&mut self, other: Self) {
        self.repeated += other.repeated;
        self.unknown += other.unknown;
        self.resumed += other.resumed;
    }
}

/// Three steps, two of them side by side; each adds three lines in three turns and counts up once, which must not be
/// done twice.
fn models() -> Arc<FakeModels> {
    FakeModels::new(|job, turn| {
        let step = |key: &str, after: &[&str]| json!({"key": key, "title": key, "instructions": "do it", "depends_on": after, "acceptance": []});
        let add = |line: usize| {
            let name = job.trim_start_matches("step ");
            (
                "append",
                json!({"path": format!("{name}.txt"), "line": format!("{name}{line}")}),
            )
        };
        match (job, turn) {
            ("plan", _) => Said::Json(
                json!({"overview": "o", "steps": [step("a", &[]), step("b", &[]), step("c", &["a", "b"])]}),
            ),
            ("report", _) => Said::Json(json!({"answer": "All done.", "not_done": []})),
            (_, 0) => Said::Calls(vec![add(0), ("count_up", json!({}))]),
            (_, 1) => Said::Calls(vec![add(1)]),
            _ => Said::Calls(vec![("finish", json!({"result": "done"}))]),
        }
    })
}

struct Simulation {
    world: World,
    random: Random,
    tasks: Vec<TaskId>,
    workers: [Option<Running>; 2],
}

/// Runs one seed to its end.
pub async fn simulate(seed: u64, guard: egress::Guard) -> Result<Seen, String> {
    let mut world = World::new(models()).await;
    world.guard = Some(guard);
    // Crashes come far more often than in life; how many are too many is tested elsewhere.
    world.options.crashes_max = 10_000;
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        tasks.push(world.submit(Budget::default(), None).await);
    }
    let mut simulation = Simulation {
        world,
        random: Random::new(seed),
        tasks,
        workers: [None, None],
    };
    for _ in 0..ROUNDS {
        simulation.round().await;
    }
    simulation.rest().await?;
    simulation.judge().await
}

impl Simulation {
    /// A life ends and another begins, which will meet a fault of its own; then perhaps the clock jumps.
    async fn round(&mut self) {
        let slot = self.random.below(WORKERS.len());
        if let Some(worker) = self.workers[slot].take() {
            worker.kill().await;
        }
        let faults = [
            Fault::DieBefore,
            Fault::DieAfter,
            Fault::ErrorBefore,
            Fault::ErrorAfter,
        ];
        let fault = faults[self.random.below(faults.len())];
        let at = u32::try_from(1 + self.random.below(10)).unwrap();
        let store = FaultyStore::new(self.world.store.clone(), fault, at);
        let worker = self.world.start_over(store.clone(), WORKERS[slot]);
        let calm = Duration::from_millis(u64::try_from(self.random.below(CALM_MS_MAX)).unwrap());
        if timeout(calm, store.died.notified()).await.is_ok() {
            worker.kill().await;
        } else if matches!(fault, Fault::DieBefore | Fault::DieAfter) && self.random.below(2) == 0 {
            // At any moment, not only at a commit.
            worker.kill().await;
        } else {
            self.workers[slot] = Some(worker);
        }
        if self.random.below(3) == 0 {
            let jump_ms = i64::try_from(self.random.below(JUMP_MS_MAX)).unwrap();
            self.world.store.shift_clock(jump_ms);
        }
    }

    /// Everything works again, and all tasks end.
    async fn rest(&mut self) -> Result<(), String> {
        for (slot, name) in WORKERS.into_iter().enumerate() {
            if let Some(worker) = self.workers[slot].take() {
                worker.kill().await;
            }
            self.workers[slot] = Some(self.world.start_over(self.world.store.clone(), name));
        }
        let ended = async {
            for task in &self.tasks {
                while !self.world.task(task).await.state.is_final() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        };
        if timeout(REST_MAX, ended).await.is_err() {
            let task = self.world.task(&self.tasks[0]).await;
            return Err(format!(
                "a task never ended: {:?} {:?}",
                task.state, task.waiting
            ));
        }
        for worker in &mut self.workers {
            if let Some(worker) = worker.take() {
                worker.drain().await;
            }
        }
        Ok(())
    }

    async fn judge(&self) -> Result<Seen, String> {
        let mut seen = Seen::default();
        for task in &self.tasks {
            let state = self.world.task(task).await.state;
            if state != TaskState::Succeeded {
                return Err(format!("a task is {state:?}"));
            }
            self.files(task).await?;
            log(&self.world.log(task).await, &mut seen)?;
        }
        let mut made: BTreeMap<String, (Value, usize)> = BTreeMap::new();
        let keys = self.world.tools.keys.lock().unwrap().clone();
        for (key, (tool, _)) in keys.into_iter().zip(self.world.tools.made()) {
            made.entry(key).or_insert((Value::from(tool), 0)).1 += 1;
        }
        if let Some(twice) = made
            .iter()
            .find(|(_, (tool, times))| tool == "count_up" && *times > 1)
        {
            return Err(format!("a call that must not be repeated was: {twice:?}"));
        }
        seen.repeated = made.values().map(|(_, times)| times - 1).sum();
        // Each life that ends can cost what it had in flight, and so can a clock that jumps under both.
        let in_flight = 2 * ROUNDS * self.world.options.concurrency as usize;
        if seen.repeated > in_flight {
            return Err(format!("{} calls were made again", seen.repeated));
        }
        Ok(seen)
    }

    /// The last step's files, merged from those before it: every line once and in order.
    async fn files(&self, task: &TaskId) -> Result<(), String> {
        let found = self.world.task(task).await;
        let last = found.steps.iter().find(|step| step.key == "c");
        let hash = last
            .and_then(|step| step.snapshot.clone())
            .ok_or("the last step has no files")?;
        let (tenant, world) = (&self.world.tenant, &self.world);
        let manifest = world.workspaces.manifest(tenant, &hash).await.unwrap();
        for name in ["a", "b", "c"] {
            let file = manifest
                .0
                .get(&format!("{name}.txt"))
                .ok_or("a file is missing")?;
            let bytes = world.blobs.get(tenant, &file.blob.hash).await.unwrap();
            let text = String::from_utf8(bytes).unwrap();
            if text != format!("{name}0\n{name}1\n") {
                return Err(format!("{name}.txt is {text:?}"));
            }
        }
        Ok(())
    }
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
