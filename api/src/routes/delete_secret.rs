//! `DELETE /v1/secrets/{name}`: forget a secret. Tasks that were granted it go on without it.

use std::sync::Arc;

use agent_core::ports::store::StoreError;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::show_secret::name_of;
use crate::app::App;
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};

/// Delete a secret.
#[utoipa::path(
    delete,
    path = "/v1/secrets/{name}",
    tag = "secrets",
    params(("name" = String, Path, description = "The secret")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such secret of yours", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn delete_secret(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let name = name_of(&name)?;
    let credentials = app.parts.credentials.as_ref();
    match credentials.delete_credential(&caller.tenant, &name).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(StoreError::NotFound) => Err(Problem::not_found("secret")),
        Err(error) => Err(error.into()),
    }
}
