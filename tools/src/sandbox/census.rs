//! Counting the memory and the processes of running trees, where no cgroup does.
//!
//! This is a look ten times a second, not a wall: a tree can grow beyond its limit in between. What a tree maps is counted, and what
//! it keeps in files in memory and in pipes is not. The sum of what each process says it has counts shared pages several
//! times, so it can only be too large; where it is, the pages are counted properly, which takes longer. Of those that are over a
//! limit together the largest is ended.

use std::collections::HashMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_core::ports::workspaces::Place;
use tokio::time::Instant;

use super::KillReason;
use super::scope::{Controller, Limits, Scope, Scoped};

/// Between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A look is followed by this many times its own length without one: looking must not become the main work.
const REST: u32 = 4;

/// What a tree uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Used {
    memory_bytes: u64,
    processes: u64,
}

/// A running tree.
#[derive(Debug, Clone)]
struct Member {
    /// The process that all of it descends from.
    leader: u32,
    owner: Option<Place>,
    used: Used,
    /// Its processes and what each said of its memory, at the last look.
    processes: Vec<(u32, u64)>,
}

impl Member {
    /// Whether a limit of this scope counts both together.
    fn shares(&self, scope: Scope, other: &Self) -> bool {
        let (Some(own), Some(others)) = (&self.owner, &other.owner) else {
            return self.leader == other.leader;
        };
        match scope {
            Scope::Command => self.leader == other.leader,
            Scope::Task => own.tenant == others.tenant && own.task == others.task,
            Scope::Tenant => own.tenant == others.tenant,
        }
    }
}

/// All trees that are looked at.
#[derive(Debug)]
pub(super) struct Census {
    limits: Scoped,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    due: Instant,
    members: Vec<Member>,
}

/// A tree's place among them, given back when it is dropped.
pub(super) struct Enrolled {
    census: Arc<Census>,
    leader: u32,
    due: Instant,
}

impl Census {
    /// Holds trees to these limits, if there are any.
    pub fn of(limits: Scoped) -> Option<Arc<Self>> {
        let is_any = Scope::ALL.iter().any(|scope| {
            let limits = limits.at(*scope);
            limits.memory_bytes > 0 || limits.processes_max > 0
        });
        is_any.then(|| {
            Arc::new(Self {
                limits,
                state: Mutex::new(State {
                    due: Instant::now(),
                    members: Vec::new(),
                }),
            })
        })
    }

    /// Whether a resource of a scope is looked at.
    pub fn counts(&self, scope: Scope, controller: Controller) -> bool {
        let limits = self.limits.at(scope);
        match controller {
            Controller::Memory => limits.memory_bytes > 0,
            Controller::Pids => limits.processes_max > 0,
            Controller::Cpu => false,
        }
    }

    /// Looks at a tree from here on.
    pub fn enrol(self: &Arc<Self>, leader: u32, owner: Option<&Place>) -> Enrolled {
        self.state().members.push(Member {
            leader,
            owner: owner.cloned(),
            used: Used::default(),
            processes: Vec::new(),
        });
        Enrolled {
            census: Arc::clone(self),
            leader,
            due: Instant::now() + LOOK_EVERY,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Enrolled {
    /// When to look next.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Looks if it is time to, and says why the tree has to be ended, if it has.
    pub fn look(&mut self) -> Option<KillReason> {
        let now = Instant::now();
        if now < self.due {
            return None;
        }
        let mut state = self.census.state();
        // One look is for all.
        if now >= state.due {
            count(&mut state.members);
            recount_where_too_large(&mut state.members, &self.census.limits);
            let ended = Instant::now();
            state.due = ended + LOOK_EVERY.max((ended - now) * REST);
        }
        self.due = state.due;
        judge(&state.members, self.leader, &self.census.limits)
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        let mut state = self.census.state();
        state.members.retain(|member| member.leader != self.leader);
    }
}

/// Why a tree has to be ended, if it is the largest of those that are over a limit together.
fn judge(members: &[Member], leader: u32, limits: &Scoped) -> Option<KillReason> {
    let own = members.iter().find(|member| member.leader == leader)?;
    let over = |scope: Scope, max: u64, amount: fn(&Used) -> u64| {
        let sharing = members.iter().filter(|member| own.shares(scope, member));
        let (mut sum, mut largest) = (0_u64, (0, 0));
        for member in sharing {
            let amount = amount(&member.used);
            sum = sum.saturating_add(amount);
            largest = largest.max((amount, member.leader));
        }
        max > 0 && sum > max && largest.1 == leader
    };
    Scope::ALL.into_iter().find_map(|scope| {
        let Limits {
            memory_bytes,
            processes_max,
            ..
        } = *limits.at(scope);
        if over(scope, memory_bytes, |used| used.memory_bytes) {
            return Some(KillReason::Memory(scope, memory_bytes));
        }
        over(scope, processes_max, |used| used.processes)
            .then_some(KillReason::Processes(scope, processes_max))
    })
}

/// Counts what each tree uses, by what its processes say of themselves.
fn count(members: &mut [Member]) {
    let processes: HashMap<u32, Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, Process::of(pid)?)))
        .collect();
    let leaders: HashMap<u32, usize> = members
        .iter()
        .enumerate()
        .map(|(index, member)| (member.leader, index))
        .collect();
    for member in &mut *members {
        member.used = Used::default();
        member.processes.clear();
    }
    for (pid, process) in &processes {
        let Some(index) = tree_of(*pid, &processes, &leaders) else {
            continue;
        };
        if let Some(member) = members.get_mut(index) {
            member.used.memory_bytes += process.memory_bytes;
            member.used.processes += process.threads;
            member.processes.push((*pid, process.memory_bytes));
        }
    }
}

/// Which tree a process is of.
fn tree_of(
    pid: u32,
    processes: &HashMap<u32, Process>,
    leaders: &HashMap<u32, usize>,
) -> Option<usize> {
    let mut at = pid;
    // Numbers may have been given anew while they were read, so a ring is possible.
    for _ in 0..=processes.len() {
        if let Some(index) = leaders.get(&at) {
            return Some(*index);
        }
        at = processes.get(&at)?.parent;
    }
    None
}

/// Counts the pages of trees that are too large as it seems, each shared one in parts.
fn recount_where_too_large(members: &mut [Member], limits: &Scoped) {
    let mut seems = vec![false; members.len()];
    for (own, seems) in members.iter().zip(&mut seems) {
        *seems = Scope::ALL.into_iter().any(|scope| {
            let max = limits.at(scope).memory_bytes;
            let sharing = members.iter().filter(|member| own.shares(scope, member));
            let sum: u64 = sharing.map(|member| member.used.memory_bytes).sum();
            max > 0 && sum > max
        });
    }
    for (member, _) in members.iter_mut().zip(seems).filter(|(_, seems)| *seems) {
        let each = member.processes.iter();
        // Of one that cannot be looked at, what it says stands.
        let sizes = each.map(|(pid, said)| proportion(*pid).unwrap_or(*said));
        member.used.memory_bytes = sizes.sum();
    }
}

/// The memory of a process, with its part of each page that others have too; nothing for one that is gone.
fn proportion(pid: u32) -> Option<u64> {
    let text = match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return None,
        Err(_) => return Some(0),
    };
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What a process says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    parent: u32,
    threads: u64,
    memory_bytes: u64,
}

impl Process {
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read(format!("/proc/{pid}/status")).ok()?;
        Self::read(&String::from_utf8_lossy(&text))
    }

    /// Reads its status. The kernel writes a line break in a name as two other letters.
    fn read(status: &str) -> Option<Self> {
        let number = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse().ok()
        };
        Some(Self {
            parent: u32::try_from(number("PPid:")?).ok()?,
            threads: number("Threads:")?,
            // A process that is ending has none.
            memory_bytes: number("VmRSS:").unwrap_or(0).saturating_mul(1024),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use agent_core::id::{StepId, TaskId, TenantId};
    use agent_core::ports::entropy::Seeded;

    use super::*;
    use crate::options::{Options, ShareOptions};

    fn place(tenant: u64, task: u64) -> Place {
        Place {
            tenant: TenantId::new(&Seeded::new(tenant)),
            task: TaskId::new(&Seeded::new(task)),
            step: StepId::new(&Seeded::new(1)),
        }
    }

    fn member(leader: u32, owner: Place, memory_bytes: u64) -> Member {
        Member {
            leader,
            owner: Some(owner),
            used: Used {
                memory_bytes,
                processes: memory_bytes / 10,
            },
            processes: Vec::new(),
        }
    }

    fn limits() -> Scoped {
        Scoped::of(&Options {
            memory_bytes: 100,
            per_task: ShareOptions {
                memory_bytes: 150,
                ..ShareOptions::NONE
            },
            per_tenant: ShareOptions {
                processes_max: 20,
                ..ShareOptions::NONE
            },
            ..Options::default()
        })
    }

    #[test]
    fn of_those_that_are_over_a_limit_together_the_largest_is_ended() {
        let judged = |members: &[Member]| -> Vec<Option<KillReason>> {
            let each = members.iter();
            each.map(|member| judge(members, member.leader, &limits()))
                .collect()
        };
        let alone = [member(1, place(1, 1), 101), member(2, place(2, 2), 99)];
        let killed = Some(KillReason::Memory(Scope::Command, 100));
        assert_eq!(judged(&alone), [killed, None]);

        let of_a_task = [
            member(1, place(1, 1), 90),
            member(2, place(1, 1), 61),
            member(3, place(1, 3), 40),
        ];
        let killed = Some(KillReason::Memory(Scope::Task, 150));
        assert_eq!(judged(&of_a_task), [killed, None, None]);

        let of_a_tenant = [
            member(1, place(1, 1), 90),
            member(2, place(1, 2), 95),
            member(3, place(1, 3), 50),
            member(4, place(2, 1), 99),
        ];
        let killed = Some(KillReason::Processes(Scope::Tenant, 20));
        assert_eq!(judged(&of_a_tenant), [None, killed, None, None]);
    }

    #[test]
    fn a_process_is_read_from_its_status_whatever_its_name_is() {
        let status = "Name:\tPPid:\\n 9\nUmask:\t0022\nPPid:\t7\nVmRSS:\t   12 kB\nThreads:\t3\n";
        let mut wanted = Process {
            parent: 7,
            threads: 3,
            memory_bytes: 12 * 1024,
        };
        assert_eq!(Process::read(status), Some(wanted));
        let ending = status.replace("VmRSS", "VmSwap");
        wanted.memory_bytes = 0;
        assert_eq!(Process::read(&ending), Some(wanted));
        assert_eq!(Process::read("Name:\ta\n"), None);
    }

    #[test]
    fn this_process_is_counted_as_the_tree_that_it_is() {
        let pid = std::process::id();
        let mut members = [member(pid, place(1, 1), 0)];
        count(&mut members);
        let used = members[0].used;
        assert!(used.memory_bytes > 0 && used.processes > 0, "{used:?}");
        assert!(members[0].processes.iter().any(|(found, _)| *found == pid));
        assert!(proportion(pid).unwrap() > 0);
    }
}
