//! How much a worker asks the queue for.
//!
//! A plain value: the worker counts what it runs, the store gives no more than there is room for.

use crate::id::TenantId;

/// How many jobs a worker has room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// In all.
    pub jobs: u32,
    /// Of tenants of which it runs some already.
    pub of_tenants: Vec<(TenantId, u32)>,
    /// Of every other tenant.
    pub of_others: u32,
}

impl Room {
    /// Room for so many jobs, no matter whose.
    pub fn of(jobs: u32) -> Self {
        Self {
            jobs,
            of_tenants: Vec::new(),
            of_others: jobs,
        }
    }

    /// How many tenants have no more room.
    pub fn full(&self) -> usize {
        let full = self.of_tenants.iter();
        full.filter(|(_, jobs)| *jobs == 0).count()
    }
}
