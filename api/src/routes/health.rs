//! `GET /healthz` and `GET /readyz`: whether the process is up, and whether it should be sent requests.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::{Problem, ProblemBody};

/// How long the store may take to answer before the server counts as not ready.
const STORE_ANSWER: Duration = Duration::from_secs(3);

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// `ok`.
    pub status: String,
    /// The version of the program.
    pub version: String,
}

fn healthy(app: &App) -> Json<HealthView> {
    Json(HealthView {
        status: "ok".to_owned(),
        version: app.parts.info.version.clone(),
    })
}

/// Whether the process is up and gets on; if not, it should be restarted.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "health",
    responses(
        (status = 200, description = "It does", body = HealthView),
        (status = 503, description = "It does not: its worker has stopped looking for jobs", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn healthz(State(app): State<Arc<App>>) -> Result<Json<HealthView>, Problem> {
    match app.parts.beside.trouble() {
        None => Ok(healthy(&app)),
        Some(trouble) => Err(Problem::unavailable(&trouble)),
    }
}

/// Whether the server can take requests.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses(
        (status = 200, description = "It can", body = HealthView),
        (status = 503, description = "It cannot: the store does not answer, or the server is shutting down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn readyz(State(app): State<Arc<App>>) -> Result<Json<HealthView>, Problem> {
    if app.draining.is_cancelled() {
        return Err(Problem::unavailable("the server is shutting down"));
    }
    match tokio::time::timeout(STORE_ANSWER, app.parts.store.now_ms()).await {
        Ok(Ok(_)) => Ok(healthy(&app)),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Problem::unavailable(
            "the database takes too long to answer",
        )),
    }
}
