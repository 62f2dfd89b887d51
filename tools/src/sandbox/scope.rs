//! How far a limit reaches, and the limits of memory, processes and processor time at each reach.

use std::fmt;

use crate::options::{Options, ShareOptions};

/// What is bounded together. All three count within one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The processes of one command.
    Command,
    /// All commands of one task.
    Task,
    /// All commands of one tenant.
    Tenant,
}

impl Scope {
    pub(super) const ALL: [Self; 3] = [Self::Command, Self::Task, Self::Tenant];
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command => "one command",
            Self::Task => "all commands of this task together",
            Self::Tenant => "all commands of this tenant together on this machine",
        })
    }
}

/// One resource that is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controller {
    Memory,
    Pids,
    Cpu,
}

impl Controller {
    pub const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    /// Its name in cgroups.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }
}

/// The limits of one scope; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Limits {
    pub memory_bytes: u64,
    pub processes_max: u64,
    pub cpu_percent: u64,
}

impl Limits {
    fn shared(options: &ShareOptions) -> Self {
        Self {
            memory_bytes: options.memory_bytes,
            processes_max: options.processes_max,
            cpu_percent: options.cpu_percent,
        }
    }
}

/// The limits of all scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scoped {
    command: Limits,
    task: Limits,
    tenant: Limits,
}

impl Scoped {
    pub fn of(options: &Options) -> Self {
        let command = Limits {
            memory_bytes: options.memory_bytes,
            processes_max: options.processes_max,
            cpu_percent: options.cpu_percent,
        };
        let mut task = Limits::shared(&options.per_task);
        let tenant = Limits::shared(&options.per_tenant);
        // The kernel refuses a group of version 1 more processor time than the group around it has.
        task.cpu_percent = lesser(task.cpu_percent, tenant.cpu_percent);
        Self {
            command: Limits {
                cpu_percent: lesser(command.cpu_percent, task.cpu_percent),
                ..command
            },
            task,
            tenant,
        }
    }

    pub fn at(&self, scope: Scope) -> &Limits {
        match scope {
            Scope::Command => &self.command,
            Scope::Task => &self.task,
            Scope::Tenant => &self.tenant,
        }
    }

    /// Takes one limit away.
    pub fn lift(&mut self, scope: Scope, controller: Controller) {
        let limits = match scope {
            Scope::Command => &mut self.command,
            Scope::Task => &mut self.task,
            Scope::Tenant => &mut self.tenant,
        };
        match controller {
            Controller::Memory => limits.memory_bytes = 0,
            Controller::Pids => limits.processes_max = 0,
            Controller::Cpu => limits.cpu_percent = 0,
        }
    }
}

/// The lesser of two limits of which 0 is none.
fn lesser(one: u64, other: u64) -> u64 {
    match (one, other) {
        (0, limit) | (limit, 0) => limit,
        (one, other) => one.min(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_within_a_scope_is_no_more_than_around_it() {
        let options = Options {
            cpu_percent: 300,
            per_task: ShareOptions {
                cpu_percent: 0,
                ..ShareOptions::NONE
            },
            per_tenant: ShareOptions {
                cpu_percent: 200,
                ..ShareOptions::NONE
            },
            ..Options::default()
        };
        let limits = Scoped::of(&options);
        let percents = Scope::ALL.map(|scope| limits.at(scope).cpu_percent);
        assert_eq!(percents, [200, 200, 200]);
        assert_eq!((lesser(0, 0), lesser(3, 5)), (0, 3));
    }
}
