//! `POST /v1/tasks/{id}/cancel`: end a task, and tell what came of that. Ending one that has ended changes nothing and is no error.

use std::sync::Arc;

use agent_core::decide::Input;
use axum::Json;
use axum::extract::{Path, Request, State};

use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::request::body::{Limit, check_stated_length, read};
use crate::request::fields::{Faults, Fields};
use crate::request::json;
use crate::request::query::Query;
use crate::routes::show_cancel;
use crate::view::{self, CancelledView};
use crate::wire::CancelRequest;

const REASON_BYTES_MAX: usize = 2000;
/// How long the answer waits for the workers when nothing is said: they look for lost jobs once a second.
const WAIT_S: u64 = 2;
/// The bodies of cancel and budget are tiny; this leaves room for any escape of the longest reason.
pub const SMALL_BODY: Limit = Limit {
    bytes_max: 16 * 1024,
    name: "this route takes small bodies only",
};

/// Cancel a task.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/cancel",
    tag = "tasks",
    params(
        ("id" = String, Path, description = "The task"),
        ("wait" = Option<u64>, Query, description = "How many seconds, at most, to wait until all that was stopped is known to be gone; 2 if absent"),
    ),
    request_body(content = Option<CancelRequest>, description = "May be left out"),
    responses(
        (status = 200, description = "The task, cancelled now or ended before, with the receipt", body = CancelledView),
        (status = 400, description = "The body cannot be read, or a bad parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The task kept changing; try again", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Faults, all of them listed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn cancel_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<CancelledView>, Problem> {
    let mut query = Query::of(request.uri());
    let wait_s = query.number("wait", 0, app.options.wait_max_s);
    query.finish()?;
    let wait_s = wait_s.unwrap_or(WAIT_S);
    let reason = read_request(&app, request).await?.reason;
    let task = owner::apply(&app, &caller.tenant, &id, |task| {
        let open = !task.state.is_final();
        Ok(open.then(|| Input::CancelRequested {
            reason: reason.clone(),
        }))
    })
    .await?;
    // The task is cancelled whether or not there is room for one more that waits.
    let watcher = (wait_s > 0).then(|| caller.watch(&app)).transpose().ok();
    let watcher = watcher.flatten();
    let wait = watcher.as_ref().map(|watcher| (watcher, wait_s));
    let cancel = show_cancel::receipt(&app, &task, wait).await?;
    Ok(Json(CancelledView {
        task: view::full(&app, &task).await?,
        cancel,
    }))
}

async fn read_request(app: &App, request: Request) -> Result<CancelRequest, Problem> {
    let (head, body) = request.into_parts();
    check_stated_length(&head.headers, SMALL_BODY)?;
    let bytes = read(body, SMALL_BODY, &app.uploads.holder()).await?;
    if bytes.is_empty() {
        return Ok(CancelRequest::default());
    }
    let value = json::parse(&bytes)?;
    let mut faults = Faults::default();
    json::refuse_nul(&value, "", &mut faults);
    let mut reason = None;
    if let Some(mut fields) = Fields::of(value, "", &mut faults) {
        reason = fields.text("reason", &mut faults);
        fields.finish(&mut faults);
    }
    if reason
        .as_ref()
        .is_some_and(|text| text.len() > REASON_BYTES_MAX)
    {
        faults.add_oversize("/reason", format!("has more than {REASON_BYTES_MAX} bytes"));
    }
    faults.into_result()?;
    Ok(CancelRequest { reason })
}
