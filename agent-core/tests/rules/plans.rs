//! Laws of plan validation: every acyclic plan is accepted, and every fault is named at the step that has it.

use std::collections::BTreeSet;

use agent_core::plan::{Plan, STEPS_MAX, StepSpec, faults};
use proptest::prelude::*;
use proptest::sample::Index;

/// A plan without faults, its steps listed in any order.
pub fn acyclic_plan(steps_max: usize) -> impl Strategy<Value = Plan> {
    let needs = proptest::collection::vec(
        proptest::collection::vec(any::<bool>(), steps_max),
        1..=steps_max,
    );
    let plan = needs.prop_map(|rows| {
        let steps = rows.iter().enumerate().map(|(number, row)| {
            let earlier = (0..number).filter(|earlier| row[*earlier]);
            step(&key(number), earlier.map(key).collect())
        });
        steps.collect::<Vec<StepSpec>>()
    });
    plan.prop_shuffle().prop_map(|steps| Plan {
        overview: String::new(),
        steps,
    })
}

fn key(number: usize) -> String {
    format!("s{number}")
}

fn step(key: &str, depends_on: Vec<String>) -> StepSpec {
    StepSpec {
        key: key.to_owned(),
        title: key.to_owned(),
        instructions: "do it".to_owned(),
        depends_on,
        acceptance: Vec::new(),
    }
}

fn found(plan: &Plan) -> Vec<String> {
    faults(plan, &BTreeSet::new(), &BTreeSet::new())
}

/// Whether a step reaches itself along its needs.
fn is_on_cycle(plan: &Plan, key: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![key.to_owned()];
    while let Some(at) = open.pop() {
        for step in plan.steps.iter().filter(|step| step.key == at) {
            for need in &step.depends_on {
                if need == key {
                    return true;
                }
                if seen.insert(need.clone()) {
                    open.push(need.clone());
                }
            }
        }
    }
    false
}

/// The step that the fault about a cycle names.
fn named_on_cycle(found: &[String]) -> Option<String> {
    let ending = " depends on itself, directly or through others";
    let named = found.iter().find_map(|fault| fault.strip_suffix(ending));
    named
        .and_then(|fault| fault.strip_prefix("step "))
        .map(str::to_owned)
}

proptest! {
    #[test]
    fn every_acyclic_plan_is_accepted(plan in acyclic_plan(STEPS_MAX)) {
        prop_assert_eq!(found(&plan), Vec::<String>::new());
    }

    #[test]
    fn a_cycle_is_named_at_a_step_that_is_on_it(plan in acyclic_plan(8), from in any::<Index>(), to in any::<Index>()) {
        let mut plan = plan;
        let target = plan.steps[to.index(plan.steps.len())].key.clone();
        let at = from.index(plan.steps.len());
        plan.steps[at].depends_on.push(target);
        let found = found(&plan);
        let cyclic = plan.steps.iter().any(|step| is_on_cycle(&plan, &step.key));
        match named_on_cycle(&found) {
            Some(named) => prop_assert!(is_on_cycle(&plan, &named), "{} is not on a cycle: {:?}", named, plan),
            None => prop_assert!(!cyclic, "a cycle was not found: {:?}", plan),
        }
        prop_assert_eq!(found.len(), usize::from(cyclic));
    }

    #[test]
    fn a_key_that_is_used_twice_is_named(plan in acyclic_plan(8), which in any::<Index>()) {
        let mut plan = plan;
        let twin = plan.steps[which.index(plan.steps.len())].clone();
        let fault = format!("step key {} is used twice", twin.key);
        plan.steps.push(twin);
        prop_assert_eq!(found(&plan), vec![fault]);
    }

    #[test]
    fn a_need_that_nothing_meets_is_named(plan in acyclic_plan(8), which in any::<Index>()) {
        let mut plan = plan;
        let at = which.index(plan.steps.len());
        plan.steps[at].depends_on.push("nowhere".to_owned());
        let fault = format!("step {} depends on nowhere, which is not in the plan", plan.steps[at].key);
        prop_assert_eq!(found(&plan), vec![fault]);
    }

    #[test]
    fn a_key_of_an_earlier_plan_is_named_whether_it_succeeded_or_not(
        plan in acyclic_plan(8), which in any::<Index>(), succeeded in any::<bool>()
    ) {
        let taken = BTreeSet::from([plan.steps[which.index(plan.steps.len())].key.clone()]);
        let done = if succeeded { taken.clone() } else { BTreeSet::new() };
        let expected: Vec<String> = taken
            .iter()
            .map(|key| format!("step key {key} was used by an earlier plan; choose another"))
            .collect();
        prop_assert_eq!(faults(&plan, &done, &taken), expected);
    }

    #[test]
    fn only_short_lower_case_keys_are_accepted(key in "[a-zA-Z0-9_ -]{0,42}") {
        let plan = Plan { overview: String::new(), steps: vec![step(&key, Vec::new())] };
        let legal = (1..=40).contains(&key.len())
            && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !key.starts_with('-');
        prop_assert_eq!(found(&plan).is_empty(), legal);
    }
}

#[test]
fn a_plan_with_no_step_or_too_many_is_refused() {
    for count in [0, STEPS_MAX + 1] {
        let steps = (0..count)
            .map(|number| step(&key(number), Vec::new()))
            .collect();
        let plan = Plan {
            overview: String::new(),
            steps,
        };
        let fault = format!("a plan has 1 to {STEPS_MAX} steps, this one has {count}");
        assert_eq!(found(&plan), vec![fault]);
    }
}

#[test]
fn a_step_behind_a_cycle_is_not_said_to_be_on_it() {
    let needs = |key: &str| vec![key.to_owned()];
    let plan = Plan {
        overview: String::new(),
        steps: vec![
            step("a", needs("b")),
            step("b", needs("c")),
            step("c", needs("b")),
        ],
    };
    assert_eq!(
        found(&plan),
        vec!["step b depends on itself, directly or through others"]
    );
}
