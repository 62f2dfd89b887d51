//! What workspaces hold, and how much all those of a task and of a tenant hold together.
//!
//! Each workspace has an account, which whoever walks it brings up to date. The sums are as old as the walks behind them: they
//! end a command that goes on writing, and refuse a tool what there is no room for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_core::ports::workspaces::Place;

use crate::options::{Options, ShareOptions};

/// Bytes and entries on a disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub bytes: u64,
    pub files: u64,
}

impl Amount {
    pub fn more(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            files: self.files.saturating_add(other.files),
        }
    }

    pub fn less(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            files: self.files.saturating_sub(other.files),
        }
    }

    pub fn exceeds(self, other: Self) -> bool {
        self.bytes > other.bytes || self.files > other.files
    }

    /// What an operator allows; no limit is more than there can be.
    fn allowed(options: &ShareOptions) -> Self {
        let or = |limit| if limit == 0 { u64::MAX } else { limit };
        Self {
            bytes: or(options.workspace_bytes_max),
            files: or(options.workspace_files_max),
        }
    }
}

/// A sum over several workspaces, and what it may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    pub held: Amount,
    pub max: Amount,
}

/// The accounts of one worker.
#[derive(Debug)]
pub(crate) struct Ledger {
    per_task: Amount,
    per_tenant: Amount,
    accounts: Mutex<Accounts>,
}

#[derive(Debug, Default)]
struct Accounts {
    last: u64,
    open: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    place: Place,
    held: Amount,
}

/// What one workspace holds; forgotten when it is dropped.
#[derive(Debug)]
pub(crate) struct Account {
    ledger: Arc<Ledger>,
    /// Its own: a place can be taken anew before all who know of the old one have let go.
    number: u64,
    place: Place,
}

impl Ledger {
    pub fn new(options: &Options) -> Arc<Self> {
        Arc::new(Self {
            per_task: Amount::allowed(&options.per_task),
            per_tenant: Amount::allowed(&options.per_tenant),
            accounts: Mutex::default(),
        })
    }

    /// An account of a workspace that holds nothing yet.
    pub fn open(self: &Arc<Self>, place: &Place) -> Account {
        let mut accounts = self.accounts();
        accounts.last += 1;
        let number = accounts.last;
        accounts.open.push(Entry {
            number,
            place: place.clone(),
            held: Amount::default(),
        });
        Account {
            ledger: Arc::clone(self),
            number,
            place: place.clone(),
        }
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// Whose workspace it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Notes what the workspace holds now, and says what all of its task hold, and all of its tenant.
    pub fn note(&self, held: Amount) -> [Sum; 2] {
        let (mut of_task, mut of_tenant) = (Amount::default(), Amount::default());
        for entry in &mut self.ledger.accounts().open {
            if entry.number == self.number {
                entry.held = held;
            }
            if entry.place.tenant == self.place.tenant {
                of_tenant = of_tenant.more(entry.held);
                if entry.place.task == self.place.task {
                    of_task = of_task.more(entry.held);
                }
            }
        }
        [
            Sum {
                held: of_task,
                max: self.ledger.per_task,
            },
            Sum {
                held: of_tenant,
                max: self.ledger.per_tenant,
            },
        ]
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let mut accounts = self.ledger.accounts();
        accounts.open.retain(|entry| entry.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use agent_core::id::{StepId, TaskId, TenantId};
    use agent_core::ports::entropy::Seeded;

    use super::*;

    fn place(tenant: u64, task: u64, step: u64) -> Place {
        Place {
            tenant: TenantId::new(&Seeded::new(tenant)),
            task: TaskId::new(&Seeded::new(task)),
            step: StepId::new(&Seeded::new(step)),
        }
    }

    #[test]
    fn a_task_and_a_tenant_hold_what_their_workspaces_hold_until_those_are_gone() {
        let ledger = Ledger::new(&Options::default());
        let amount = |bytes, files| Amount { bytes, files };
        let held = |sums: [Sum; 2]| sums.map(|sum| sum.held);
        let first = ledger.open(&place(1, 1, 1));
        let beside = ledger.open(&place(1, 1, 2));
        let other_task = ledger.open(&place(1, 2, 3));
        let other_tenant = ledger.open(&place(2, 3, 4));
        assert_eq!(
            held(other_tenant.note(amount(1000, 100))),
            [amount(1000, 100); 2]
        );
        first.note(amount(10, 1));
        other_task.note(amount(30, 3));
        assert_eq!(
            held(beside.note(amount(20, 2))),
            [amount(30, 3), amount(60, 6)]
        );
        drop(first);
        assert_eq!(
            held(beside.note(amount(20, 2))),
            [amount(20, 2), amount(50, 5)]
        );
    }

    #[test]
    fn a_limit_of_0_is_none() {
        let options = Options {
            per_task: ShareOptions::NONE,
            ..Options::default()
        };
        let ledger = Ledger::new(&options);
        let [task, tenant] = ledger.open(&place(1, 1, 1)).note(Amount::default());
        assert_eq!((task.max.bytes, task.max.files), (u64::MAX, u64::MAX));
        assert_eq!(tenant.max.files, options.per_tenant.workspace_files_max);
    }
}
