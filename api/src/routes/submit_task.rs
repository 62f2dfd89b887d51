//! `POST /v1/tasks`: accept a task. It is answered after the commit, never before.

use std::sync::Arc;

use agent_core::id::TenantId;
use agent_core::secret::Secret;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::request::body::{Held, Limit, check_stated_length, read};
use crate::request::fields::Faults;
use crate::request::json::{self, MediaType};
use crate::submit::{self, Accepted, Wanted};
use crate::view::{self, TaskView, WebhookView};
use crate::wire::{SubmitForm, SubmitRequest};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Accept a task.
#[utoipa::path(
    post,
    path = "/v1/tasks",
    tag = "tasks",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable ASCII characters. The same key with the same request gives the same task; with another request it is refused. Kept at least 24 hours.")),
    request_body(
        content(
            (SubmitRequest = "application/json"),
            (SubmitForm = "multipart/form-data"),
        ),
        description = "JSON with small files in base64, or a form with a part `task` (the same JSON) and parts `files`."
    ),
    responses(
        (status = 201, description = "Accepted and durable", body = TaskView, headers(("Location" = String, description = "The task's path"))),
        (status = 200, description = "The task of an earlier submit with this key", body = TaskView, headers(("Idempotency-Replayed" = String, description = "`true`"))),
        (status = 400, description = "The body or a header cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Something is above its limit", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor a form", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Faults, all of them listed; or `idempotency_mismatch`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer, or the server is shutting down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn submit_task(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    // Whoever retries finds another server, or the next life of this one.
    if app.ending.draining.is_cancelled() {
        return Err(Problem::unavailable(
            "the server is shutting down and takes no new tasks; nothing was changed",
        ));
    }
    let key = submit::idempotency_key(request.headers())?;
    // Holds the body's bytes against the limit of all uploads until they are in the blob store.
    let holder = app.uploads.holder();
    let wanted = read_wanted(&app, &caller.tenant, request, &holder).await?;
    match submit::accept(&app, &caller.tenant, wanted, key).await? {
        Accepted::Created(task, secret) => {
            let view = answer(&app, &caller.tenant, task.as_str(), secret).await?;
            let location = view::task_path(&task);
            Ok((
                StatusCode::CREATED,
                [(header::LOCATION, location)],
                Json(view),
            )
                .into_response())
        }
        Accepted::Replayed(task) => {
            let view = answer(&app, &caller.tenant, task.as_str(), None).await?;
            let replayed = [(REPLAYED, HeaderValue::from_static("true"))];
            Ok((StatusCode::OK, replayed, Json(view)).into_response())
        }
    }
}

async fn read_wanted(
    app: &Arc<App>,
    tenant: &TenantId,
    request: Request,
    holder: &Arc<Held>,
) -> Result<Wanted, Problem> {
    let (head, body) = request.into_parts();
    let mut faults = Faults::default();
    let (value, files) = match json::media_type(&head.headers)? {
        MediaType::Json => {
            let limit = Limit {
                bytes_max: app.options.json_body_bytes_max,
                name: "json_body_bytes_max",
            };
            check_stated_length(&head.headers, limit)?;
            (json::parse(&read(body, limit, holder).await?)?, Vec::new())
        }
        MediaType::Multipart => {
            let limit = Limit {
                bytes_max: app.options.multipart_body_bytes_max,
                name: "multipart_body_bytes_max",
            };
            check_stated_length(&head.headers, limit)?;
            submit::read_multipart(&head.headers, body, limit, holder, &mut faults).await?
        }
    };
    let secrets = submit::known_secrets(app, tenant, &value).await?;
    // Decoding and hashing megabytes, and compiling a schema, would hold up other requests of this thread.
    let app = Arc::clone(app);
    let checking = tokio::task::spawn_blocking(move || {
        let asked = submit::read(value, &mut faults);
        submit::check(&app, asked, files, &secrets, faults)
    });
    match checking.await {
        Ok(checked) => checked,
        Err(error) => {
            tracing::error!(%error, "a check of a submit panicked");
            Err(Problem::internal())
        }
    }
}

async fn answer(
    app: &App,
    tenant: &TenantId,
    task: &str,
    secret: Option<Secret>,
) -> Result<TaskView, Problem> {
    let task = owner::load(app, tenant, task).await?;
    let mut view = view::full(app, &task).await?;
    if let (Some(id), Some(secret)) = (&task.webhook, secret) {
        view.webhook = Some(WebhookView {
            id: id.to_string(),
            secret: Some(secret.expose().to_owned()),
        });
    }
    Ok(view)
}
