//! The OpenAPI document, generated from the handlers and the types.

use axum::Json;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::problem::{Code, Fault, ProblemBody};
use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Errand",
        description = "Submit a goal, disconnect, and find the result by polling, by a stream, or by a signed webhook."
    ),
    paths(
        routes::submit_task::submit_task,
        routes::list_tasks::list_tasks,
        routes::show_task::show_task,
        routes::cancel_task::cancel_task,
        routes::show_cancel::show_cancel,
        routes::raise_budget::raise_budget,
        routes::decide_call::decide_call,
        routes::explain_task::explain_task,
        routes::list_events::list_events,
        routes::get_image::get_image,
        routes::live_browser::show_browser,
        routes::live_browser::get_frame,
        routes::live_browser::put_input,
        routes::list_artifacts::list_artifacts,
        routes::get_artifact::get_artifact,
        routes::list_dead::list_dead,
        routes::requeue_dead::requeue_many,
        routes::requeue_dead::requeue_one,
        routes::show_computer::show_computer,
        routes::put_secret::put_secret,
        routes::list_secrets::list_secrets,
        routes::show_secret::show_secret,
        routes::delete_secret::delete_secret,
        routes::health::healthz,
        routes::health::readyz,
        serve,
    ),
    components(schemas(ProblemBody, Fault, Code)),
    modifiers(&BearerKey)
)]
struct Api;

struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("errand_")
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// The document.
pub fn document() -> Document {
    Api::openapi()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", responses((status = 200, description = "The OpenAPI document", content_type = "application/json")))]
pub async fn serve() -> Json<Document> {
    Json(document())
}
