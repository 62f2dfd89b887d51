//! Which files a step begins with: what the steps before it made, merged.

use std::collections::{BTreeMap, BTreeSet};

use agent_core::blob::BlobHash;
use agent_core::id::StepId;
use agent_core::prompt::FileLine;
use agent_core::step::{Step, StepState};
use agent_core::task::Task;
use agent_core::workspace::{Conflict, Contribution, Manifest, changes, merge};

use crate::context::Context;
use crate::stop::Stop;

/// The files that a step begins with.
#[derive(Debug, Clone, Default)]
pub struct Files {
    pub manifest: Manifest,
    pub conflicts: Vec<Conflict>,
}

impl Files {
    pub fn lines(&self) -> Vec<FileLine> {
        self.manifest
            .0
            .iter()
            .map(|(path, entry)| FileLine {
                path: path.clone(),
                bytes: entry.blob.bytes,
            })
            .collect()
    }

    pub fn remarks(&self) -> Vec<String> {
        let remark = |conflict: &Conflict| {
            format!(
                "Two earlier steps wrote {}; the second version is {}.",
                conflict.path, conflict.kept_as
            )
        };
        self.conflicts.iter().map(remark).collect()
    }
}

/// Computes beginnings for the steps of one task, each once.
pub struct Lineage<'a> {
    context: &'a Context,
    task: &'a Task,
    base: Manifest,
    contributions: BTreeMap<StepId, Contribution>,
}

impl<'a> Lineage<'a> {
    /// The lineage of one step: only the steps before it are read.
    pub async fn of(
        context: &'a Context,
        task: &'a Task,
        first: &BlobHash,
        step: &Step,
    ) -> Result<Self, Stop> {
        Self::read(context, task, first, &ancestors(task, &step.depends_on)).await
    }

    /// The lineage of everything that succeeded.
    pub async fn of_all(
        context: &'a Context,
        task: &'a Task,
        first: &BlobHash,
    ) -> Result<Self, Stop> {
        let succeeded = task
            .steps
            .iter()
            .filter(|step| step.state == StepState::Succeeded);
        let ids = succeeded.map(|step| step.id.clone()).collect();
        Self::read(context, task, first, &ids).await
    }

    async fn read(
        context: &'a Context,
        task: &'a Task,
        first: &BlobHash,
        wanted: &BTreeSet<StepId>,
    ) -> Result<Self, Stop> {
        let base = context
            .parts
            .workspaces
            .manifest(&task.tenant, first)
            .await?;
        let mut lineage = Self {
            context,
            task,
            base,
            contributions: BTreeMap::new(),
        };
        for step in in_order(task)
            .into_iter()
            .filter(|step| wanted.contains(&step.id))
        {
            lineage.add(step).await?;
        }
        Ok(lineage)
    }

    /// What this step begins with.
    pub fn before(&self, step: &Step) -> Files {
        self.merged(&ancestors(self.task, &step.depends_on))
    }

    /// What all steps that succeeded made together.
    pub fn after_all(&self) -> Files {
        self.merged(&self.contributions.keys().cloned().collect())
    }

    fn merged(&self, of: &BTreeSet<StepId>) -> Files {
        let by_ordinal = self.task.steps.iter().filter(|step| of.contains(&step.id));
        let contributions: Vec<Contribution> = by_ordinal
            .filter_map(|step| self.contributions.get(&step.id).cloned())
            .collect();
        let (manifest, conflicts) = merge(&self.base, &contributions);
        Files {
            manifest,
            conflicts,
        }
    }

    async fn add(&mut self, step: &Step) -> Result<(), Stop> {
        let Some(snapshot) = &step.snapshot else {
            return Ok(());
        };
        let after = self
            .context
            .parts
            .workspaces
            .manifest(&self.task.tenant, snapshot)
            .await?;
        let before = self.before(step).manifest;
        let ancestors = ancestors(self.task, &step.depends_on);
        let keys = self
            .task
            .steps
            .iter()
            .filter(|one| ancestors.contains(&one.id))
            .map(|one| one.key.clone());
        let contribution = Contribution {
            key: step.key.clone(),
            ancestors: keys.collect(),
            changes: changes(&before, &after),
        };
        self.contributions.insert(step.id.clone(), contribution);
        Ok(())
    }
}

/// All steps that come before, directly or through others.
fn ancestors(task: &Task, depends_on: &[StepId]) -> BTreeSet<StepId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<StepId> = depends_on.to_vec();
    while let Some(id) = open.pop() {
        if found.insert(id.clone()) {
            open.extend(
                task.step(&id)
                    .into_iter()
                    .flat_map(|step| step.depends_on.iter().cloned()),
            );
        }
    }
    found
}

/// The steps, each after those that it depends on.
fn in_order(task: &Task) -> Vec<&Step> {
    let mut ordered: Vec<&Step> = task.steps.iter().collect();
    ordered.sort_by_key(|step| (ancestors(task, &step.depends_on).len(), step.ordinal));
    ordered
}
