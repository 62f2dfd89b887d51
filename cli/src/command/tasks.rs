//! `errand status`, `list`, `cancel`, `budget` and `decide`.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::submit::budget;
use super::watch::print_outcome;
use crate::args::BudgetFlags;
use crate::client::{Client, printable_line, receipt_lines, task_lines};

/// Shows one task.
pub async fn status(client: &Client, task: &str, as_json: bool) -> Result<()> {
    show(&client.get(&format!("/v1/tasks/{task}")).await?, as_json);
    Ok(())
}

fn show(view: &Value, as_json: bool) {
    if as_json {
        println!("{view}");
        return;
    }
    for line in task_lines(view, None) {
        println!("{line}");
    }
    print_outcome(view);
}

/// Lists tasks, newest first.
pub async fn list(client: &Client, state: Option<&str>, limit: u32, as_json: bool) -> Result<()> {
    let filter = state
        .map(|state| format!("&state={state}"))
        .unwrap_or_default();
    let page = client
        .get(&format!("/v1/tasks?limit={limit}{filter}"))
        .await?;
    if as_json {
        println!("{page}");
        return Ok(());
    }
    for task in page
        .get("data")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |name: &str| task.get(name).and_then(Value::as_str).unwrap_or_default();
        let line = format!(
            "{}  {:<9}  {}  {}",
            text("id"),
            text("state"),
            text("created_at"),
            text("title")
        );
        println!("{}", printable_line(&line));
    }
    Ok(())
}

/// Cancels a task, and shows the receipt.
pub async fn cancel(
    client: &Client,
    task: &str,
    (reason, wait_s): (Option<&str>, Option<u64>),
    as_json: bool,
) -> Result<()> {
    let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    let wait = wait_s.map(|wait_s| format!("?wait={wait_s}"));
    let path = format!("/v1/tasks/{task}/cancel{}", wait.unwrap_or_default());
    let view = client.post(&path, &body, None).await?;
    show(&view, as_json);
    if let Some(receipt) = view
        .get("cancel")
        .filter(|found| found.is_object() && !as_json)
    {
        println!();
        for line in receipt_lines(receipt) {
            println!("{line}");
        }
    }
    Ok(())
}

/// Raises a task's budget.
pub async fn raise_budget(
    client: &Client,
    task: &str,
    flags: &BudgetFlags,
    as_json: bool,
) -> Result<()> {
    let limits = budget(flags);
    if limits.as_object().is_none_or(serde_json::Map::is_empty) {
        bail!("name at least one limit, such as --budget-model-calls 400");
    }
    show(
        &client
            .post(&format!("/v1/tasks/{task}/budget"), &limits, None)
            .await?,
        as_json,
    );
    Ok(())
}

/// What is decided, as the API takes it.
pub fn decision(decision: &str, note: Option<&str>) -> Value {
    let mut body = json!({ "decision": decision });
    if let Some(note) = note {
        body["note"] = Value::from(note);
    }
    body
}

/// Says what became of a call whose outcome is unknown, or whether one that was held is made.
pub async fn decide(
    client: &Client,
    (task, call): (&str, &str),
    decision: &Value,
    as_json: bool,
) -> Result<()> {
    let path = format!("/v1/tasks/{task}/calls/{call}/decision");
    show(&client.post(&path, decision, None).await?, as_json);
    Ok(())
}
