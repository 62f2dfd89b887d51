//! `errand submit`: hand a goal over and go, or stay and watch.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::watch::{Until, watch};
use crate::args::{BudgetFlags, Submit};
use crate::client::Client;

/// Submits a goal. With `--wait` the exit status says how the task ended, or that it waits for a person.
pub async fn submit(client: &Client, args: &Submit) -> Result<u8> {
    let body = body(args)?;
    let accepted = client
        .post("/v1/tasks", &body, args.idempotency_key.clone())
        .await?;
    let id = accepted
        .get("id")
        .and_then(Value::as_str)
        .context("the server named no task")?
        .to_owned();
    if args.target.json {
        println!("{accepted}");
    } else {
        println!("{id}");
        if let Some(secret) = accepted.pointer("/webhook/secret").and_then(Value::as_str) {
            println!("webhook secret, shown once: {secret}");
        }
        if !args.wait {
            eprintln!("follow it with: errand watch {id}");
        }
    }
    if args.wait {
        watch(client, &id, args.target.json, Until::Person).await
    } else {
        Ok(0)
    }
}

fn body(args: &Submit) -> Result<Value> {
    let mut body = json!({ "goal": goal(&args.goal)? });
    if !args.files.is_empty() {
        let files: Result<Vec<Value>> = args.files.iter().map(|named| file(named)).collect();
        body["files"] = Value::from(files?);
    }
    if let Some(url) = &args.webhook {
        body["webhook"] = json!({ "url": url });
        if let Some(secret) = &args.webhook_secret {
            body["webhook"]["secret"] = Value::from(secret.as_str());
        }
    } else if args.webhook_secret.is_some() {
        bail!("--webhook-secret needs --webhook");
    }
    if !args.tools.is_empty() {
        body["tools"] = json!(args.tools);
    }
    if !args.secrets.is_empty() {
        body["secrets"] = json!(args.secrets);
    }
    if let Some(network) = args.network.wanted()? {
        body["network"] = json!(network);
    }
    if let Some(policy) = args.policy.wanted() {
        body["policy"] = policy;
    }
    if !args.labels.is_empty() {
        body["metadata"] = Value::Object(labels(&args.labels)?);
    }
    if let Some(priority) = &args.priority {
        body["priority"] = Value::from(priority.as_str());
    }
    if let Some(path) = &args.result_schema {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read {}", path.display()))?;
        body["result_schema"] = serde_json::from_str(&text)
            .with_context(|| format!("{} is not JSON", path.display()))?;
    }
    let budget = budget(&args.budget);
    if budget.as_object().is_some_and(|limits| !limits.is_empty()) {
        body["budget"] = budget;
    }
    Ok(body)
}

fn goal(given: &str) -> Result<String> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context("could not read the goal from standard input")?;
    Ok(text)
}

/// The limits that were named, as the API spells them.
pub fn budget(flags: &BudgetFlags) -> Value {
    let named = [
        ("model_calls", flags.model_calls),
        ("tool_calls", flags.tool_calls),
        ("tokens", flags.tokens),
        (
            "wall_ms",
            flags.minutes.map(|minutes| minutes.saturating_mul(60_000)),
        ),
    ];
    Value::Object(
        named
            .into_iter()
            .filter_map(|(name, limit)| Some((name.to_owned(), Value::from(limit?))))
            .collect(),
    )
}

fn file(named: &str) -> Result<Value> {
    let (name, path) = match named.split_once('=') {
        Some((name, path)) if !Path::new(named).exists() => (name.to_owned(), path),
        Some(_) | None => {
            let name = Path::new(named)
                .file_name()
                .with_context(|| format!("{named} has no file name"))?;
            (name.to_string_lossy().into_owned(), named)
        }
    };
    let bytes = std::fs::read(path).with_context(|| format!("could not read {path}"))?;
    Ok(json!({ "name": name, "content_base64": STANDARD.encode(bytes) }))
}

fn labels(given: &[String]) -> Result<Map<String, Value>> {
    let pair = |label: &String| match label.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), Value::from(value))),
        None => bail!("a label is KEY=VALUE, not {label:?}"),
    };
    given.iter().map(pair).collect()
}
