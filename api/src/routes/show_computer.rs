//! `GET /v1/computer`: what commands are held to here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{Problem, ProblemBody};
use crate::request::query::Query;
use crate::view::ComputerView;

/// Say what commands are held to by the worker of this process.
#[utoipa::path(
    get,
    path = "/v1/computer",
    tag = "computer",
    responses(
        (status = 200, description = "What it found by trying", body = ComputerView),
        (status = 400, description = "A parameter; there are none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn show_computer(
    State(app): State<Arc<App>>,
    _caller: Caller,
    uri: Uri,
) -> Result<Json<ComputerView>, Problem> {
    Query::of(&uri).finish()?;
    Ok(Json(ComputerView::of(app.parts.beside.computer().await)))
}
