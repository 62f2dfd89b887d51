//! `GET /v1/tasks/{id}`: a task as it is, or (with `?wait=`) as soon as it has ended or needs a person.

use std::sync::Arc;
use std::time::Duration;

use agent_core::task::Task;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use tokio::time::Instant;

use crate::app::App;
use crate::caller::{Caller, Watcher};
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::request::query::Query;
use crate::view::{self, TaskView};

/// Show a task.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}",
    tag = "tasks",
    params(
        ("id" = String, Path, description = "The task"),
        ("wait" = Option<u64>, Query, description = "Answer when the task has ended or waits for a person, but after this many seconds at the latest"),
    ),
    responses(
        (status = 200, description = "The task", body = TaskView),
        (status = 400, description = "A bad parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn show_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<TaskView>, Problem> {
    let mut query = Query::of(&uri);
    let wait_s = query.number("wait", 0, app.options.wait_max_s);
    query.finish()?;
    let task = owner::load(&app, &caller.tenant, &id).await?;
    let task = match wait_s {
        None | Some(0) => task,
        Some(_) if settled(&task) => task,
        Some(wait_s) => wait(&app, &caller.watch(&app)?, task, wait_s).await?,
    };
    Ok(Json(view::full(&app, &task).await?))
}

/// Whether waiting any longer is of no use to the caller.
fn settled(task: &Task) -> bool {
    let needs_a_person = |waiting: &agent_core::task::Waiting| waiting.kind.needs_a_person();
    task.state.is_final() || task.waiting.as_ref().is_some_and(needs_a_person)
}

async fn wait(app: &App, watcher: &Watcher, mut task: Task, wait_s: u64) -> Result<Task, Problem> {
    let deadline = Instant::now() + Duration::from_secs(wait_s);
    while !settled(&task) && !app.ending.closing.is_cancelled() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        app.task_hint(&task.id, left).await;
        watcher.check(app).await?;
        task = owner::load(app, &watcher.tenant, task.id.as_str()).await?;
    }
    Ok(task)
}
