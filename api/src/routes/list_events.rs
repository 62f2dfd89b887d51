//! `GET /v1/tasks/{id}/events`: the log, as pages of JSON or as a stream.

use std::sync::Arc;

use agent_core::id::{TaskId, TenantId};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};

use super::stream_events;
use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::request::query::Query;
use crate::view::{EventView, Page};

/// Read a task's log.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/events",
    tag = "events",
    params(
        ("id" = String, Path, description = "The task"),
        ("after" = Option<i64>, Query, description = "Only events with a higher number; 0 is the beginning"),
        ("limit" = Option<u32>, Query, description = "Most rows of the page; of no effect on a stream"),
        ("Last-Event-ID" = Option<i64>, Header, description = "For streams: the number of the last event seen; goes before `after`"),
    ),
    responses(
        (status = 200, description = "A page; or, with `Accept: text/event-stream`, a stream whose events have the number as id, the kind as event and the same object as data, and which ends with the event `end`",
            content((Page<EventView> = "application/json"), (String = "text/event-stream"))),
        (status = 400, description = "A bad parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn list_events(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(&uri);
    let after = query.number("after", 0, i64::MAX.unsigned_abs());
    let limit = query.number("limit", 1, u64::from(app.options.page_rows_max));
    query.finish()?;
    let after = after.and_then(|seq| i64::try_from(seq).ok()).unwrap_or(0);
    let task = owner::load(&app, &caller.tenant, &id).await?;
    if wants_stream(&headers) {
        let after = last_event_id(&headers)?.unwrap_or(after);
        return stream_events::stream(app, caller, &task, after);
    }
    let limit = limit.and_then(|rows| u32::try_from(rows).ok());
    let limit = limit.unwrap_or(app.options.page_rows);
    let data = page(&app, &caller.tenant, &task.id, after, limit).await?;
    let full = data.len() as u64 >= u64::from(limit);
    let next = data
        .last()
        .filter(|_| full)
        .map(|last| last.seq.to_string());
    Ok(Json(Page { data, next }).into_response())
}

/// Events after a number, as callers see them.
pub async fn page(
    app: &App,
    tenant: &TenantId,
    task: &TaskId,
    after: i64,
    limit: u32,
) -> Result<Vec<EventView>, Problem> {
    let events = app
        .parts
        .store
        .events_after(tenant, task, after, limit)
        .await?;
    let mut views = Vec::with_capacity(events.len());
    for event in events {
        views.push(EventView::of(app.parts.blobs.as_ref(), tenant, event).await?);
    }
    Ok(views)
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/event-stream")
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(None);
    }
    let seq = text.parse::<i64>().ok().filter(|seq| *seq >= 0);
    let message = "must be the number of an event of this task";
    seq.map(Some)
        .ok_or_else(|| Problem::malformed("header:last-event-id", message))
}
