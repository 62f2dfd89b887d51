//! `GET /healthz` and `GET /readyz`: whether the process is up, and whether it should be sent requests.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::app::{App, Parts};
use crate::problem::{Problem, ProblemBody};

/// How long the store may take to answer before the server counts as not ready.
const STORE_ANSWER: Duration = Duration::from_secs(3);
/// How long what was found is good for.
const LOOK_HOLDS: Duration = Duration::from_secs(1);

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
        (status = 503, description = "It cannot: the database or the blob store takes no writes, or the server is shutting down", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn readyz(State(app): State<Arc<App>>) -> Result<Json<HealthView>, Problem> {
    if app.ending.draining.is_cancelled() {
        return Err(Problem::unavailable(
            "draining: the server is shutting down",
        ));
    }
    app.ready.look(&app.parts).await?;
    Ok(healthy(&app))
}

/// What the last look found. Anyone may ask, and each look writes, so one serves all who ask within a moment.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Result<(), Problem>)>>);

impl Readiness {
    async fn look(&self, parts: &Parts) -> Result<(), Problem> {
        let mut last = self.0.lock().await;
        if let Some((at, found)) = last.as_ref()
            && at.elapsed() < LOOK_HOLDS
        {
            return found.clone();
        }
        let (database, blobs) = tokio::join!(database(parts), blobs(parts));
        let found = database.and(blobs);
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

async fn database(parts: &Parts) -> Result<(), Problem> {
    match tokio::time::timeout(STORE_ANSWER, parts.store.check_writes()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Problem::unavailable(
            "the database takes too long to answer",
        )),
    }
}

async fn blobs(parts: &Parts) -> Result<(), Problem> {
    match tokio::time::timeout(STORE_ANSWER, parts.blobs.check()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let cause = error.source().map(ToString::to_string);
            tracing::error!(error = %error, cause, "the blob store takes no writes");
            Err(Problem::unavailable("the blob store takes no writes"))
        }
        Err(_) => Err(Problem::unavailable(
            "the blob store takes too long to answer",
        )),
    }
}
