//! Simulation: the product's own workers over the store in memory, disturbed by a seed. Two workers run at once; each of
//! their lives ends in a crash before or after a commit, meets a database that answers an error although it saved, or
//! is cut off at some moment; the store's clock jumps, so that leases lapse while their holders still work.
//!
//! The seed decides what happens and in which order; at which step of the work it falls is up to the machine. `SEEDS=N`
//! runs that many, `SEED=S` one alone. `rules_tasks` moves a model of the worker one move at a time instead.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(
    dead_code,
    reason = "shared with the tests of the worker, which use more of it"
)]
#[path = "../worker/fakes.rs"]
mod fakes;
#[path = "../worker/faults.rs"]
mod faults;
#[expect(
    dead_code,
    reason = "shared with the tests of the worker, which use more of it"
)]
#[path = "../worker/world.rs"]
mod world;

mod run;

/// Seeds that every run of the suite tries.
const SEEDS: u64 = 200;
/// Seeds that run side by side: most of each run is waiting.
const AT_ONCE: usize = 100;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_seed_loses_a_task_or_makes_a_finished_call_again() {
    let seeds = match number("SEED") {
        Some(one) => vec![one],
        None => (0..number("SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let guard = egress::Guard::new(egress::Options::default()).unwrap();
    let mut failed = Vec::new();
    let mut seen = run::Seen::default();
    for some in seeds.chunks(AT_ONCE) {
        let runs: Vec<_> = some
            .iter()
            .map(|seed| (*seed, tokio::spawn(run::simulate(*seed, guard.clone()))))
            .collect();
        for (seed, run) in runs {
            match run.await {
                Ok(Ok(found)) => seen.add(found),
                Ok(Err(law)) => failed.push(format!("SEED={seed}: {law}")),
                Err(panic) => failed.push(format!("SEED={seed}: {panic}")),
            }
        }
    }
    println!("{} seeds: {seen:?}", seeds.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    if seeds.len() >= 50 {
        assert!(
            seen.repeated > 0 && seen.unknown > 0 && seen.resumed > 0,
            "the disturbances do not reach the work any more: {seen:?}"
        );
    }
}
