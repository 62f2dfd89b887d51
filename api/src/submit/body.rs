//! The JSON body of a submit, read field by field. Only shapes are checked here; `check` looks at what is meant.

use std::collections::BTreeMap;

use agent_core::network::NetworkMode;
use agent_core::task::Priority;
use serde_json::Value;

use super::policy;
use crate::request::fields::{Faults, Fields, kind, pointer, wrong_type};
use crate::request::json::refuse_nul;
use crate::view::{NetworkView, PriorityName};
use crate::wire::{BudgetRequest, FileRequest, SubmitRequest, WebhookRequest};

/// Reads a submit. What has a fault is left out of the answer, which is of use only when there are none.
pub fn read(value: Value, faults: &mut Faults) -> SubmitRequest {
    refuse_nul(&value, "", faults);
    let Some(mut fields) = Fields::of(value, "", faults) else {
        return SubmitRequest::default();
    };
    let request = SubmitRequest {
        goal: fields.required_text("goal", faults).unwrap_or_default(),
        files: files(&mut fields, faults),
        metadata: metadata(&mut fields, faults),
        priority: priority(&mut fields, faults),
        budget: fields
            .take("budget")
            .and_then(|value| budget(value, "/budget", faults)),
        webhook: fields
            .take("webhook")
            .and_then(|value| webhook(value, faults)),
        tools: texts("tools", &mut fields, faults),
        secrets: texts("secrets", &mut fields, faults).unwrap_or_default(),
        result_schema: fields.take("result_schema"),
        network: network(&mut fields, faults),
        policy: policy::read(&mut fields, faults),
    };
    fields.finish(faults);
    request
}

fn network(fields: &mut Fields, faults: &mut Faults) -> Option<NetworkView> {
    let mut network = Fields::of(fields.take("network")?, "/network", faults)?;
    let mode = network.required_text("mode", faults);
    let mode = mode.and_then(|name| {
        let known = NetworkMode::from_label(&name);
        if known.is_none() {
            let labels = NetworkMode::ALL.map(NetworkMode::label).join(", ");
            faults.add("/network/mode", format!("must be one of {labels}"));
        }
        known
    });
    let hosts = texts("hosts", &mut network, faults);
    network.finish(faults);
    Some(NetworkView {
        mode: mode?.into(),
        hosts: hosts.unwrap_or_default(),
    })
}

fn files(fields: &mut Fields, faults: &mut Faults) -> Vec<FileRequest> {
    let items = fields.list("files", faults).unwrap_or_default();
    let mut files = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let Some(mut file) = Fields::of(item, &format!("/files/{index}"), faults) else {
            continue;
        };
        let name = file.required_text("name", faults);
        let content_base64 = file.required_text("content_base64", faults);
        file.finish(faults);
        // The place in the list is kept even for a file with faults, so that pointers stay right.
        files.push(FileRequest {
            name: name.unwrap_or_default(),
            content_base64: content_base64.unwrap_or_default(),
        });
    }
    files
}

fn metadata(fields: &mut Fields, faults: &mut Faults) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    let Some(value) = fields.take("metadata") else {
        return metadata;
    };
    let found = kind(&value);
    let Value::Object(members) = value else {
        wrong_type("/metadata", "an object of strings", found, faults);
        return metadata;
    };
    for (name, value) in members {
        let found = kind(&value);
        if let Value::String(text) = value {
            metadata.insert(name, text);
        } else {
            wrong_type(&pointer("/metadata", &name), "a string", found, faults);
        }
    }
    metadata
}

fn priority(fields: &mut Fields, faults: &mut Faults) -> Option<PriorityName> {
    let label = fields.text("priority", faults)?;
    let known = Priority::from_label(&label);
    if known.is_none() {
        let labels = Priority::ALL.map(Priority::label).join(", ");
        faults.add("/priority", format!("must be one of: {labels}"));
    }
    known.map(PriorityName::from)
}

/// Reads an object of limits.
pub fn budget(value: Value, at: &str, faults: &mut Faults) -> Option<BudgetRequest> {
    let mut fields = Fields::of(value, at, faults)?;
    let budget = BudgetRequest {
        model_calls: fields.count("model_calls", faults),
        tool_calls: fields.count("tool_calls", faults),
        tokens: fields.count("tokens", faults),
        wall_ms: fields.count("wall_ms", faults),
    };
    fields.finish(faults);
    Some(budget)
}

fn webhook(value: Value, faults: &mut Faults) -> Option<WebhookRequest> {
    let mut fields = Fields::of(value, "/webhook", faults)?;
    let url = fields.required_text("url", faults);
    let secret = fields.text("secret", faults);
    fields.finish(faults);
    Some(WebhookRequest { url: url?, secret })
}

/// Reads a list of strings.
pub fn texts(name: &'static str, fields: &mut Fields, faults: &mut Faults) -> Option<Vec<String>> {
    let items = fields.list(name, faults)?;
    let mut texts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let found = kind(&item);
        // The place in the list is kept, so that pointers stay right.
        texts.push(if let Value::String(text) = item {
            text
        } else {
            wrong_type(
                &format!("{}/{index}", fields.at(name)),
                "a string",
                found,
                faults,
            );
            String::new()
        });
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::view::{ApprovalsName, FilesFromName, NetworkModeName, PolicyView};

    #[test]
    fn everything_that_the_wire_type_can_say_is_read_back_the_same() {
        let full = SubmitRequest {
            goal: "g".to_owned(),
            files: vec![FileRequest {
                name: "a".to_owned(),
                content_base64: "YQ==".to_owned(),
            }],
            metadata: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            priority: Some(PriorityName::Low),
            budget: Some(BudgetRequest {
                model_calls: Some(1),
                tool_calls: Some(2),
                tokens: Some(3),
                wall_ms: Some(4),
            }),
            webhook: Some(WebhookRequest {
                url: "https://example.com".to_owned(),
                secret: Some("whsec_x".to_owned()),
            }),
            tools: Some(vec!["shell".to_owned()]),
            secrets: vec!["github".to_owned()],
            result_schema: Some(json!({"type": "object"})),
            network: Some(NetworkView {
                mode: NetworkModeName::AllowList,
                hosts: vec!["pypi.org".to_owned()],
            }),
            policy: Some(PolicyView {
                files: Some(FilesFromName::User),
                approvals: Some(ApprovalsName::Deny),
                send_to: vec!["api.example.com".to_owned()],
            }),
        };
        let mut faults = Faults::default();
        let value = serde_json::to_value(&full).unwrap_or_default();
        assert_eq!(read(value, &mut faults), full);
        assert_eq!(faults.into_result(), Ok(()));
    }
}
