//! `GET /console/…`: the web console, a few files that are part of the program.
//!
//! The files hold nothing of anybody, so they need no key; what they show they ask `/v1` for, with the key that the person
//! gives. They are listed here one by one: no path of a request is ever looked up in a folder.

use std::sync::Arc;

use agent_core::blob::BlobHash;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::problem::Problem;

/// Nothing but files of this server; a page of it can be framed by nobody and sends no form anywhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, media type and text of a file.
type File = (&'static str, &'static str, &'static str);

macro_rules! file {
    ($name:literal, $media_type:expr) => {
        (
            $name,
            $media_type,
            include_str!(concat!("../../console/", $name)),
        )
    };
}

const FILES: [File; 14] = [
    file!("index.html", HTML),
    file!("console.css", STYLE),
    file!("main.js", SCRIPT),
    file!("api.js", SCRIPT),
    file!("stream.js", SCRIPT),
    file!("dom.js", SCRIPT),
    file!("words.js", SCRIPT),
    file!("tasks.js", SCRIPT),
    file!("submit.js", SCRIPT),
    file!("task.js", SCRIPT),
    file!("calls.js", SCRIPT),
    file!("approvals.js", SCRIPT),
    file!("computer.js", SCRIPT),
    file!("browser.js", SCRIPT),
];

/// The console, or nothing where it is turned off.
pub fn routes(is_on: bool) -> Router<Arc<App>> {
    if !is_on {
        return Router::new();
    }
    Router::new()
        .route("/", get(to_console))
        .route("/console", get(|| async { see_other() }))
        .route(
            "/console/",
            get(|headers: HeaderMap| async move { serve("index.html", &headers) }),
        )
        .route("/console/{file}", get(serve_named))
}

/// A browser that asks for the server itself is shown the console; a program is told what it was told without one.
async fn to_console(headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        return see_other();
    }
    Problem::not_found("route; /openapi.json lists all").into_response()
}

fn see_other() -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, "/console/")]).into_response()
}

async fn serve_named(Path(name): Path<String>, headers: HeaderMap) -> Response {
    serve(&name, &headers)
}

fn serve(name: &str, asked: &HeaderMap) -> Response {
    let Some((_, media_type, text)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return Problem::not_found("file of the console").into_response();
    };
    let tag = format!("\"{}\"", BlobHash::of(text.as_bytes()));
    let known = asked.get(header::IF_NONE_MATCH);
    let is_known = known.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (*text).into_response()
    };
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Kept, but asked about each time: a new version of the program must not run with scripts of the old one.
        (header::CACHE_CONTROL, "no-cache"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
