//! `POST /v1/dead/{id}/requeue` and `POST /v1/dead/requeue`: let go on what was set aside, one or many.
//!
//! Each dead letter is requeued by a commit of its own, so what was requeued before a failure stays requeued, and asking
//! again takes up the rest.

use std::sync::Arc;

use agent_core::decide::Input;
use agent_core::id::{JobId, TenantId};
use agent_core::ports::store::StoreError;
use agent_core::queue::{DeadId, DeadKind, DeadLetter, DeadQuery};
use axum::Json;
use axum::extract::{Path, Request, State};

use super::cancel_task::SMALL_BODY;
use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Code, Problem, ProblemBody};
use crate::request::body::{check_stated_length, read};
use crate::request::fields::{Faults, Fields};
use crate::request::json;
use crate::view::RequeuedView;
use crate::wire::RequeueRequest;

/// Most dead letters of one request.
const AT_ONCE_MAX: u32 = 500;

/// Requeue one dead letter.
#[utoipa::path(
    post,
    path = "/v1/dead/{id}/requeue",
    tag = "dead letters",
    params(("id" = String, Path, description = "The dead letter")),
    responses(
        (status = 200, description = "It goes on", body = RequeuedView),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such dead letter of yours; it may have been requeued already", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Its task kept changing; try again", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn requeue_one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<RequeuedView>, Problem> {
    let not_found = || Problem::not_found("dead letter");
    let id: DeadId = id.parse().map_err(|_| not_found())?;
    let found = app.parts.store.find_dead(&caller.tenant, &id).await?;
    let letter = found.ok_or_else(not_found)?;
    requeue(&app, &caller.tenant, &letter).await?;
    Ok(Json(RequeuedView {
        requeued: vec![id.to_string()],
        more: false,
    }))
}

/// Requeue many dead letters.
#[utoipa::path(
    post,
    path = "/v1/dead/requeue",
    tag = "dead letters",
    request_body(content = Option<RequeueRequest>, description = "Which; without a body, all"),
    responses(
        (status = 200, description = "What goes on: at most 500 in one request", body = RequeuedView),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Faults, all of them listed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn requeue_many(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<RequeuedView>, Problem> {
    let query = read_request(&app, request).await?;
    let letters = app.parts.store.list_dead(&caller.tenant, &query).await?;
    let at_once = usize::try_from(AT_ONCE_MAX).unwrap_or(usize::MAX);
    let more = letters.len() > at_once;
    let mut requeued = Vec::new();
    for letter in letters.iter().take(at_once) {
        match requeue(&app, &caller.tenant, letter).await {
            Ok(()) => requeued.push(letter.id.to_string()),
            // Somebody else was faster, or its task moves at this moment.
            Err(problem) if matches!(problem.code(), Code::NotFound | Code::Conflict) => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(Json(RequeuedView { requeued, more }))
}

async fn requeue(app: &App, tenant: &TenantId, letter: &DeadLetter) -> Result<(), Problem> {
    if let (DeadKind::Job, DeadId::Job(job)) = (letter.kind, &letter.id) {
        let input = Input::Requeued {
            step: letter.step.clone(),
            job: job.clone(),
        };
        return owner::apply(app, tenant, letter.task.as_str(), |_| {
            Ok(Some(input.clone()))
        })
        .await
        .map(|_| ());
    }
    let job = JobId::new(app.parts.entropy.as_ref());
    let store = &app.parts.store;
    match store.requeue_dead(tenant, &letter.id, &job).await {
        Err(StoreError::NotFound) => Err(Problem::not_found("dead letter")),
        done => Ok(done?),
    }
}

async fn read_request(app: &App, request: Request) -> Result<DeadQuery, Problem> {
    let (head, body) = request.into_parts();
    check_stated_length(&head.headers, SMALL_BODY)?;
    let bytes = read(body, SMALL_BODY, &app.uploads.holder()).await?;
    let mut query = DeadQuery {
        limit: AT_ONCE_MAX + 1,
        ..DeadQuery::default()
    };
    if bytes.is_empty() {
        return Ok(query);
    }
    let value = json::parse(&bytes)?;
    let mut faults = Faults::default();
    if let Some(mut fields) = Fields::of(value, "", &mut faults) {
        if let Some(kind) = fields.text("kind", &mut faults) {
            query.kind = DeadKind::from_label(&kind);
            if query.kind.is_none() {
                let kinds = DeadKind::ALL.map(DeadKind::label).join(", ");
                faults.add("/kind", format!("must be one of {kinds}"));
            }
        }
        let before_ms = fields.count("before_ms", &mut faults);
        query.before_ms = before_ms.and_then(|ms| i64::try_from(ms).ok());
        fields.finish(&mut faults);
    }
    faults.into_result()?;
    Ok(query)
}
