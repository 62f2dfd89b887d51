//! `GET /v1/tasks/{id}/artifacts`: the files that a task hands to its submitter.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;

use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::request::query::Query;
use crate::view::{ArtifactView, Page};

/// List a task's artifacts.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/artifacts",
    tag = "artifacts",
    params(("id" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "All of them, by name", body = Page<ArtifactView>),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn list_artifacts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Page<ArtifactView>>, Problem> {
    Query::of(&uri).finish()?;
    let task = owner::load(&app, &caller.tenant, &id).await?;
    let artifacts = app.parts.store.artifacts(&caller.tenant, &task.id).await?;
    let data = artifacts
        .iter()
        .map(|artifact| ArtifactView::of(&task.id, artifact))
        .collect();
    Ok(Json(Page { data, next: None }))
}
