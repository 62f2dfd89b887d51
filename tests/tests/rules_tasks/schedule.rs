//! What a case is made of.

use agent_core::budget::Budget;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// One move of the world.
#[derive(Debug, Clone)]
pub enum Move {
    /// A worker claims up to this many jobs.
    Claim { worker: usize, at_most: u32 },
    /// One of the jobs at work, or of the owner's decisions in the making, goes on by one step.
    Advance { which: Index, luck: u8 },
    /// A job of a life that is over tries to go on.
    Late { which: Index, luck: u8 },
    /// The owner begins to raise the budget.
    Raise { by: u8 },
    /// The owner begins to cancel the task.
    Cancel,
    /// A worker is killed and begins again.
    Crash { worker: usize },
    /// A worker falls silent for longer than its lease, and another takes its jobs away.
    Silence { worker: usize },
    /// Time passes.
    Time { ms: i64 },
}

/// One random history.
#[derive(Debug, Clone)]
pub struct Case {
    /// The first and the second plan.
    pub plans: [Vec<u8>; 2],
    /// Limits at the start.
    pub budget: Budget,
    /// What happens.
    pub moves: Vec<Move>,
    /// The luck of what is left after that; then it is good.
    pub lucks: Vec<u8>,
}

fn budget() -> impl Strategy<Value = Budget> {
    (1..16_u64, 0..8_u64, 50..900_u64, 5_000..120_000_u64).prop_map(
        |(model_calls, tool_calls, tokens, wall_ms)| Budget {
            model_calls,
            tool_calls,
            tokens,
            wall_ms,
        },
    )
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let worker = 0..2_usize;
    let on = (any::<Index>(), any::<u8>());
    let one = prop_oneof![
        12 => (worker.clone(), 1..4_u32).prop_map(|(worker, at_most)| Move::Claim { worker, at_most }),
        60 => on.clone().prop_map(|(which, luck)| Move::Advance { which, luck }),
        6 => on.prop_map(|(which, luck)| Move::Late { which, luck }),
        4 => any::<u8>().prop_map(|by| Move::Raise { by }),
        2 => worker.clone().prop_map(|worker| Move::Crash { worker }),
        1 => worker.prop_map(|worker| Move::Silence { worker }),
        4 => (1..20_000_i64).prop_map(|ms| Move::Time { ms }),
    ];
    (
        vec(one, 0..160),
        proptest::option::weighted(0.2, any::<Index>()),
    )
        .prop_map(|(mut moves, cancel)| {
            if let Some(cancel) = cancel {
                moves.insert(cancel.index(moves.len() + 1), Move::Cancel);
            }
            moves
        })
}

/// Any case.
pub fn case() -> impl Strategy<Value = Case> {
    let plan = || vec(any::<u8>(), 1..9);
    ([plan(), plan()], budget(), moves(), vec(any::<u8>(), 0..60)).prop_map(
        |(plans, budget, moves, lucks)| Case {
            plans,
            budget,
            moves,
            lucks,
        },
    )
}
