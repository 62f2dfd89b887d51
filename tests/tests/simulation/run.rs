//! One simulated installation under one seed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use agent_core::budget::Budget;
use agent_core::id::TaskId;
use agent_core::ports::store::Tasks;
use chaos::random::Random;
use serde_json::json;
use store_memory::MemoryStore;
use tokio::runtime::Runtime;

use crate::effects;
use crate::fakes::{FakeModels, Said};
use crate::history::History;
use crate::judge::{self, Seen};
use crate::ports::Shared;
use crate::process::Process;
use crate::world::World;

const WORKERS: [&str; 2] = ["worker-a", "worker-b"];
/// Before which disturbances a task is submitted.
const SUBMITS: [usize; 3] = [0, 3, 6];
/// Disturbances of one run.
const ROUNDS: usize = 12;
/// The longest calm before one.
const CALM_MS_MAX: usize = 2_500;
/// The farthest that the clock jumps at once: above the lease.
const JUMP_MS_MAX: usize = 20_000;
/// The longest silence of the store: above the lease.
const SILENCE_MS_MAX: usize = 20_000;
/// How long a process is gone at most.
const GONE_MS_MAX: usize = 6_000;
/// How long the undisturbed rest may take.
const REST_MS_MAX: i64 = 20 * 60_000;
/// How far time goes at once at most while something happens, and while nothing does. The processes work one after the other
/// within such a slice, in an order that is drawn.
const SLICE_MS: usize = 24;
const SLICE_MS_MAX: usize = 150;
/// How long a pause waits for its moment.
const TEMPTATION_MS_MAX: i64 = 3_000;
/// The store's time at the beginning.
const EPOCH_MS: i64 = 1_700_000_000_000;

/// What came of a seed.
pub struct Run {
    pub history: Arc<History>,
    pub verdict: Result<Seen, String>,
}

/// One worker, whether it runs or not.
struct Slot {
    name: &'static str,
    process: Option<Process>,
    /// When it is started again.
    start_at_ms: i64,
    is_draining: bool,
}

struct Simulation {
    world: World,
    shared: Arc<Shared>,
    /// For what the simulation itself asks of the store, which never waits.
    control: Runtime,
    slots: Vec<Slot>,
    tasks: Vec<TaskId>,
    slice_ms: usize,
    seen: Seen,
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

/// Runs one seed to its end, on this thread alone.
pub fn simulate(seed: u64, guard: egress::Guard) -> Run {
    let mut simulation = Simulation::new(seed, guard);
    simulation.disturb();
    simulation.end()
}

/// A run in which nothing goes wrong but this: in the middle of the work every process sleeps for a while.
pub fn nap(seed: u64, guard: egress::Guard, ms: u64) -> Run {
    let mut simulation = Simulation::new(seed, guard);
    simulation.shared.is_calm.store(true, Ordering::SeqCst);
    simulation.submit();
    let work_ms = 1_000 + simulation.shared.ms_below(2_000);
    simulation.go_on(work_ms);
    for at in 0..WORKERS.len() {
        simulation.sleep(at, ms);
    }
    simulation.go_on(ms);
    simulation.end()
}

impl Simulation {
    fn new(seed: u64, guard: egress::Guard) -> Self {
        let shared = Arc::new(Shared {
            random: Mutex::new(Random::new(seed)),
            history: Arc::default(),
            effects: Mutex::default(),
            now_ms: 0.into(),
            calls: 0.into(),
            silent_until_ms: 0.into(),
            is_calm: false.into(),
            lost_answers: 0.into(),
        });
        let control = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let clock = Arc::clone(&shared);
        let store = MemoryStore::with_clock(move || EPOCH_MS + clock.now());
        let mut world = control.block_on(World::with(models(), store, seed));
        world.guard = Some(guard);
        world.options = worker::Options {
            // Crashes come far more often than in life; how many are too many is tested elsewhere.
            crashes_max: 10_000,
            ..worker::Options::default()
        };
        let slot = |name| Slot {
            name,
            process: None,
            start_at_ms: 0,
            is_draining: false,
        };
        Self {
            world,
            shared,
            control,
            slots: WORKERS.into_iter().map(slot).collect(),
            tasks: Vec::new(),
            slice_ms: SLICE_MS,
            seen: Seen::default(),
        }
    }

    fn end(mut self) -> Run {
        let verdict = self.rest().and_then(|()| self.judge());
        self.write_logs_down();
        Run {
            history: Arc::clone(&self.shared.history),
            verdict,
        }
    }

    fn submit(&mut self) {
        let submitted = self.world.submit(Budget::default(), None);
        self.tasks.push(self.control.block_on(submitted));
    }
}

impl Simulation {
    fn disturb(&mut self) {
        for round in 0..ROUNDS {
            if SUBMITS.contains(&round) {
                self.submit();
            }
            let calm_ms = self.shared.ms_below(CALM_MS_MAX);
            self.go_on(calm_ms);
            self.one_disturbance();
        }
    }

    fn one_disturbance(&mut self) {
        let at = self.shared.below(self.slots.len());
        match self.shared.below(8) {
            0 | 1 => self.crash(at),
            2 | 3 => self.pause(at),
            4 => {
                let ms = self.shared.below(JUMP_MS_MAX);
                self.seen.jumps_ahead += 1;
                self.jump(i64::try_from(ms).unwrap());
            }
            5 => {
                let ms = self.shared.below(JUMP_MS_MAX);
                self.seen.jumps_back += 1;
                self.jump(-i64::try_from(ms).unwrap());
            }
            6 => {
                let ms = i64::try_from(self.shared.below(SILENCE_MS_MAX)).unwrap();
                let until_ms = self.shared.now() + ms;
                self.shared
                    .silent_until_ms
                    .store(until_ms, Ordering::SeqCst);
                self.seen.silences += 1;
                self.shared.note("store", &format!("is silent for {ms} ms"));
            }
            _ => self.drain(at),
        }
    }

    /// As by `kill -9`.
    fn crash(&mut self, at: usize) {
        let gone_ms = i64::try_from(self.shared.below(GONE_MS_MAX)).unwrap();
        let slot = &mut self.slots[at];
        if slot.process.take().is_none() {
            return;
        }
        slot.start_at_ms = self.shared.now() + gone_ms;
        slot.is_draining = false;
        self.seen.crashes += 1;
        self.shared
            .note(slot.name, &format!("dies and is gone for {gone_ms} ms"));
    }

    /// As by `SIGSTOP`, for up to two and a half leases; half of the time at the worst moment, when a call has been begun and
    /// has had no effect yet.
    fn pause(&mut self, at: usize) {
        let lease_ms = self.world.options.lease_ms;
        let ms = self
            .shared
            .ms_below(usize::try_from(lease_ms * 5 / 2).unwrap());
        if self.shared.below(2) == 0 {
            self.until_about_to_act(at);
        }
        self.seen.pauses += usize::from(ms > lease_ms && self.slots[at].process.is_some());
        self.sleep(at, ms);
    }

    fn until_about_to_act(&mut self, at: usize) {
        let end_ms = self.shared.now() + TEMPTATION_MS_MAX;
        let is_about_to_act = |slot: &Slot| {
            let awake = slot.process.as_ref().filter(|process| !process.is_asleep());
            awake.is_some_and(Process::is_about_to_act)
        };
        while !is_about_to_act(&self.slots[at]) && self.shared.now() < end_ms {
            self.go_on(10);
        }
    }

    fn sleep(&mut self, at: usize, ms: u64) {
        let slot = &mut self.slots[at];
        let Some(process) = &mut slot.process else {
            return;
        };
        let now_ms = self.shared.now();
        process.fall_asleep(now_ms, now_ms.saturating_add_unsigned(ms));
        self.shared.note(slot.name, &format!("sleeps for {ms} ms"));
    }

    fn jump(&mut self, ms: i64) {
        self.shared
            .note("store", &format!("its clock jumps by {ms} ms"));
        self.world.store.shift_clock(ms);
    }

    /// As by `SIGTERM`.
    fn drain(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        let Some(process) = &slot.process else {
            return;
        };
        process.running.stop.cancel();
        slot.is_draining = true;
        self.seen.drains += 1;
        self.shared.note(slot.name, "is asked to end");
    }

    /// Lets all processes work for so long.
    fn go_on(&mut self, ms: u64) {
        let end_ms = self.shared.now().saturating_add_unsigned(ms);
        while self.shared.now() < end_ms {
            let left = usize::try_from(end_ms - self.shared.now()).unwrap();
            let slice = 1 + self.shared.below(self.slice_ms.min(left));
            self.slice(u64::try_from(slice).unwrap());
        }
    }

    fn slice(&mut self, ms: u64) {
        let calls = self.shared.calls.load(Ordering::SeqCst);
        let mut order: Vec<usize> = (0..self.slots.len()).collect();
        self.shared.random.lock().unwrap().shuffle(&mut order);
        for at in order {
            self.one_slice(at, ms);
        }
        self.shared
            .now_ms
            .fetch_add(i64::try_from(ms).unwrap(), Ordering::SeqCst);
        self.slice_ms = if self.shared.calls.load(Ordering::SeqCst) > calls {
            SLICE_MS
        } else {
            (self.slice_ms * 2).min(SLICE_MS_MAX)
        };
    }

    fn one_slice(&mut self, at: usize, ms: u64) {
        let now_ms = self.shared.now();
        let slot = &mut self.slots[at];
        let Some(process) = &mut slot.process else {
            if slot.start_at_ms <= now_ms {
                let process = Process::start(&self.world, &self.shared, slot.name);
                slot.process = Some(process);
            }
            return;
        };
        process.wake(now_ms);
        let died = process.work(ms);
        if died {
            self.crash(at);
        } else if slot.is_draining && process.running.task.is_finished() {
            self.shared.note(slot.name, "has ended");
            slot.process = None;
            slot.is_draining = false;
        }
    }

    /// Nothing goes wrong any more, and all tasks end.
    fn rest(&mut self) -> Result<(), String> {
        let now_ms = self.shared.now();
        self.shared.is_calm.store(true, Ordering::SeqCst);
        self.shared.note("store", "nothing goes wrong any more");
        for slot in &mut self.slots {
            slot.start_at_ms = slot.start_at_ms.min(now_ms);
        }
        // Whoever sleeps wakes up in its time, and then has some to show what it still believes.
        while self.is_any_asleep() {
            self.go_on(500);
        }
        self.go_on(1_000);
        while let Some(open) = self.open() {
            if self.shared.now() > now_ms + REST_MS_MAX {
                let task = self.control.block_on(self.world.task(&open));
                return Err(format!(
                    "a task never ended: {:?} {:?}",
                    task.state, task.waiting
                ));
            }
            self.go_on(500);
        }
        for slot in &mut self.slots {
            slot.process = None;
        }
        Ok(())
    }

    fn is_any_asleep(&self) -> bool {
        let processes = self.slots.iter().filter_map(|slot| slot.process.as_ref());
        processes.into_iter().any(Process::is_asleep)
    }

    /// A task that has not ended.
    fn open(&self) -> Option<TaskId> {
        let is_open = |task: &&TaskId| {
            let found = self.control.block_on(self.world.task(task));
            !found.state.is_final()
        };
        self.tasks.iter().find(is_open).cloned()
    }

    fn judge(&self) -> Result<Seen, String> {
        let mut seen = self.seen;
        for task in &self.tasks {
            let judged = judge::task(&self.world, task, &mut seen);
            self.control.block_on(judged)?;
        }
        let counted = effects::judge(&self.shared.effects.lock().unwrap())?;
        seen.repeated = counted.repeated;
        seen.stale = counted.stale;
        let lost = self.shared.lost_answers.load(Ordering::SeqCst);
        seen.lost_answers = usize::try_from(lost).unwrap();
        Ok(seen)
    }

    fn write_logs_down(&self) {
        for task in &self.tasks {
            let (store, tenant) = (&self.world.store, &self.world.tenant);
            let events = store.events_after(tenant, task, 0, 10_000);
            for event in self.control.block_on(events).unwrap() {
                self.shared.note("log", &format!("{task} {event:?}"));
            }
        }
    }
}
