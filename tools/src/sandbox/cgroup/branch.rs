//! The groups of a task and of a tenant, which live for as long as one command in them does.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use agent_core::id::{TaskId, TenantId};
use agent_core::ports::workspaces::Place;

use super::super::scope::{Scope, Scoped};
use super::Root;
use super::group::Group;

/// The groups of one task or one tenant, one for each root that nests; removed when dropped.
#[derive(Debug)]
pub(super) struct Branch {
    scope: Scope,
    groups: Vec<Option<Group>>,
    /// Let go of after the groups, which lie in it.
    above: Option<Arc<Self>>,
}

impl Branch {
    /// Its group of this root.
    pub fn group(&self, root: usize) -> Option<&Group> {
        self.groups.get(root)?.as_ref()
    }

    /// This one and the one that it lies in.
    pub fn scopes(&self) -> impl Iterator<Item = (Scope, &Self)> {
        let both = [Some(self), self.above.as_deref()];
        both.into_iter()
            .flatten()
            .map(|branch| (branch.scope, branch))
    }

    fn make(
        scope: Scope,
        above: Option<Arc<Self>>,
        roots: &[Root],
        limits: &Scoped,
    ) -> io::Result<Arc<Self>> {
        let mut groups = Vec::with_capacity(roots.len());
        for (index, root) in roots.iter().enumerate() {
            if !root.is_nested {
                groups.push(None);
                continue;
            }
            let around = above.as_ref().and_then(|above| above.group(index));
            let within = around.map_or(&root.parent.folder, |around| &around.folder);
            let group = Group::make(within, root.parent.version)?;
            for controller in &root.parent.controllers {
                group.limit(*controller, limits.at(scope))?;
                group.open_for_groups(*controller)?;
            }
            groups.push(Some(group));
        }
        Ok(Arc::new(Self {
            scope,
            groups,
            above,
        }))
    }
}

/// The branches in which commands run now.
#[derive(Debug, Default)]
pub(super) struct Branches(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    tenants: HashMap<TenantId, Weak<Branch>>,
    tasks: HashMap<(TenantId, TaskId), Weak<Branch>>,
}

impl Branches {
    /// The branch of a task, in that of its tenant.
    pub fn of(&self, owner: &Place, roots: &[Root], limits: &Scoped) -> io::Result<Arc<Branch>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tenant = find_or(&mut known.tenants, owner.tenant.clone(), || {
            Branch::make(Scope::Tenant, None, roots, limits)
        })?;
        let task = (owner.tenant.clone(), owner.task.clone());
        find_or(&mut known.tasks, task, || {
            Branch::make(Scope::Task, Some(tenant), roots, limits)
        })
    }
}

/// The branch of this name, made where none is in use; those that are not are forgotten.
fn find_or<K: Eq + Hash>(
    known: &mut HashMap<K, Weak<Branch>>,
    name: K,
    make: impl FnOnce() -> io::Result<Arc<Branch>>,
) -> io::Result<Arc<Branch>> {
    known.retain(|_, branch| branch.strong_count() > 0);
    if let Some(branch) = known.get(&name).and_then(Weak::upgrade) {
        return Ok(branch);
    }
    let branch = make()?;
    known.insert(name, Arc::downgrade(&branch));
    Ok(branch)
}
