//! `GET /v1/tasks`: the caller's tasks, newest first, in pages.

use std::sync::Arc;

use agent_core::ports::store::TaskQuery;
use agent_core::task::TaskState;
use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use crate::app::App;
use crate::caller::Caller;
use crate::cursor;
use crate::problem::{Problem, ProblemBody};
use crate::request::query::Query;
use crate::view::{self, Page, TaskStateName, TaskSummary};

/// List tasks, newest first.
#[utoipa::path(
    get,
    path = "/v1/tasks",
    tag = "tasks",
    params(
        ("state" = Option<TaskStateName>, Query, description = "Only tasks in this state"),
        ("limit" = Option<u32>, Query, description = "Most rows of the page"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<TaskSummary>),
        (status = 400, description = "A bad parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn list_tasks(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Page<TaskSummary>>, Problem> {
    let mut query = read_query(&app, &uri)?;
    let rows = query.limit;
    // One row more than the page tells whether there is another page.
    query.limit = rows.saturating_add(1);
    let mut tasks = app.parts.store.list_tasks(&caller.tenant, &query).await?;
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let more = tasks.len() > rows;
    tasks.truncate(rows);
    let next = tasks
        .last()
        .filter(|_| more)
        .map(|last| cursor::after(&last.id));
    let data = tasks.iter().map(view::summary).collect();
    Ok(Json(Page { data, next }))
}

fn read_query(app: &App, uri: &Uri) -> Result<TaskQuery, Problem> {
    let mut query = Query::of(uri);
    let states = TaskState::ALL.map(TaskState::label).join(", ");
    let wanted = format!("one of {states}");
    let state = query.take("state", &wanted, TaskState::from_label);
    let max = u64::from(app.options.page_rows_max);
    let limit = query.number("limit", 1, max);
    let before = query.take("cursor", "the next of an earlier page", cursor::read);
    query.finish()?;
    let limit = limit.and_then(|rows| u32::try_from(rows).ok());
    Ok(TaskQuery {
        state,
        before,
        limit: limit.unwrap_or(app.options.page_rows),
    })
}
