//! What a submit says about consent: read field by field, and checked.

use agent_core::credential::HostPattern;
use agent_core::policy::{Approvals, FilesFrom, TaskPolicy};

use super::body::texts;
use crate::request::fields::{Faults, Fields};
use crate::view::PolicyView;

/// Most hosts that may be sent to without asking.
const SEND_TO_MAX: usize = 100;

/// Reads the object of a submit.
pub fn read(fields: &mut Fields, faults: &mut Faults) -> Option<PolicyView> {
    let mut policy = Fields::of(fields.take("policy")?, "/policy", faults)?;
    let files = named("files", FilesFrom::from_label, &mut policy, faults, || {
        FilesFrom::ALL.map(FilesFrom::label).join(", ")
    });
    let approvals = named(
        "approvals",
        Approvals::from_label,
        &mut policy,
        faults,
        || Approvals::ALL.map(Approvals::label).join(", "),
    );
    let send_to = texts("send_to", &mut policy, faults).unwrap_or_default();
    policy.finish(faults);
    Some(PolicyView {
        files: files.map(Into::into),
        approvals: approvals.map(Into::into),
        send_to,
    })
}

fn named<T>(
    name: &'static str,
    known: impl Fn(&str) -> Option<T>,
    fields: &mut Fields,
    faults: &mut Faults,
    all: impl Fn() -> String,
) -> Option<T> {
    let text = fields.text(name, faults)?;
    let found = known(&text);
    if found.is_none() {
        faults.add(fields.at(name), format!("must be one of {}", all()));
    }
    found
}

/// Checks what was asked for. The answer is of use only when no fault was noted.
pub fn check(asked: Option<&PolicyView>, faults: &mut Faults) -> TaskPolicy {
    let Some(asked) = asked else {
        return TaskPolicy::default();
    };
    if asked.send_to.len() > SEND_TO_MAX {
        faults.add(
            "/policy/send_to",
            format!("has more than {SEND_TO_MAX} entries"),
        );
    }
    let mut send_to = Vec::new();
    for (index, text) in asked.send_to.iter().enumerate() {
        let at = format!("/policy/send_to/{index}");
        match text.parse::<HostPattern>() {
            Ok(pattern) => send_to.push(pattern),
            Err(_) if faults.has(&at) => {}
            Err(error) => faults.add(at, error.to_string()),
        }
    }
    TaskPolicy {
        files: asked.files.map(FilesFrom::from).unwrap_or_default(),
        approvals: asked.approvals.map(Approvals::from),
        send_to,
    }
}
