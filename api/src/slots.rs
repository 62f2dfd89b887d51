//! Slots: how many of something may be at work at once, in all and for each owner.
//!
//! A slot is given back when its guard is dropped, whatever became of the work.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    by_owner: HashMap<K, usize>,
}

/// A bounded number of slots.
#[derive(Debug)]
pub struct Slots<K: Eq + Hash + Clone> {
    all_max: usize,
    per_owner_max: usize,
    // A std mutex: it is held for a few instructions and never over an await.
    taken: Mutex<Taken<K>>,
}

/// The right to one slot.
#[derive(Debug)]
pub struct Slot<K: Eq + Hash + Clone> {
    slots: Arc<Slots<K>>,
    owner: K,
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// This many slots in all, and this many for each owner.
    pub fn new(all_max: usize, per_owner_max: usize) -> Arc<Self> {
        let taken = Taken {
            all: 0,
            by_owner: HashMap::new(),
        };
        Arc::new(Self {
            all_max,
            per_owner_max,
            taken: Mutex::new(taken),
        })
    }

    /// A slot, if there is one for this owner.
    pub fn take(self: &Arc<Self>, owner: K) -> Option<Slot<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_owner.get(&owner).copied().unwrap_or(0);
        if taken.all >= self.all_max || own >= self.per_owner_max {
            return None;
        }
        taken.all += 1;
        taken.by_owner.insert(owner.clone(), own + 1);
        drop(taken);
        Some(Slot {
            slots: Arc::clone(self),
            owner,
        })
    }
}

impl<K: Eq + Hash + Clone> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = self
            .slots
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let own = taken.by_owner.get(&self.owner).copied().unwrap_or(0);
        if own > 1 {
            taken.by_owner.insert(self.owner.clone(), own - 1);
        } else {
            // Owners that hold nothing are forgotten, so the map is bounded by the slots.
            taken.by_owner.remove(&self.owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_cannot_take_the_slots_of_all() {
        let slots = Slots::new(3, 2);
        let held: Vec<_> = (0..3).map(|_| slots.take("a")).collect();
        assert_eq!(held.iter().flatten().count(), 2);
        let other = slots.take("b");
        assert!(other.is_some());
        assert!(slots.take("c").is_none(), "all are taken");
        drop(held);
        assert!(slots.take("a").is_some());
    }
}
