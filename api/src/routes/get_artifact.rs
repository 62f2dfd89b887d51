//! `GET /v1/tasks/{id}/artifacts/{name}`: the bytes of an artifact.
//!
//! The content was made by a model from strangers' files, so it is never shown as a page of this origin: it is always
//! an attachment, its type is never guessed, and a sandbox policy covers browsers that show it anyway.

use std::sync::Arc;

use agent_core::ports::store::Artifact;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::view::percent;

/// Download an artifact.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/artifacts/{name}",
    tag = "artifacts",
    params(
        ("id" = String, Path, description = "The task"),
        ("name" = String, Path, description = "The artifact's name; may contain slashes"),
    ),
    responses(
        (status = 200, description = "Its bytes, with its media type", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours, or no such artifact", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn get_artifact(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let task = owner::load(&app, &caller.tenant, &id).await?;
    let artifacts = app.parts.store.artifacts(&caller.tenant, &task.id).await?;
    let artifact = artifacts
        .into_iter()
        .find(|artifact| artifact.name == name)
        .ok_or_else(|| Problem::not_found("artifact"))?;
    let bytes = app
        .parts
        .blobs
        .get(&caller.tenant, &artifact.blob.hash)
        .await?;
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type(&artifact));
    let disposition = disposition(&artifact.name);
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", artifact.blob.hash)) {
        headers.insert(header::ETAG, value);
    }
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox; default-src 'none'"),
    );
    Ok(response)
}

fn media_type(artifact: &Artifact) -> HeaderValue {
    HeaderValue::from_str(&artifact.media_type)
        .unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// The last part of the name as a file name: once in plain ASCII, once in full.
fn disposition(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let ascii: String = last
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !"\"\\;%".contains(c) || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!(
        "attachment; filename=\"{ascii}\"; filename*=UTF-8''{}",
        percent(last, b"")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_break_out_of_its_header() {
        assert_eq!(
            disposition("site/a\"; x=é.html"),
            "attachment; filename=\"a__ x=_.html\"; filename*=UTF-8''a%22%3B%20x%3D%C3%A9.html"
        );
    }
}
