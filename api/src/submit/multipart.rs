//! The multipart form of a submit: one part `task` with the JSON, any number of parts `files`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::HeaderMap;
use axum::http::header;
use serde_json::Value;

use super::{Content, IncomingFile};
use crate::problem::Problem;
use crate::request::body::{Held, Limit, ReadError, find, pieces};
use crate::request::fields::Faults;
use crate::request::json;

/// The form's parts: the JSON of `task`, and the files.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: Limit,
    held: &Arc<Held>,
    faults: &mut Faults,
) -> Result<(Value, Vec<IncomingFile>), Problem> {
    let mut form = open(headers, body, limit, held).await?;
    let mut task = None;
    let mut files = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|e| unreadable(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.map_err(|e| unreadable(&e))?;
        match name.as_str() {
            "task" if task.is_none() => task = Some(json::parse(&bytes)?),
            "task" => faults.add("form:task", "is given twice"),
            "files" => {
                let pointer = format!("form:files/{}", files.len());
                if file_name.is_none() {
                    faults.add(format!("{pointer}/name"), "the part has no file name");
                }
                files.push(IncomingFile {
                    name: file_name.unwrap_or_default(),
                    pointer,
                    content: Content::Bytes(bytes),
                });
            }
            other => {
                let shown: String = other.chars().take(100).collect();
                faults.add(
                    format!("form:{shown}"),
                    "unknown part; known are task and files",
                );
            }
        }
    }
    let task = task.ok_or_else(|| {
        Problem::malformed(
            "form:task",
            "the form has no part task with the JSON of the task",
        )
    })?;
    Ok((task, files))
}

async fn open(
    headers: &HeaderMap,
    body: Body,
    limit: Limit,
    held: &Arc<Held>,
) -> Result<Multipart, Problem> {
    let mut request = Request::new(Body::from_stream(pieces(body, limit, Arc::clone(held))));
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, kind.clone());
    }
    *request.method_mut() = axum::http::Method::POST;
    // Our own limit is in the stream; the framework's lower one would cut the form short.
    DefaultBodyLimit::disable().apply(&mut request);
    Multipart::from_request(request, &())
        .await
        .map_err(|_| Problem::malformed("header:content-type", "the form's boundary is missing"))
}

fn unreadable(error: &axum::extract::multipart::MultipartError) -> Problem {
    match find::<ReadError>(error) {
        Some(cause) => cause.into(),
        None => Problem::malformed(
            "",
            format!("the form cannot be read: {}", error.body_text()),
        ),
    }
}
