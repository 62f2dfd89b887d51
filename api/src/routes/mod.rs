//! The routes: one file each, and here the table of them.

pub mod cancel_task;
pub mod console;
pub mod decide_call;
pub mod delete_secret;
pub mod explain_task;
pub mod get_artifact;
pub mod get_image;
pub mod health;
pub mod list_artifacts;
pub mod list_dead;
pub mod list_events;
pub mod list_secrets;
pub mod list_tasks;
pub mod live_browser;
pub mod put_secret;
pub mod raise_budget;
pub mod requeue_dead;
pub mod show_cancel;
pub mod show_computer;
pub mod show_secret;
pub mod show_task;
pub mod stream_events;
pub mod submit_task;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::observe;
use crate::openapi;
use crate::problem::{Code, Problem};

/// Every route.
pub fn all(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route(
            "/v1/tasks",
            get(list_tasks::list_tasks).post(submit_task::submit_task),
        )
        .route("/v1/tasks/{id}", get(show_task::show_task))
        .route(
            "/v1/tasks/{id}/cancel",
            get(show_cancel::show_cancel).post(cancel_task::cancel_task),
        )
        .route("/v1/tasks/{id}/budget", post(raise_budget::raise_budget))
        .route(
            "/v1/tasks/{id}/calls/{call_id}/decision",
            post(decide_call::decide_call),
        )
        .route("/v1/tasks/{id}/why", get(explain_task::explain_task))
        .route("/v1/tasks/{id}/events", get(list_events::list_events))
        .route(
            "/v1/tasks/{id}/events/{seq}/image",
            get(get_image::get_image),
        )
        .merge(live())
        .route(
            "/v1/tasks/{id}/artifacts",
            get(list_artifacts::list_artifacts),
        )
        .route(
            "/v1/tasks/{id}/artifacts/{*name}",
            get(get_artifact::get_artifact),
        )
        .route("/v1/dead", get(list_dead::list_dead))
        .route("/v1/dead/requeue", post(requeue_dead::requeue_many))
        .route("/v1/dead/{id}/requeue", post(requeue_dead::requeue_one))
        .route("/v1/computer", get(show_computer::show_computer))
        .route("/v1/secrets", get(list_secrets::list_secrets))
        .route(
            "/v1/secrets/{name}",
            get(show_secret::show_secret)
                .put(put_secret::put_secret)
                .delete(delete_secret::delete_secret),
        )
        .route("/openapi.json", get(openapi::serve))
        .merge(health())
        .merge(console::routes(app.options.console));
    around(routes.fallback(unknown_route), app)
}

/// What a worker without an API answers.
pub fn health_only(app: Arc<App>) -> Router {
    around(
        health().merge(live()).fallback(unknown_route_of_worker),
        app,
    )
}

/// What is seen of browsers that run in this process.
fn live() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/tasks/{id}/browser", get(live_browser::show_browser))
        .route("/v1/tasks/{id}/browser/frame", get(live_browser::get_frame))
        .route(
            "/v1/tasks/{id}/browser/input",
            post(live_browser::put_input),
        )
}

fn health() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
}

/// What is the same for all routes.
fn around(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    let observing = middleware::from_fn_with_state(Arc::clone(&app), observe::observe);
    routes
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
        .layer(CatchPanicLayer::custom(observe::after_panic))
        .layer(observing)
}

async fn unknown_route() -> Problem {
    Problem::not_found("route; /openapi.json lists all")
}

async fn unknown_route_of_worker() -> Problem {
    Problem::not_found("route; a worker answers /healthz, /readyz and /v1/tasks/{id}/browser only")
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        Code::NotAllowed,
        "this route does not take this method; the Allow header says which it takes",
    )
}
