//! `GET /v1/tasks/{id}/why`: for each open thing of a task who holds it, what it waits for, and what to do.

use std::sync::Arc;

use agent_core::explain::explain;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;

use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::request::query::Query;
use crate::view::{ReasonView, WhyView};
use agent_core::delivery::rfc3339;

/// Say why a task is where it is.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/why",
    tag = "tasks",
    params(("id" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "What is open, and why", body = WhyView),
        (status = 400, description = "A bad parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn explain_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<WhyView>, Problem> {
    Query::of(&uri).finish()?;
    let id = owner::id_of(&id)?;
    // The task may move between the two reads; the older of them must not make up a job that is missing.
    let queue = app.parts.store.task_queue(&caller.tenant, &id).await?;
    let task = owner::find(&app, &caller.tenant, &id).await?;
    let silent_ms = i64::try_from(app.options.worker_silent_ms).unwrap_or(i64::MAX);
    let reasons = explain(&task, &queue, silent_ms);
    let heard = queue.heartbeat_at_ms;
    Ok(Json(WhyView {
        task: task.id.to_string(),
        state: task.state.into(),
        at: rfc3339(queue.read_at_ms),
        at_ms: queue.read_at_ms,
        heartbeat_age_ms: heard.map(|at_ms| queue.read_at_ms.saturating_sub(at_ms).max(0)),
        reasons: reasons.into_iter().map(ReasonView::from).collect(),
    }))
}
