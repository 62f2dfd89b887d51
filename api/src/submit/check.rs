//! What a submit means, checked whole: every fault is noted, nothing is stored yet.

use std::collections::{BTreeMap, BTreeSet};

use agent_core::budget::Budget;
use agent_core::credential::SecretName;
use agent_core::network::{Network, NetworkMode};
use agent_core::policy::TaskPolicy;
use agent_core::task::Priority;
use bytes::Bytes;
use serde_json::Value;

use super::files;
use super::fingerprint;
use super::granted;
use super::policy;
use super::webhook::{self, WantedWebhook};
use super::{Content, IncomingFile};
use crate::app::App;
use crate::problem::Problem;
use crate::request::fields::{Faults, kind, pointer, wrong_type};
use crate::wire::SubmitRequest;

const METADATA_NAME_BYTES_MAX: usize = 64;
const METADATA_VALUE_BYTES_MAX: usize = 1024;

/// A submit without faults.
#[derive(Debug)]
pub struct Wanted {
    pub goal: String,
    /// Path and content.
    pub files: Vec<(String, Bytes)>,
    pub metadata: BTreeMap<String, String>,
    pub priority: Priority,
    pub budget: Budget,
    pub webhook: Option<WantedWebhook>,
    pub tools: Option<Vec<String>>,
    pub secrets: Vec<SecretName>,
    pub result_schema: Option<Value>,
    pub network: Option<Network>,
    pub policy: TaskPolicy,
    /// Hash of everything that was asked for.
    pub fingerprint: agent_core::blob::BlobHash,
}

/// Checks a submit; `parts` are files that came beside the JSON, `known` the secrets that its tenant has.
pub fn check(
    app: &App,
    mut request: SubmitRequest,
    parts: Vec<IncomingFile>,
    known: &BTreeSet<SecretName>,
    mut faults: Faults,
) -> Result<Wanted, Problem> {
    goal(app, &request.goal, &mut faults);
    metadata(app, &request.metadata, &mut faults);
    let asked = request.budget.unwrap_or_default();
    let budget = asked.over(app.options.default_budget());
    limits(app, &budget, "/budget", &mut faults);
    let webhook = request
        .webhook
        .as_ref()
        .map(|asked| webhook::check(asked, &mut faults));
    tools(app, request.tools.as_deref(), &mut faults);
    let secrets = granted::check(&request.secrets, known, &mut faults);
    result_schema(app, request.result_schema.as_ref(), &mut faults);
    let network = request.network.as_ref().map(Network::from);
    if let Some(wanted) = &network {
        reach(app, wanted, &mut faults);
    }
    let policy = policy::check(request.policy.as_ref(), &mut faults);
    let inline = std::mem::take(&mut request.files);
    let incoming = inline
        .into_iter()
        .enumerate()
        .map(|(index, file)| IncomingFile {
            name: file.name,
            pointer: format!("/files/{index}"),
            content: Content::Base64(file.content_base64),
        })
        .chain(parts)
        .collect();
    let files = files::check(app, incoming, &mut faults);
    faults.into_result()?;
    Ok(Wanted {
        fingerprint: fingerprint::of(&request, &files),
        goal: request.goal,
        files,
        metadata: request.metadata,
        priority: request
            .priority
            .map_or_else(Priority::default, Priority::from),
        budget,
        webhook,
        tools: request.tools,
        secrets,
        result_schema: request.result_schema,
        network,
        policy,
    })
}

/// Whether the operator lets a task reach so far.
fn reach(app: &App, wanted: &Network, faults: &mut Faults) {
    let is_listed = wanted.mode == NetworkMode::AllowList;
    if is_listed == wanted.hosts.is_empty() {
        let complaint = if is_listed {
            "names the hosts that the task may reach; with mode `allow_list` there must be one at least"
        } else {
            "is for mode `allow_list` only"
        };
        faults.add("/network/hosts", complaint);
        return;
    }
    if let Err(refused) = app.parts.networks.check(wanted) {
        let at = refused.host.map_or_else(
            || "/network/mode".to_owned(),
            |at| format!("/network/hosts/{at}"),
        );
        // What is no text at all was said so already.
        if !faults.has(&at) {
            faults.add(at, refused.reason);
        }
    }
}

fn goal(app: &App, goal: &str, faults: &mut Faults) {
    let max = app.options.goal_bytes_max;
    if goal.len() as u64 > max {
        faults.add_oversize(
            "/goal",
            format!(
                "is {} bytes long; at most {max} are allowed (goal_bytes_max)",
                goal.len()
            ),
        );
    } else if goal.trim().is_empty() && !faults.has("/goal") {
        faults.add("/goal", "must not be empty");
    }
}

fn metadata(app: &App, metadata: &BTreeMap<String, String>, faults: &mut Faults) {
    let max = app.options.metadata_entries_max;
    if metadata.len() > max {
        faults.add("/metadata", format!("has more than {max} entries"));
        return;
    }
    for (name, value) in metadata {
        if name.is_empty() || name.len() > METADATA_NAME_BYTES_MAX {
            faults.add(
                pointer("/metadata", name),
                format!("a name has 1 to {METADATA_NAME_BYTES_MAX} bytes"),
            );
        }
        if value.len() > METADATA_VALUE_BYTES_MAX {
            faults.add(
                pointer("/metadata", name),
                format!("a value has at most {METADATA_VALUE_BYTES_MAX} bytes"),
            );
        }
    }
}

/// The limits above the server's ceiling, by name, with that ceiling.
pub fn above_ceiling(app: &App, budget: &Budget) -> Vec<(&'static str, u64)> {
    let ceiling = app.options.budget_ceiling();
    [
        ("model_calls", budget.model_calls, ceiling.model_calls),
        ("tool_calls", budget.tool_calls, ceiling.tool_calls),
        ("tokens", budget.tokens, ceiling.tokens),
        ("wall_ms", budget.wall_ms, ceiling.wall_ms),
    ]
    .into_iter()
    .filter(|(_, asked, max)| asked > max)
    .map(|(name, _, max)| (name, max))
    .collect()
}

fn limits(app: &App, budget: &Budget, at: &str, faults: &mut Faults) {
    for (name, max) in above_ceiling(app, budget) {
        faults.add(
            pointer(at, name),
            format!("this server allows at most {max}"),
        );
    }
    // Without these three a task could not even be planned. No tool calls at all can be meant.
    for (name, asked) in [
        ("model_calls", budget.model_calls),
        ("tokens", budget.tokens),
        ("wall_ms", budget.wall_ms),
    ] {
        if asked == 0 {
            faults.add(pointer(at, name), "must be at least 1");
        }
    }
}

fn tools(app: &App, tools: Option<&[String]>, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for (index, name) in tools.unwrap_or_default().iter().enumerate() {
        let at = format!("/tools/{index}");
        if faults.has(&at) {
            continue;
        }
        let offered: Vec<&str> = app.parts.tools.iter().map(|t| t.name.as_str()).collect();
        if !offered.contains(&name.as_str()) {
            let offered = offered.join(", ");
            faults.add(
                at,
                format!("is not a tool of this server; it has {offered}"),
            );
        } else if !seen.insert(name) {
            faults.add(at, "is named twice");
        }
    }
}

fn result_schema(app: &App, schema: Option<&Value>, faults: &mut Faults) {
    const AT: &str = "/result_schema";
    let Some(schema) = schema else { return };
    if !schema.is_object() {
        wrong_type(AT, "an object", kind(schema), faults);
        return;
    }
    let max = app.options.result_schema_bytes_max;
    if schema.to_string().len() as u64 > max {
        faults.add_oversize(
            AT,
            format!("is longer than {max} bytes (result_schema_bytes_max)"),
        );
        return;
    }
    if let Err(error) = jsonschema::validator_for(schema) {
        let at = format!("{AT}{}", error.instance_path());
        faults.add(
            at,
            format!("is not a usable JSON Schema: {}", error.masked()),
        );
    }
}
