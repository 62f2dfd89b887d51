//! Laws of whole tasks: random plans under random orders of what can happen, with two workers that crash, fall silent
//! and come late, and an owner who raises the budget and cancels.
//!
//! The workers follow the protocol of the product's own (charge, check, call, commit; read, decide, commit, and again
//! when the task moved), cut into single moves, so that any move of one can come between two moves of another. All
//! laws are checked after every move. Then everything that can run is run to its end. For a longer search:
//! `PROPTEST_CASES=20000 cargo nextest run -p errand-tests --test rules_tasks`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ending;
mod hand;
mod laws;
mod log;
mod outcome;
mod plan;
mod schedule;
mod seen;
mod world;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use schedule::{Case, case};
use seen::Seen;
use world::World;

/// A case to its end. What it came across, or which law was broken.
fn run(case: &Case) -> Result<Seen, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::begin(case).await;
        for move_ in &case.moves {
            world
                .make(move_)
                .await
                .map_err(|law| format!("{move_:?}: {law}"))?;
        }
        world
            .run_to_the_end(&case.lucks)
            .await
            .map_err(|law| format!("at the end: {law}"))?;
        Ok(world.seen)
    })
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_a_task(case in case()) {
        run(&case).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn the_orders_reach_everything_that_they_are_about() {
    let mut runner = TestRunner::deterministic();
    let mut seen = Seen::default();
    for _ in 0..300 {
        let case = case().new_tree(&mut runner).unwrap().current();
        seen.add(&run(&case).unwrap());
    }
    seen.must_hold_everything();
}
