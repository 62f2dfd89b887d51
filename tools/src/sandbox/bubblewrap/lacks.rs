//! What this machine does not bound as it could: what is looked at instead, and what operators are told of it.

use super::Abilities;
use crate::options::Options;
use crate::sandbox::Lack;
use crate::sandbox::cgroup::Cgroups;
use crate::sandbox::scope::{Controller, Scope, Scoped};

const CURE_OF_CGROUPS: &str = "give the service a cgroup that it can write to, for example with Delegate=yes in its systemd unit";

/// What a resource is called that no cgroup bounds for a command, and that none bounds for a task and a tenant alone.
fn words(controller: Controller) -> (&'static str, &'static str) {
    match controller {
        Controller::Memory => ("memory_together", "memory_of_tasks"),
        Controller::Pids => ("processes_by_cgroup", "processes_of_tasks"),
        Controller::Cpu => ("processor_time", "processor_time_of_tasks"),
    }
}

/// The limits that no cgroup holds here, and so have to be looked at.
pub(super) fn uncounted(cgroups: &Cgroups, options: &Options) -> Scoped {
    let mut limits = Scoped::of(options);
    for scope in Scope::ALL {
        for controller in Controller::ALL {
            // The kernel counts the processes of one sandbox for itself.
            let is_own_pids = scope == Scope::Command && controller == Controller::Pids;
            if is_own_pids || cgroups.bounds(scope, controller) {
                limits.lift(scope, controller);
            }
        }
    }
    limits
}

/// What is lacking and borne. Where a command's group is missing, those of its task and its tenant are too.
pub(super) fn lacks(abilities: &Abilities) -> Vec<Lack> {
    let mut lacks = Vec::new();
    let census = abilities.census.as_ref();
    for controller in Controller::ALL {
        let (of_command, of_task) = words(controller);
        let (what, why) = if !abilities.cgroups.bounds(Scope::Command, controller) {
            (of_command, "no writable cgroup")
        } else if !abilities.cgroups.bounds(Scope::Task, controller) {
            (of_task, "no cgroup can be made within another")
        } else {
            continue;
        };
        let is_seen = census.is_some_and(|census| census.counts(Scope::Task, controller));
        let seen = if is_seen {
            ", so it is looked at now and then"
        } else {
            ""
        };
        lacks.push(Lack::new(what, format!("{why}{seen}"), CURE_OF_CGROUPS));
    }
    if !abilities.disable_userns {
        lacks.push(Lack::new(
            "second_bar_to_namespaces",
            "this bubblewrap cannot forbid further user namespaces; the system call filter alone does",
            "install bubblewrap 0.8 or later",
        ));
    }
    lacks
}
