//! Simulation: the product's own workers over the store in memory, disturbed by a seed. Each worker is a process of its
//! own: it crashes at a commit or at any moment, is stopped and wakes up after its lease, meets a store that answers errors
//! although it saved, and is asked to end; the store's clock jumps ahead and back.
//!
//! One seed is one run, to the last number of the log: each process has a runtime of one thread whose time stands still
//! until the simulation moves it, and every choice, delay and id comes from the seed. `SEEDS=N` runs so many seeds, `SEED=S`
//! one alone and prints what happened. `rules_tasks` moves a model of the worker one move at a time instead.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(
    dead_code,
    reason = "shared with the tests of the worker, which use more of it"
)]
#[path = "../worker/fakes.rs"]
mod fakes;
#[expect(
    dead_code,
    reason = "shared with the tests of the worker, which use more of it"
)]
#[path = "../worker/faults.rs"]
mod faults;
#[expect(
    dead_code,
    reason = "shared with the tests of the worker, which use more of it"
)]
#[path = "../worker/world.rs"]
mod world;

mod effects;
mod history;
mod judge;
mod ports;
mod process;
mod run;

use std::sync::atomic::{AtomicU64, Ordering};

use run::{Run, nap, simulate};

/// Seeds that every run of the suite tries.
const SEEDS: u64 = 200;
/// Seeds of which the suite looks whether they can be repeated.
const REPEATED: u64 = 8;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs all seeds, on all processors. What comes out does not depend on how many there are.
fn all(seeds: &[u64]) -> Vec<(u64, Run)> {
    let guard = egress::Guard::new(egress::Options::default()).unwrap();
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let work = || {
        let mut runs = Vec::new();
        loop {
            let at = usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap();
            let Some(seed) = seeds.get(at) else {
                return runs;
            };
            runs.push((*seed, simulate(*seed, guard.clone())));
        }
    };
    let mut runs: Vec<(u64, Run)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = threads.into_iter().map(|thread| thread.join().unwrap());
        ended.flatten().collect()
    });
    runs.sort_by_key(|(seed, _)| *seed);
    runs
}

#[test]
fn no_seed_loses_a_task_or_makes_a_finished_call_again() {
    let alone = number("SEED");
    let seeds: Vec<u64> = match alone {
        Some(one) => vec![one],
        None => (0..number("SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let runs = all(&seeds);
    if alone.is_some() {
        println!("{}", runs[0].1.history.text());
    }
    let mut seen = judge::Seen::default();
    let mut failed = Vec::new();
    for (seed, run) in &runs {
        match &run.verdict {
            Ok(found) => seen.add(*found),
            Err(law) => failed.push(format!("SEED={seed}: {law}")),
        }
    }
    println!("{} seeds: {seen:?}", seeds.len());
    assert!(
        failed.is_empty(),
        "{}\none seed alone: script/chaos simulation --seed S",
        failed.join("\n")
    );
    if seeds.len() >= 100 {
        assert!(
            seen.has_everything(),
            "the disturbances do not reach the work any more: {seen:?}"
        );
    }
}

/// Shorter than the lease and longer than a worker relies on it, the store may still take its heartbeat when it wakes up.
#[test]
fn a_worker_that_slept_for_about_its_lease_leaves_no_job_behind() {
    let guard = egress::Guard::new(egress::Options::default()).unwrap();
    let naps_ms = [10_000, 12_000, 13_000, 14_000, 16_000];
    for (seed, ms) in (0..4).flat_map(|seed| naps_ms.map(|ms| (seed, ms))) {
        let run = nap(seed, guard.clone(), ms);
        assert!(run.verdict.is_ok(), "{ms} ms: {:?}", run.verdict);
    }
}

#[test]
fn a_seed_gives_the_same_run_again_and_another_seed_gives_another() {
    let seeds: Vec<u64> = (0..REPEATED).collect();
    let digests = |runs: Vec<(u64, Run)>| -> Vec<String> {
        runs.iter().map(|(_, run)| run.history.digest()).collect()
    };
    let (first, again) = (all(&seeds), all(&seeds));
    for ((seed, one), (_, other)) in first.iter().zip(&again) {
        if let Some(differs) = one.history.first_difference(&other.history) {
            panic!("seed {seed} gave two runs: {differs}");
        }
    }
    let (first, again) = (digests(first), digests(again));
    assert_eq!(first, again);
    let different: std::collections::BTreeSet<&String> = first.iter().collect();
    assert_eq!(different.len(), seeds.len(), "two seeds gave one run");
}
