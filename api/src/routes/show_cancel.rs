//! `GET /v1/tasks/{id}/cancel`: the receipt of a cancel, at once or (with `?wait=`) as soon as all is known to be gone.

use std::sync::Arc;
use std::time::Duration;

use agent_core::receipt::{CancelHistory, Receipt};
use agent_core::task::{Task, TaskState};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use tokio::time::Instant;

use crate::app::App;
use crate::caller::{Caller, Watcher};
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::request::query::Query;
use crate::view::ReceiptView;

/// Show the receipt of a cancel.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/cancel",
    tag = "tasks",
    params(
        ("id" = String, Path, description = "The task"),
        ("wait" = Option<u64>, Query, description = "Answer when all that was stopped is known to be gone, but after this many seconds at the latest; 0 if absent"),
    ),
    responses(
        (status = 200, description = "The receipt", body = ReceiptView),
        (status = 400, description = "A bad parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours, or it was not cancelled", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn show_cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<ReceiptView>, Problem> {
    let mut query = Query::of(&uri);
    let wait_s = query.number("wait", 0, app.options.wait_max_s).unwrap_or(0);
    query.finish()?;
    let task = owner::load(&app, &caller.tenant, &id).await?;
    let watcher = (wait_s > 0).then(|| caller.watch(&app)).transpose()?;
    let found = receipt(&app, &task, watcher.as_ref().map(|one| (one, wait_s))).await?;
    let found = found.ok_or_else(|| Problem::not_found("cancel of this task"))?;
    Ok(Json(found))
}

/// The receipt of a task, if it was cancelled. With a wait it comes when all is known to be gone, or after so many seconds.
pub async fn receipt(
    app: &App,
    task: &Task,
    wait: Option<(&Watcher, u64)>,
) -> Result<Option<ReceiptView>, Problem> {
    if task.state != TaskState::Cancelled {
        return Ok(None);
    }
    let until =
        wait.map(|(watcher, wait_s)| (watcher, Instant::now() + Duration::from_secs(wait_s)));
    let mut history = CancelHistory::default();
    loop {
        let Some(receipt) = read(app, task, &mut history).await? else {
            return Ok(None);
        };
        let left = until.map(|(_, until)| until.saturating_duration_since(Instant::now()));
        match (until, left) {
            (Some((watcher, _)), Some(left))
                if !receipt.is_complete()
                    && !left.is_zero()
                    && !app.ending.closing.is_cancelled() =>
            {
                app.task_hint(&task.id, left).await;
                watcher.check(app).await?;
            }
            _ => return Ok(Some(ReceiptView::of(&task.id, receipt))),
        }
    }
}

/// Takes in what is new in the log, and tells the receipt as of now.
async fn read(
    app: &App,
    task: &Task,
    history: &mut CancelHistory,
) -> Result<Option<Receipt>, Problem> {
    let (store, tenant) = (&app.parts.store, &task.tenant);
    // Before the log: what is told leaves the queue in the same commit.
    let queue = store.task_queue(tenant, &task.id).await?;
    loop {
        let page = owner::next_events(app, task, history.after()).await?;
        if page.is_empty() {
            break;
        }
        for event in &page {
            history.push(event);
        }
    }
    let silent_ms = i64::try_from(app.options.worker_silent_ms).unwrap_or(i64::MAX);
    Ok(history.receipt(task, &queue, silent_ms))
}
