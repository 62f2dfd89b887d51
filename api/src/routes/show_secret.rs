//! `GET /v1/secrets/{name}`: one secret, without its value.

use std::sync::Arc;

use agent_core::credential::SecretName;
use axum::Json;
use axum::extract::{Path, State};

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::view::SecretView;

/// Show a secret, without its value.
#[utoipa::path(
    get,
    path = "/v1/secrets/{name}",
    tag = "secrets",
    params(("name" = String, Path, description = "The secret")),
    responses(
        (status = 200, description = "What is stored, without its value", body = SecretView),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such secret of yours", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn show_secret(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<SecretView>, Problem> {
    let name = name_of(&name)?;
    let credentials = app.parts.credentials.as_ref();
    let found = credentials.find_credential(&caller.tenant, &name).await?;
    let found = found.ok_or_else(|| Problem::not_found("secret"))?;
    Ok(Json(found.into()))
}

/// The name of a secret. What cannot be one is not found either.
pub fn name_of(text: &str) -> Result<SecretName, Problem> {
    text.parse().map_err(|_| Problem::not_found("secret"))
}
