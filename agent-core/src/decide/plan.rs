//! Decisions about plans.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{PlanAccepted, PlanFailed, PlannedStep};
use crate::id::StepId;
use crate::job::{JobAfter, JobKind};
use crate::plan::{Plan, StepSpec, faults};
use crate::step::StepState;
use crate::task::TaskState;

use super::AddedStep;
use super::draft::Draft;

/// A plan without faults replaces the one in force; its free steps become ready.
pub fn accepted(mut draft: Draft<'_>, plan: Plan) -> Result<Draft<'_>, String> {
    let task = draft.task;
    let done = |step: &&crate::step::Step| step.state == StepState::Succeeded;
    let done_keys: BTreeSet<String> = task
        .steps
        .iter()
        .filter(done)
        .map(|step| step.key.clone())
        .collect();
    let taken: BTreeSet<String> = task.steps.iter().map(|step| step.key.clone()).collect();
    let found = faults(&plan, &done_keys, &taken);
    if !found.is_empty() {
        return Err(format!("the plan has faults: {}", found.join("; ")));
    }
    draft.skip_blocked();
    let version = task.plan_version + 1;
    draft.out.task.plan_version = version;
    draft.out.task.replans = version - 1;
    draft.out.own_job = JobAfter::Delete;
    let mut ids: BTreeMap<String, StepId> = task
        .steps
        .iter()
        .filter(done)
        .map(|step| (step.key.clone(), step.id.clone()))
        .collect();
    for spec in &plan.steps {
        ids.insert(spec.key.clone(), StepId::new(draft.entropy));
    }
    let first = u32::try_from(task.steps.len()).unwrap_or(u32::MAX);
    for (ordinal, spec) in (first..).zip(&plan.steps) {
        add_step(&mut draft, spec, ordinal, &ids, &done_keys);
    }
    let steps = plan
        .steps
        .iter()
        .filter_map(|spec| planned(spec, &ids))
        .collect();
    draft.note(PlanAccepted {
        plan_version: version,
        steps,
        plan,
    });
    Ok(draft)
}

fn planned(spec: &StepSpec, ids: &BTreeMap<String, StepId>) -> Option<PlannedStep> {
    Some(PlannedStep {
        id: ids.get(&spec.key)?.clone(),
        key: spec.key.clone(),
        title: spec.title.clone(),
        depends_on: spec.depends_on.clone(),
    })
}

fn add_step(
    draft: &mut Draft<'_>,
    spec: &StepSpec,
    ordinal: u32,
    ids: &BTreeMap<String, StepId>,
    done: &BTreeSet<String>,
) {
    let Some(id) = ids.get(&spec.key) else { return };
    let free = spec.depends_on.iter().all(|needed| done.contains(needed));
    let depends_on = spec
        .depends_on
        .iter()
        .filter_map(|needed| ids.get(needed).cloned())
        .collect();
    draft.out.new_steps.push(AddedStep {
        id: id.clone(),
        ordinal,
        plan_version: draft.out.task.plan_version,
        state: if free {
            StepState::Ready
        } else {
            StepState::Blocked
        },
        depends_on,
        spec: spec.clone(),
    });
    if free {
        draft.create_job(JobKind::Step, Some(id.clone()));
    }
}

/// Without a first plan there is nothing to do. Without a second one, what the first achieved is reported.
pub fn failed<'a>(mut draft: Draft<'a>, reason: &str) -> Draft<'a> {
    draft.note(PlanFailed {
        reason: reason.to_owned(),
    });
    draft.out.own_job = JobAfter::Delete;
    if draft.task.plan_version == 0 {
        draft.finish(
            TaskState::Failed,
            None,
            Some(format!("no plan could be made: {reason}")),
        );
    } else {
        draft.skip_blocked();
        draft.create_job(JobKind::Report, None);
    }
    draft
}
