//! Turns of the queue: who comes next when several tenants have jobs of the same priority.
//!
//! Start-time fair queueing: a tenant's next job gets the turn after its last one, or after the latest one that was
//! claimed, whichever is later. A tenant with a thousand jobs in line therefore lets another's first job pass, and nobody
//! saves up turns by being idle. What a worker makes in the course of a task inherits the turn of its job, so a task that
//! was begun is finished before a new one is begun; the tenant's next task pays for it. A job that comes back after a delay
//! lines up with the others that came back.
//!
//! A tenant of weight `n` gets `n` jobs into each of its turns, so beside a tenant of weight 1 it gets `n` times as many done.
//!
//! The turns that were given are remembered in this process only. After a restart a tenant's new jobs go in turns with
//! those that it has in line: that is a little more than its share, for as long as they last, and never less.

use std::collections::HashMap;

use crate::id::TenantId;

/// Tenants whose turns are remembered; beyond that those are forgotten that say nothing any more.
const TENANTS_MAX: usize = 4_096;

/// Lines that one tenant's jobs stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// Jobs of new tasks.
    New,
    /// Jobs that come back after a delay.
    Returning,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The turn; the lowest is claimed first.
    pub tag: i64,
    /// How far that is behind the latest turn claimed.
    pub behind: i64,
}

/// The last turns that this process gave.
#[derive(Debug, Default)]
pub struct Turns {
    last: HashMap<(TenantId, Line), Last>,
    /// Jobs in one turn, of tenants that have another weight than 1.
    weights: HashMap<TenantId, u32>,
}

/// The last turn that was given in a line.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    tag: i64,
    /// Jobs that have it.
    jobs: u32,
}

impl Last {
    /// Another job gets this turn.
    fn take(&mut self, tag: i64) {
        if tag > self.tag {
            *self = Self { tag, jobs: 1 };
        } else if tag == self.tag {
            self.jobs = self.jobs.saturating_add(1);
        }
    }
}

impl Turns {
    /// Sets how many jobs of a tenant go in one turn.
    pub fn weigh(&mut self, tenant: &TenantId, weight: u32) {
        self.weights.insert(tenant.clone(), weight.max(1));
    }

    /// The turn after which a tenant's next one comes; the latest claimed one counts where it is later.
    pub fn before_next(&self, tenant: &TenantId, line: Line) -> i64 {
        let Some(last) = self.last.get(&(tenant.clone(), line)) else {
            return 0;
        };
        let weight = self.weights.get(tenant).copied().unwrap_or(1);
        if last.jobs < weight {
            last.tag - 1
        } else {
            last.tag
        }
    }

    /// The next turn. `latest` is the latest turn that was claimed.
    pub fn next(&self, tenant: &TenantId, line: Line, latest: i64) -> Turn {
        let tag = self.before_next(tenant, line).max(latest) + 1;
        Turn {
            tag,
            behind: tag - latest,
        }
    }

    /// Remembers a turn that was given.
    pub fn given(&mut self, tenant: &TenantId, line: Line, turn: Turn) {
        if self.last.len() >= TENANTS_MAX {
            let latest = turn.tag - turn.behind;
            self.last.retain(|_, last| last.tag > latest);
        }
        let last = self.last.entry((tenant.clone(), line)).or_default();
        last.take(turn.tag);
    }

    /// A tenant pays a turn for a job that inherited one.
    pub fn charge(&mut self, tenant: &TenantId) {
        let next = self.before_next(tenant, Line::New) + 1;
        // A tenant that is not remembered has nothing in line, and starts at the latest turn anyway.
        if let Some(last) = self.last.get_mut(&(tenant.clone(), Line::New)) {
            last.take(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::entropy::Seeded;

    /// Gives a turn as the store does.
    fn take(turns: &mut Turns, tenant: &TenantId, latest: i64) -> i64 {
        let turn = turns.next(tenant, Line::New, latest);
        turns.given(tenant, Line::New, turn);
        turn.tag
    }

    #[test]
    fn a_tenant_with_a_long_line_lets_others_pass_in_turns() {
        let entropy = Seeded::new(1);
        let (busy, other) = (TenantId::new(&entropy), TenantId::new(&entropy));
        let mut turns = Turns::default();
        let of_busy: Vec<i64> = (0..5).map(|_| take(&mut turns, &busy, 0)).collect();
        assert_eq!(of_busy, [1, 2, 3, 4, 5]);
        // Two of them were claimed when the other comes.
        let of_other: Vec<i64> = (0..2).map(|_| take(&mut turns, &other, 2)).collect();
        assert_eq!(of_other, [3, 4]);
    }

    #[test]
    fn a_tenant_that_was_idle_has_saved_up_nothing() {
        let tenant = TenantId::new(&Seeded::new(1));
        let mut turns = Turns::default();
        assert_eq!(take(&mut turns, &tenant, 0), 1);
        assert_eq!(take(&mut turns, &tenant, 1_000), 1_001);
    }

    #[test]
    fn jobs_that_inherit_a_turn_are_paid_for_by_the_next_new_one() {
        let tenant = TenantId::new(&Seeded::new(1));
        let mut turns = Turns::default();
        assert_eq!(take(&mut turns, &tenant, 0), 1);
        turns.charge(&tenant);
        turns.charge(&tenant);
        assert_eq!(take(&mut turns, &tenant, 0), 4);
    }

    #[test]
    fn a_tenant_of_weight_three_gets_three_jobs_into_a_turn() {
        let entropy = Seeded::new(1);
        let (heavy, light) = (TenantId::new(&entropy), TenantId::new(&entropy));
        let mut turns = Turns::default();
        turns.weigh(&heavy, 3);
        let of_heavy: Vec<i64> = (0..7).map(|_| take(&mut turns, &heavy, 0)).collect();
        assert_eq!(of_heavy, [1, 1, 1, 2, 2, 2, 3]);
        let of_light: Vec<i64> = (0..2).map(|_| take(&mut turns, &light, 0)).collect();
        assert_eq!(of_light, [1, 2]);
        // What a job makes is paid for like jobs of one's own.
        turns.charge(&heavy);
        assert_eq!(take(&mut turns, &heavy, 0), 3);
        assert_eq!(take(&mut turns, &heavy, 0), 4);
        // Turns that went by are gone.
        assert_eq!(take(&mut turns, &heavy, 9), 10);
    }

    #[test]
    fn a_turn_that_is_being_claimed_still_takes_jobs_and_one_that_was_passed_takes_none() {
        let tenant = TenantId::new(&Seeded::new(1));
        let mut turns = Turns::default();
        turns.weigh(&tenant, 3);
        assert_eq!(take(&mut turns, &tenant, 0), 1);
        assert_eq!(take(&mut turns, &tenant, 0), 1);
        assert_eq!(take(&mut turns, &tenant, 1), 2);
    }

    #[test]
    fn jobs_that_come_back_line_up_apart_from_new_ones() {
        let tenant = TenantId::new(&Seeded::new(1));
        let mut turns = Turns::default();
        for _ in 0..100 {
            take(&mut turns, &tenant, 0);
        }
        assert_eq!(
            turns.next(&tenant, Line::Returning, 10),
            Turn { tag: 11, behind: 1 }
        );
    }

    #[test]
    fn turns_that_say_nothing_any_more_are_forgotten() {
        let entropy = Seeded::new(1);
        let mut turns = Turns::default();
        for latest in 0..10_000 {
            let tenant = TenantId::new(&entropy);
            take(&mut turns, &tenant, latest * 2);
        }
        assert!(turns.last.len() <= TENANTS_MAX);
    }
}
