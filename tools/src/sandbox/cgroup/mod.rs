//! Bounding programs by cgroups, where they can be written: each one's memory, number and processor time, and those of all of a
//! task and of a tenant.
//!
//! A command's group is in its task's, which is in its tenant's. Which controllers are usable that way, and of which
//! version, is found out one by one by making such groups; that a hierarchy is mounted says little. What cannot be
//! nested bounds each command alone. Groups lie below our own, so no limit set on us is left; where other processes are in
//! our own of version 2, beside it. A crash leaves empty groups, which the next start removes.

mod branch;
mod group;
mod mounts;

use std::fs;
use std::io;
use std::sync::Arc;

use agent_core::enforcement::Limits as Stated;

use agent_core::ports::workspaces::Place;

use self::branch::{Branch, Branches};
pub(super) use self::group::Door;
use self::group::{Group, Version, available, delegate, make_room, remove_left_overs};
use self::mounts::{Parent, candidates};
use super::scope::{Controller, Limits, Scope, Scoped};
use crate::options::Options;

/// A place where groups are made, and how.
#[derive(Debug, Clone)]
struct Root {
    parent: Parent,
    /// Whether a command's group lies in those of its task and its tenant.
    is_nested: bool,
}

/// What cgroups can do here.
#[derive(Debug)]
pub(super) struct Cgroups {
    roots: Vec<Root>,
    limits: Scoped,
    branches: Branches,
}

/// The groups of one program; removed when dropped.
pub(super) struct Groups {
    made: Vec<Made>,
    /// Those of its task and its tenant. Let go of after its own.
    above: Option<Arc<Branch>>,
    /// What the groups above had counted before.
    before: Vec<Before>,
}

/// A group of one program.
struct Made {
    group: Group,
    controllers: Vec<Controller>,
    /// Which root it is of.
    root: usize,
}

#[derive(Debug, Clone, Copy)]
struct Before {
    scope: Scope,
    memory_stops: u64,
    process_stops: u64,
}

impl Cgroups {
    /// Bounds nothing.
    pub fn none(options: &Options) -> Self {
        Self {
            roots: Vec::new(),
            limits: Scoped::of(options),
            branches: Branches::default(),
        }
    }

    /// Finds out what can be bounded here, and removes groups that a crash left.
    pub fn detect(options: &Options) -> Self {
        let mut cgroups = Self::none(options);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let candidates = candidates(&mounts, &own);
        for parent in &candidates {
            remove_left_overs(&parent.folder);
        }
        for is_nested in [true, false] {
            for parent in &candidates {
                let usable = cgroups.try_out(parent, is_nested);
                cgroups.roots.extend(usable);
            }
        }
        cgroups
    }

    /// Whether a resource of a scope is bounded.
    pub fn bounds(&self, scope: Scope, controller: Controller) -> bool {
        self.roots.iter().any(|root| {
            let reaches = root.is_nested || scope == Scope::Command;
            reaches && root.parent.controllers.contains(&controller)
        })
    }

    /// What groups in this parent can do beyond what is bounded already.
    fn try_out(&self, parent: &Parent, is_nested: bool) -> Option<Root> {
        let two = |root: &Root| root.parent.version == Version::Two;
        // A process is in one group of version 2 only.
        if parent.version == Version::Two && self.roots.iter().any(two) {
            return None;
        }
        let open = |controller: &Controller| {
            parent.controllers.contains(controller) && !self.bounds(Scope::Command, *controller)
        };
        let mut controllers = match parent.version {
            Version::One => Controller::ALL.to_vec(),
            Version::Two => available(&parent.folder),
        };
        controllers.retain(open);
        if controllers.is_empty() {
            return None;
        }
        if parent.version == Version::Two {
            // Where others are in the group too, the one around it may do.
            make_room(&parent.folder).ok()?;
            for controller in &controllers {
                let _ = delegate(&parent.folder, *controller);
            }
        }
        let scopes: &[Scope] = if is_nested {
            &[Scope::Tenant, Scope::Task, Scope::Command]
        } else {
            &[Scope::Command]
        };
        let mut trial: Vec<Group> = Vec::new();
        for scope in scopes {
            let within = trial.last().map_or(&parent.folder, |group| &group.folder);
            let Ok(group) = Group::make(within, parent.version) else {
                controllers.clear();
                break;
            };
            let limits = self.limits.at(*scope);
            controllers.retain(|controller| {
                group.limit(*controller, limits).is_ok()
                    && (*scope == Scope::Command || group.open_for_groups(*controller).is_ok())
            });
            trial.push(group);
        }
        let is_joinable = trial.last().is_some_and(Group::is_joinable);
        // The inner ones have to go first.
        while trial.pop().is_some() {}
        let parent = Parent {
            controllers,
            ..parent.clone()
        };
        (is_joinable && !parent.controllers.is_empty()).then_some(Root { parent, is_nested })
    }

    /// Makes the groups of one program with its own limits, within those of the task and the tenant whose it is.
    pub fn make(&self, owner: Option<&Place>, own: &Limits) -> io::Result<Groups> {
        let above = owner.map(|owner| self.branches.of(owner, &self.roots, &self.limits));
        let above = above.transpose()?;
        let before = above.iter().flat_map(|task| task.scopes());
        let before = before.map(|(scope, branch)| Before {
            scope,
            memory_stops: counted(branch, &self.roots, Controller::Memory, Group::memory_stops),
            process_stops: counted(branch, &self.roots, Controller::Pids, Group::process_stops),
        });
        let mut groups = Groups {
            made: Vec::new(),
            before: before.collect(),
            above: above.clone(),
        };
        for (index, root) in self.roots.iter().enumerate() {
            let task = above.as_ref().and_then(|task| task.group(index));
            let within = task.map_or(&root.parent.folder, |task| &task.folder);
            let group = Group::make(within, root.parent.version)?;
            for controller in &root.parent.controllers {
                group.limit(*controller, own)?;
            }
            groups.made.push(Made {
                group,
                controllers: root.parent.controllers.clone(),
                root: index,
            });
        }
        Ok(groups)
    }
}

/// What a branch's group of a controller has counted.
fn counted(
    branch: &Branch,
    roots: &[Root],
    controller: Controller,
    count: fn(&Group) -> u64,
) -> u64 {
    let root = roots
        .iter()
        .position(|root| root.parent.controllers.contains(&controller));
    let group = root.and_then(|root| branch.group(root));
    group.map_or(0, count)
}

impl Groups {
    /// The ways into its own groups.
    pub fn doors(&self) -> io::Result<Vec<Door>> {
        self.made.iter().map(|made| made.group.door()).collect()
    }

    /// Adds what the kernel says that it bounds here. What it does not bound is left as it is.
    pub fn state(&self, stated: &mut Stated) {
        let read = |controller| self.own(controller)?.group.bound(controller);
        if let Some((bytes, by)) = read(Controller::Memory) {
            (stated.memory_bytes, stated.memory_by) = (Some(bytes), Some(by.to_owned()));
        }
        if let Some((count, by)) = read(Controller::Pids) {
            (stated.processes, stated.processes_by) = (Some(count), Some(by.to_owned()));
        }
        if let Some((quota_us, by)) = read(Controller::Cpu) {
            (stated.cpu_percent, stated.cpu_by) = (Some(quota_us / 1_000), Some(by.to_owned()));
        }
    }

    /// Ends whatever is still in its own groups. Nothing should be; this is for what the tree's own means missed.
    pub fn end_the_rest(&self) {
        for made in &self.made {
            made.group.end_the_rest();
        }
    }

    fn own(&self, controller: Controller) -> Option<&Made> {
        let mut made = self.made.iter();
        made.find(|made| made.controllers.contains(&controller))
    }

    /// The groups around it that bound a resource, the task's first, with what they had counted before.
    fn around(&self, controller: Controller) -> impl Iterator<Item = (&Group, Before)> {
        let root = self.own(controller).map(|made| made.root);
        let around = self.above.iter().flat_map(|task| task.scopes());
        around.filter_map(move |(scope, branch)| {
            let before = self.before.iter().find(|before| before.scope == scope)?;
            Some((branch.group(root?)?, *before))
        })
    }

    /// Whose limit it was for which the kernel ended a process of this program for want of memory.
    pub fn out_of_memory(&self) -> Option<Scope> {
        let own = &self.own(Controller::Memory)?.group;
        if own.memory_kills() == 0 {
            return None;
        }
        if own.memory_stopped(0) {
            return Some(Scope::Command);
        }
        let mut around = self.around(Controller::Memory);
        let stopped = around.find(|(group, before)| group.memory_stopped(before.memory_stops));
        Some(stopped.map_or(Scope::Command, |(_, before)| before.scope))
    }

    /// Whose limit on processes it was for which this program was refused one more, and the limit.
    pub fn processes_refused_above(&self) -> Option<(Scope, u64)> {
        let own = &self.own(Controller::Pids)?.group;
        // Some kernels count in the group that was refused, others in the one whose limit it was.
        let is_refused = own.process_stops() > 0;
        if is_refused && let Some(limit) = own.processes_reached() {
            return Some((Scope::Command, limit));
        }
        for (group, before) in self.around(Controller::Pids) {
            let is_its = group.process_stops() > before.process_stops;
            let limit = if is_its {
                group.processes_max()
            } else {
                group.processes_reached().filter(|_| is_refused)
            };
            if let Some(limit) = limit {
                return Some((before.scope, limit));
            }
        }
        None
    }

    /// The most memory that was used.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        self.own(Controller::Memory)?.group.memory_peak_bytes()
    }
}
