//! What a run is held to, in the words of its record. Numbers are those that were handed to the kernel or that it gives back.

use std::time::Duration;

use agent_core::enforcement::{Limits, Share};
use rustix::process::Resource;

use super::census::Census;
use super::cgroup::Cgroups;
use super::disk::DiskLimits;
use super::launch::lowered;
use super::scope::{Controller, Scope, Scoped};
use crate::options::{Options, ShareOptions};

/// The limits that a program has however it is isolated; `process` are those of each of its processes.
pub(super) fn limits(
    options: &Options,
    wall_time: Duration,
    process: &[(Resource, u64)],
    disk: &DiskLimits,
) -> Limits {
    let of_each = |wanted: Resource| {
        let found = process.iter().find(|(resource, _)| *resource == wanted)?;
        lowered(wanted, found.1).maximum
    };
    let memory_bytes = of_each(Resource::Data);
    Limits {
        wall_ms: Some(u64::try_from(wall_time.as_millis()).unwrap_or(u64::MAX)),
        memory_bytes,
        memory_by: memory_bytes.map(|_| "rlimit_each".to_owned()),
        open_files: of_each(Resource::Nofile),
        file_bytes: of_each(Resource::Fsize),
        output_bytes: Some(options.output_bytes_max).filter(|max| *max < u64::MAX),
        ..disk.stated()
    }
}

/// Adds the limits of all processes of a command that are looked at, and those of all commands of its task and its tenant.
pub(super) fn add_together(
    stated: &mut Limits,
    options: &Options,
    cgroups: Option<&Cgroups>,
    census: Option<&Census>,
) {
    let held = Held {
        limits: Scoped::of(options),
        cgroups,
        census,
    };
    if held.is_watched(Scope::Command, Controller::Memory) {
        stated.memory_watched_bytes = Some(options.memory_bytes);
    }
    if held.is_watched(Scope::Command, Controller::Pids) {
        stated.processes = Some(options.processes_max);
        stated.processes_by = Some("watched".to_owned());
    }
    stated.task = held.share(Scope::Task, &options.per_task);
    stated.tenant = held.share(Scope::Tenant, &options.per_tenant);
}

/// What holds the limits that several commands share.
struct Held<'a> {
    limits: Scoped,
    cgroups: Option<&'a Cgroups>,
    census: Option<&'a Census>,
}

impl Held<'_> {
    fn is_watched(&self, scope: Scope, controller: Controller) -> bool {
        self.census
            .is_some_and(|census| census.counts(scope, controller))
    }

    fn share(&self, scope: Scope, options: &ShareOptions) -> Option<Share> {
        let limits = self.limits.at(scope);
        let is_held = |controller| {
            let by_cgroup = self
                .cgroups
                .is_some_and(|cgroups| cgroups.bounds(scope, controller));
            by_cgroup || self.is_watched(scope, controller)
        };
        let bound = |limit: u64, controller| (limit > 0 && is_held(controller)).then_some(limit);
        let watched = [
            (Controller::Memory, "memory"),
            (Controller::Pids, "processes"),
        ];
        let watched = watched.into_iter();
        let watched = watched.filter(|(controller, _)| self.is_watched(scope, *controller));
        let share = Share {
            memory_bytes: bound(limits.memory_bytes, Controller::Memory),
            processes: bound(limits.processes_max, Controller::Pids),
            cpu_percent: bound(limits.cpu_percent, Controller::Cpu),
            workspace_bytes: Some(options.workspace_bytes_max).filter(|max| *max > 0),
            workspace_files: Some(options.workspace_files_max).filter(|max| *max > 0),
            watched: watched.map(|(_, word)| word.to_owned()).collect(),
        };
        (share != Share::default()).then_some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_processes_share_is_stated_as_far_as_something_holds_it() {
        let options = Options {
            memory_bytes: 100,
            processes_max: 0,
            per_task: ShareOptions {
                memory_bytes: 150,
                processes_max: 20,
                cpu_percent: 300,
                ..ShareOptions::NONE
            },
            per_tenant: ShareOptions {
                workspace_files_max: 7,
                ..ShareOptions::NONE
            },
            ..Options::default()
        };
        let stated_with = |census: Option<&Census>| {
            let mut stated = Limits::default();
            add_together(&mut stated, &options, None, census);
            stated
        };
        let tenant = Share {
            workspace_files: Some(7),
            ..Share::default()
        };
        let of_workspaces = Limits {
            tenant: Some(tenant),
            ..Limits::default()
        };
        assert_eq!(stated_with(None), of_workspaces);
        let task = Share {
            memory_bytes: Some(150),
            processes: Some(20),
            watched: ["memory", "processes"].map(str::to_owned).to_vec(),
            ..Share::default()
        };
        let watched = Limits {
            memory_watched_bytes: Some(100),
            task: Some(task),
            ..of_workspaces
        };
        let census = Census::of(Scoped::of(&options));
        assert_eq!(stated_with(census.as_deref()), watched);
    }
}
