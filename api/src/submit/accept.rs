//! Accepting a checked submit: blobs first, then the task, its first event and its plan job in one commit.
//!
//! A crash before the commit leaves blobs that nothing names, which the store sweeps; a crash after it leaves an
//! accepted task whose submitter has no answer, and an idempotency key makes asking again harmless.

use agent_core::blob::BlobRef;
use agent_core::delivery::NewWebhook;
use agent_core::event::{NewEvent, TaskSubmitted};
use agent_core::id::{JobId, TaskId, TenantId, WebhookId};
use agent_core::job::{JobKind, NewJob};
use agent_core::journal;
use agent_core::ports::store::{Idempotency, NewTask, Submitted};
use agent_core::secret::Secret;
use agent_core::task::{Attachment, Priority, TaskSpec};
use agent_core::workspace::{Entry, Manifest};
use axum::http::StatusCode;
use bytes::Bytes;

use super::check::Wanted;
use super::secret;
use super::webhook::WantedWebhook;
use crate::app::App;
use crate::problem::{Code, Problem};

const TITLE_CHARS_MAX: usize = 200;

/// What became of a submit.
#[derive(Debug)]
pub enum Accepted {
    /// A new task, and the webhook secret if one was made here.
    Created(TaskId, Option<Secret>),
    /// The task of an earlier submit with the same key.
    Replayed(TaskId),
}

/// Stores what the submit names and commits the task.
pub async fn accept(
    app: &App,
    tenant: &TenantId,
    wanted: Wanted,
    key: Option<String>,
) -> Result<Accepted, Problem> {
    let entropy = app.parts.entropy.as_ref();
    let task = TaskId::new(entropy);
    let idempotency = key.map(|key| Idempotency {
        key,
        request: wanted.fingerprint.clone(),
    });
    let (webhook, made) = match &wanted.webhook {
        Some(asked) => seal(app, asked),
        None => (None, None),
    };
    let mut new = new_task(app, tenant, task.clone(), wanted).await?;
    new.webhook = webhook;
    new.idempotency = idempotency;
    match app.parts.store.submit(new).await? {
        Submitted::Created => Ok(Accepted::Created(task, made)),
        Submitted::Replayed(earlier) => Ok(Accepted::Replayed(earlier)),
        Submitted::Mismatch => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            Code::IdempotencyMismatch,
            "this Idempotency-Key was used before with another request; use a new key for a new task",
        )),
    }
}

/// The webhook to be stored, and its secret if it was made here.
fn seal(app: &App, asked: &WantedWebhook) -> (Option<NewWebhook>, Option<Secret>) {
    let entropy = app.parts.entropy.as_ref();
    let id = WebhookId::new(entropy);
    let made = asked.secret.is_none().then(|| secret::new(entropy));
    let secret = asked.secret.as_ref().or(made.as_ref());
    let sealed = secret.map(|secret| app.parts.sealer.seal(secret, id.as_str()));
    let webhook = sealed.map(|secret| NewWebhook {
        id,
        url: asked.url.clone(),
        secret,
    });
    (webhook, made)
}

async fn new_task(
    app: &App,
    tenant: &TenantId,
    id: TaskId,
    wanted: Wanted,
) -> Result<NewTask, Problem> {
    let blobs = app.parts.blobs.as_ref();
    let title = title_of(&wanted.goal);
    let mut named = Vec::new();
    let files = put_files(app, tenant, wanted.files, &mut named).await?;
    let manifest = manifest_of(&files).to_json();
    let snapshot = blobs.put(tenant, manifest.into_bytes()).await?;
    named.push(snapshot.clone());
    let spec = TaskSpec {
        goal: wanted.goal,
        files,
        tools: wanted.tools,
        secrets: wanted.secrets,
        result_schema: wanted.result_schema,
        network: wanted.network,
        policy: wanted.policy,
        snapshot: snapshot.hash,
    };
    let text = serde_json::to_string(&spec).map_err(|error| {
        tracing::error!(%error, "a task's specification does not serialise");
        Problem::internal()
    })?;
    let event = NewEvent::of_task(TaskSubmitted {
        title: title.clone(),
        file_names: spec.files.iter().map(|file| file.name.clone()).collect(),
        budget: wanted.budget,
        spec,
    });
    let spec = journal::store_text(blobs, tenant, text).await?;
    let event = journal::prepare(blobs, tenant, &event).await?;
    named.extend(spec.blob().cloned());
    named.extend(journal::named_blobs(std::slice::from_ref(&event)));
    Ok(NewTask {
        id,
        tenant: tenant.clone(),
        engine: app.options.engine,
        title,
        metadata: wanted.metadata,
        priority: wanted.priority,
        spec,
        budget: wanted.budget,
        webhook: None,
        idempotency: None,
        event,
        job: plan_job(app, wanted.priority),
        blobs: named,
    })
}

fn plan_job(app: &App, priority: Priority) -> NewJob {
    NewJob {
        id: JobId::new(app.parts.entropy.as_ref()),
        kind: JobKind::Plan,
        step: None,
        delivery: None,
        priority,
        delay_ms: 0,
    }
}

async fn put_files(
    app: &App,
    tenant: &TenantId,
    files: Vec<(String, Bytes)>,
    named: &mut Vec<BlobRef>,
) -> Result<Vec<Attachment>, Problem> {
    let mut attachments = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        let blob = app.parts.blobs.put(tenant, Vec::from(bytes)).await?;
        named.push(blob.clone());
        attachments.push(Attachment { name, blob });
    }
    Ok(attachments)
}

fn manifest_of(files: &[Attachment]) -> Manifest {
    let entry = |file: &Attachment| Entry {
        blob: file.blob.clone(),
        executable: false,
    };
    Manifest(
        files
            .iter()
            .map(|file| (file.name.clone(), entry(file)))
            .collect(),
    )
}

/// The first line of the goal that says something.
fn title_of(goal: &str) -> String {
    let line = goal.lines().map(str::trim).find(|line| !line.is_empty());
    let plain = line.unwrap_or_default().chars().filter(|c| !c.is_control());
    plain.take(TITLE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_is_the_first_line_that_says_something() {
        assert_eq!(title_of("\n  \n  Count \twords \nand more"), "Count words");
        assert_eq!(title_of(&"é".repeat(300)).chars().count(), 200);
    }
}
