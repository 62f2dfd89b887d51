//! `GET /v1/tasks/{id}/events/{seq}/image`: the picture that an event names.
//!
//! Strangers made the page that it shows, so it is served as one of the few formats of pictures or not at all, and a sandbox
//! policy covers it.

use std::sync::Arc;

use agent_core::image::ImageRef;
use agent_core::journal;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Problem, ProblemBody};

const FORMATS: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "image/gif"];

/// The only part of an event that is read here.
#[derive(Deserialize)]
struct Pictured {
    image: Option<ImageRef>,
}

/// Download the picture of an event.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/events/{seq}/image",
    tag = "tasks",
    params(
        ("id" = String, Path, description = "The task"),
        ("seq" = i64, Path, description = "The event's number"),
    ),
    responses(
        (status = 200, description = "Its bytes, with its media type", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours, no such event, or one without a picture", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn get_image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, seq)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let none = || Problem::not_found("picture of such an event");
    let seq: i64 = seq.parse().map_err(|_| none())?;
    let task = owner::load(&app, &caller.tenant, &id).await?;
    let (blobs, tenant) = (app.parts.blobs.as_ref(), &task.tenant);
    let store = app.parts.store.as_ref();
    let found = store.events_after(tenant, &task.id, seq.saturating_sub(1), 1);
    let found = found.await?;
    let event = found.first().filter(|event| event.seq == seq);
    let public = journal::load_json(blobs, tenant, &event.ok_or_else(none)?.public);
    let public = public.await.map_err(owner::unreadable)?;
    let pictured: Option<Pictured> = serde_json::from_value(public).ok();
    let image = pictured.and_then(|pictured| pictured.image);
    let image = image.ok_or_else(none)?;
    let mut formats = FORMATS.into_iter();
    let format = formats.find(|format| *format == image.media_type);
    let format = format.ok_or_else(none)?;
    let mut response = blobs.get(tenant, &image.blob.hash).await?.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format));
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", image.blob.hash)) {
        headers.insert(header::ETAG, value);
    }
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'"),
    );
    Ok(response)
}
