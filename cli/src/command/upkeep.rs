//! `errand why` and `errand dead`: what is stuck and why, and how it goes on.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::args::{DeadAction, DeadFilter, ListDead, Requeue};
use crate::client::{Client, printable};

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn rows<'a>(view: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let rows = view.get(name).and_then(Value::as_array);
    rows.into_iter().flatten()
}

/// Says why a task is where it is.
pub async fn why(client: &Client, task: &str, as_json: bool) -> Result<()> {
    let view = client.get(&format!("/v1/tasks/{task}/why")).await?;
    if as_json {
        println!("{view}");
        return Ok(());
    }
    println!("{} is {}", text(&view, "task"), text(&view, "state"));
    for reason in rows(&view, "reasons") {
        // Reasons can hold what a model wrote.
        println!("- {}", printable(text(reason, "explanation")));
        println!("    to do: {}", printable(text(reason, "advice")));
    }
    if rows(&view, "reasons").next().is_none() {
        println!("nothing is open");
    }
    Ok(())
}

/// Lists what was set aside, or lets it go on.
pub async fn dead(client: &Client, action: &DeadAction) -> Result<()> {
    match action {
        DeadAction::List(asked) => list(client, asked).await,
        DeadAction::Requeue(asked) => requeue(client, asked).await,
    }
}

async fn list(client: &Client, asked: &ListDead) -> Result<()> {
    let (filter, limit) = (&asked.filter, asked.limit);
    let kind = filter.kind.as_ref().map(|kind| format!("&kind={kind}"));
    let before = filter.before_ms.map(|ms| format!("&before_ms={ms}"));
    let path = format!(
        "/v1/dead?limit={limit}{}{}",
        kind.unwrap_or_default(),
        before.unwrap_or_default()
    );
    let page = client.get(&path).await?;
    if asked.target.json {
        println!("{page}");
        return Ok(());
    }
    for line in dead_lines(&page) {
        println!("{line}");
    }
    let last = rows(&page, "data").last();
    let since_ms = last.and_then(|last| last.get("since_ms")?.as_i64());
    let is_cut = page.get("next").is_some_and(Value::is_string);
    if let Some(since_ms) = since_ms.filter(|_| is_cut) {
        eprintln!("there are more: take a larger --limit, or go on with --before-ms {since_ms}");
    }
    Ok(())
}

fn dead_lines(page: &Value) -> Vec<String> {
    let letters = rows(page, "data").map(|letter| {
        format!(
            "{}  {:<10}  {}  {}\n    {}",
            text(letter, "id"),
            text(letter, "kind"),
            text(letter, "since"),
            text(letter, "task"),
            text(letter, "reason")
        )
    });
    let lines: Vec<String> = letters.collect();
    if lines.is_empty() {
        return vec!["no dead letters".to_owned()];
    }
    lines
}

/// Lets one go on, or all that fit.
async fn requeue(client: &Client, asked: &Requeue) -> Result<()> {
    let filter = &asked.filter;
    let answers = match &asked.id {
        Some(_) if filter.kind.is_some() || filter.before_ms.is_some() => {
            bail!("--kind and --before-ms go with --all, not with an id")
        }
        Some(id) => {
            let path = format!("/v1/dead/{id}/requeue");
            vec![client.post(&path, &json!({}), None).await?]
        }
        None if asked.all => requeue_all(client, filter).await?,
        None => bail!("name one, or say --all"),
    };
    let ids: Vec<&Value> = answers
        .iter()
        .flat_map(|one| rows(one, "requeued"))
        .collect();
    if asked.target.json {
        println!("{}", json!({ "requeued": ids }));
        return Ok(());
    }
    for id in &ids {
        println!("{}", id.as_str().unwrap_or_default());
    }
    if ids.is_empty() {
        println!("nothing was set aside");
    }
    Ok(())
}

async fn requeue_all(client: &Client, filter: &DeadFilter) -> Result<Vec<Value>> {
    let body = json!({ "kind": filter.kind, "before_ms": filter.before_ms });
    let mut answers = Vec::new();
    loop {
        let answer = client.post("/v1/dead/requeue", &body, None).await?;
        let more = answer.get("more").and_then(Value::as_bool) == Some(true);
        // A round that moves nothing would go on for ever.
        let moved = rows(&answer, "requeued").next().is_some();
        answers.push(answer);
        if !more || !moved {
            return Ok(answers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(dead_lines(&json!({"data": []})), ["no dead letters"]);
        let one = json!({"data": [{"id": "job_1", "kind": "job", "since": "now", "task": "task_1",
            "reason": "it kills"}]});
        assert_eq!(
            dead_lines(&one),
            ["job_1  job         now  task_1\n    it kills"]
        );
    }
}
