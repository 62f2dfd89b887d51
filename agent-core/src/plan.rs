//! Plans: what the planner proposes, and the rules that make a proposal acceptable.
//!
//! A plan is a directed acyclic graph of steps. Validation is pure and names every fault at once, so that one repair
//! round can mend them all.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most steps that one plan may have.
pub const STEPS_MAX: usize = 30;

/// A plan as the planner proposes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// One or two sentences on how the goal will be reached.
    #[serde(default)]
    pub overview: String,
    /// The steps.
    pub steps: Vec<StepSpec>,
}

/// One step as the planner proposes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSpec {
    /// Short name, unique in the task: lower-case letters, digits and hyphens.
    pub key: String,
    /// One line for people.
    pub title: String,
    /// What to do, for a model that sees only this step.
    pub instructions: String,
    /// Keys of the steps whose results and files it needs.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// What must hold when the step is done.
    #[serde(default)]
    pub acceptance: Vec<Criterion>,
}

/// Something that must hold at the end. Those that a machine can check are checked by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum Criterion {
    /// A file of this path is in the workspace and is not empty.
    FileExists {
        /// Path in the workspace.
        path: String,
    },
    /// A file contains this text.
    FileContains {
        /// Path in the workspace.
        path: String,
        /// The text.
        text: String,
    },
    /// A file is valid JSON.
    FileIsJson {
        /// Path in the workspace.
        path: String,
    },
    /// An artifact of this name was published.
    ArtifactPublished {
        /// Its name.
        name: String,
    },
    /// Something only a reader can judge.
    Judged {
        /// The claim.
        text: String,
    },
}

impl Criterion {
    /// The criterion in words.
    pub fn describe(&self) -> String {
        match self {
            Self::FileExists { path } => format!("the file {path} exists and is not empty"),
            Self::FileContains { path, text } => format!("the file {path} contains {text:?}"),
            Self::FileIsJson { path } => format!("the file {path} is valid JSON"),
            Self::ArtifactPublished { name } => format!("the artifact {name} was published"),
            Self::Judged { text } => text.clone(),
        }
    }
}

/// The schema of a plan, as the planner model is given it.
pub fn plan_schema() -> Value {
    let text = json!({"type": "string", "minLength": 1});
    let path = json!({"type": "string", "minLength": 1});
    let criterion = |check: &str, fields: Value, required: Value| {
        let mut properties = json!({"check": {"const": check}});
        if let (Value::Object(all), Value::Object(more)) = (&mut properties, fields) {
            all.extend(more);
        }
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    };
    let criteria = json!({"anyOf": [
        criterion("file_exists", json!({"path": path}), json!(["check", "path"])),
        criterion("file_contains", json!({"path": path, "text": text}), json!(["check", "path", "text"])),
        criterion("file_is_json", json!({"path": path}), json!(["check", "path"])),
        criterion("artifact_published", json!({"name": text}), json!(["check", "name"])),
        criterion("judged", json!({"text": text}), json!(["check", "text"])),
    ]});
    json!({
        "type": "object",
        "properties": {
            "overview": {"type": "string"},
            "steps": {"type": "array", "minItems": 1, "maxItems": STEPS_MAX, "items": {
                "type": "object",
                "properties": {
                    "key": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,39}$"},
                    "title": text,
                    "instructions": text,
                    "depends_on": {"type": "array", "items": {"type": "string"}},
                    "acceptance": {"type": "array", "maxItems": 12, "items": criteria},
                },
                "required": ["key", "title", "instructions", "depends_on", "acceptance"],
                "additionalProperties": false,
            }},
        },
        "required": ["overview", "steps"],
        "additionalProperties": false,
    })
}

/// Every fault of a plan, in words that a model can act on; empty means that it is acceptable.
///
/// `done` holds the keys of earlier steps that succeeded (a new plan may depend on them) and `taken` all keys used so
/// far in the task (a new plan may not use them again).
pub fn faults(plan: &Plan, done: &BTreeSet<String>, taken: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    if plan.steps.is_empty() || plan.steps.len() > STEPS_MAX {
        found.push(format!(
            "a plan has 1 to {STEPS_MAX} steps, this one has {}",
            plan.steps.len()
        ));
    }
    let mut keys = BTreeSet::new();
    for step in &plan.steps {
        if !is_key(&step.key) {
            found.push(format!(
                "step key {:?} must be 1 to 40 lower-case letters, digits and hyphens",
                step.key
            ));
        }
        if step.instructions.trim().is_empty() {
            found.push(format!("step {} has no instructions", step.key));
        }
        if !keys.insert(step.key.clone()) {
            found.push(format!("step key {} is used twice", step.key));
        }
        if taken.contains(&step.key) {
            found.push(format!(
                "step key {} was used by an earlier plan; choose another",
                step.key
            ));
        }
    }
    for step in &plan.steps {
        for needed in &step.depends_on {
            if !keys.contains(needed) && !done.contains(needed) {
                found.push(format!(
                    "step {} depends on {needed}, which is not in the plan",
                    step.key
                ));
            }
        }
    }
    if let Some(key) = on_cycle(plan) {
        found.push(format!(
            "step {key} depends on itself, directly or through others"
        ));
    }
    found
}

fn is_key(key: &str) -> bool {
    let known = key
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    known && !key.is_empty() && key.len() <= 40 && !key.starts_with('-')
}

/// A step that can never start because it waits for itself, if there is one.
fn on_cycle(plan: &Plan) -> Option<&str> {
    let own: BTreeSet<&str> = plan.steps.iter().map(|step| step.key.as_str()).collect();
    let mut open: BTreeMap<&str, BTreeSet<&str>> = plan
        .steps
        .iter()
        .map(|step| {
            let needs = step
                .depends_on
                .iter()
                .map(String::as_str)
                .filter(|need| own.contains(need));
            (step.key.as_str(), needs.collect())
        })
        .collect();
    loop {
        let free: Vec<&str> = open
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(key, _)| *key)
            .collect();
        if free.is_empty() {
            return walk_into_cycle(&open);
        }
        for key in &free {
            open.remove(key);
        }
        for needs in open.values_mut() {
            needs.retain(|need| !free.contains(need));
        }
    }
}

/// Every step in `open` needs another one in it, so whoever follows the needs for long enough goes round a cycle. The
/// step where one begins may only lie behind it.
fn walk_into_cycle<'a>(open: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<&'a str> {
    let mut at = *open.keys().next()?;
    for _ in 0..open.len() {
        at = open.get(at)?.first()?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(key: &str, depends_on: &[&str]) -> StepSpec {
        StepSpec {
            key: key.to_owned(),
            title: key.to_owned(),
            instructions: "do it".to_owned(),
            depends_on: depends_on.iter().map(|&need| need.to_owned()).collect(),
            acceptance: Vec::new(),
        }
    }

    fn faults_of(steps: Vec<StepSpec>) -> Vec<String> {
        faults(
            &Plan {
                overview: String::new(),
                steps,
            },
            &BTreeSet::new(),
            &BTreeSet::new(),
        )
    }

    #[test]
    fn a_diamond_is_acceptable() {
        assert_eq!(
            faults_of(vec![
                step("a", &[]),
                step("b", &["a"]),
                step("c", &["a"]),
                step("d", &["b", "c"])
            ]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let found = faults_of(vec![
            step("a", &["b"]),
            step("b", &["a"]),
            step("c", &["z"]),
            step("c", &[]),
            step("No", &[]),
        ]);
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn a_new_plan_may_lean_on_finished_steps_but_not_reuse_their_names() {
        let done = BTreeSet::from(["old".to_owned()]);
        let plan = Plan {
            overview: String::new(),
            steps: vec![step("new", &["old"]), step("old", &[])],
        };
        assert_eq!(
            faults(&plan, &done, &done),
            vec!["step key old was used by an earlier plan; choose another"]
        );
    }
}
