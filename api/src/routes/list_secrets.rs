//! `GET /v1/secrets`: the caller's secrets, by name, without their values.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::request::query::Query;
use crate::view::{Page, SecretView};

/// List secrets, without their values.
#[utoipa::path(
    get,
    path = "/v1/secrets",
    tag = "secrets",
    responses(
        (status = 200, description = "All of them, by name", body = Page<SecretView>),
        (status = 400, description = "A parameter; there are none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn list_secrets(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Page<SecretView>>, Problem> {
    Query::of(&uri).finish()?;
    let stored = app.parts.credentials.list_credentials(&caller.tenant);
    let data = stored.await?.into_iter().map(SecretView::from).collect();
    Ok(Json(Page { data, next: None }))
}
