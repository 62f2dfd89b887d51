//! `GET /v1/dead`: what was set aside until somebody requeues it, the last one first, in pages.

use std::sync::Arc;

use agent_core::queue::{DeadKind, DeadQuery};
use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use crate::app::App;
use crate::caller::Caller;
use crate::cursor;
use crate::problem::{Problem, ProblemBody};
use crate::request::query::Query;
use crate::view::{DeadKindName, DeadView, Page};

/// List dead letters, the last one set aside first.
#[utoipa::path(
    get,
    path = "/v1/dead",
    tag = "dead letters",
    params(
        ("kind" = Option<DeadKindName>, Query, description = "Only those of this kind"),
        ("before_ms" = Option<u64>, Query, description = "Only those set aside before this time, in milliseconds since the epoch"),
        ("limit" = Option<u32>, Query, description = "Most rows of the page"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = Page<DeadView>),
        (status = 400, description = "A bad parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn list_dead(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Page<DeadView>>, Problem> {
    let mut query = read_query(&app, &uri)?;
    let rows = query.limit;
    // One row more than the page tells whether there is another page.
    query.limit = rows.saturating_add(1);
    let mut letters = app.parts.store.list_dead(&caller.tenant, &query).await?;
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let more = letters.len() > rows;
    letters.truncate(rows);
    let next = letters
        .last()
        .filter(|_| more)
        .map(|last| cursor::after_dead(last.since_ms, &last.id));
    let data = letters.into_iter().map(DeadView::from).collect();
    Ok(Json(Page { data, next }))
}

fn read_query(app: &App, uri: &Uri) -> Result<DeadQuery, Problem> {
    let mut query = Query::of(uri);
    let kinds = DeadKind::ALL.map(DeadKind::label).join(", ");
    let kind = query.take("kind", &format!("one of {kinds}"), DeadKind::from_label);
    let before_ms = query.number("before_ms", 0, i64::MAX.unsigned_abs());
    let max = u64::from(app.options.page_rows_max);
    let limit = query.number("limit", 1, max);
    let after = query.take("cursor", "the next of an earlier page", cursor::read_dead);
    query.finish()?;
    let limit = limit.and_then(|rows| u32::try_from(rows).ok());
    Ok(DeadQuery {
        kind,
        before_ms: before_ms.and_then(|ms| i64::try_from(ms).ok()),
        after,
        limit: limit.unwrap_or(app.options.page_rows),
    })
}
