//! `PUT /v1/secrets/{name}`: store a secret, in place of any of its name. Its value is sealed before it reaches the store, and is in
//! no answer, no fault and no log.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use agent_core::credential::{
    HOSTS_MAX, HeaderFormat, HeaderName, HostPattern, InvalidValue, PER_TENANT_MAX,
    SealedCredential, SecretName, Terms, check_value,
};
use agent_core::ports::credentials::Put;
use agent_core::secret::Secret;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde_json::Value;

use crate::app::App;
use crate::caller::Caller;
use crate::problem::{Code, Problem, ProblemBody};
use crate::request::body::{Limit, check_stated_length, read};
use crate::request::fields::{Faults, Fields, kind, wrong_type};
use crate::request::json;
use crate::view::SecretView;
use crate::wire::SecretRequest;

/// Room for any escape of the longest value, and for the most hosts.
const BODY: Limit = Limit {
    bytes_max: 64 * 1024,
    name: "this route takes small bodies only",
};

/// Store a secret, or replace it.
#[utoipa::path(
    put,
    path = "/v1/secrets/{name}",
    tag = "secrets",
    params(("name" = String, Path, description = "1 to 64 lower-case letters, digits, `_` and `-`; begins with a letter or digit")),
    request_body(content = SecretRequest, description = "All of it: what is left out takes its default, not what was stored before"),
    responses(
        (status = 201, description = "Stored", body = SecretView),
        (status = 200, description = "Stored in place of the earlier one, whose age it keeps", body = SecretView),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body or the value is above its limit", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Faults, all of them listed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`quota_exceeded`: you have as many secrets as you may have; or too much at once", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn put_secret(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<SecretView>), Problem> {
    let (name, terms, value) = read_request(&app, &name, request).await?;
    let (sealer, place) = (app.parts.sealer.as_ref(), (caller.tenant, name));
    let new = SealedCredential::seal(place, terms, &value, sealer);
    let put = app.parts.credentials.put_credential(new, PER_TENANT_MAX);
    match put.await? {
        Put::Created(stored) => Ok((StatusCode::CREATED, Json(stored.into()))),
        Put::Replaced(stored) => Ok((StatusCode::OK, Json(stored.into()))),
        Put::Full => Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            Code::QuotaExceeded,
            format!("there are {PER_TENANT_MAX} secrets already; delete one that is not used"),
        )),
    }
}

async fn read_request(
    app: &App,
    name: &str,
    request: Request,
) -> Result<(SecretName, Terms, Secret), Problem> {
    let (head, body) = request.into_parts();
    check_stated_length(&head.headers, BODY)?;
    let bytes = read(body, BODY, &app.uploads.holder()).await?;
    let value = json::parse(&bytes)?;
    let mut faults = Faults::default();
    let name = name.parse::<SecretName>();
    let name = name.map_err(|error| faults.add("path:name", error.to_string()));
    let read = read_body(value, &mut faults);
    faults.into_result()?;
    // Whatever is missing was noted as a fault.
    let (Ok(name), Some((terms, value))) = (name, read) else {
        return Err(Problem::internal());
    };
    Ok((name, terms, value))
}

fn read_body(body: Value, faults: &mut Faults) -> Option<(Terms, Secret)> {
    let mut fields = Fields::of(body, "", faults)?;
    let value = fields.required_text("value", faults).map(Secret::new);
    let listed = fields.list("hosts", faults);
    if listed.is_none() && !faults.has("/hosts") {
        faults.add("/hosts", "is required");
    }
    let header = fields.text("header", faults);
    let format = fields.text("format", faults);
    fields.finish(faults);
    if let Some(value) = &value {
        check_size_and_text(value, faults);
    }
    let hosts = hosts(listed.unwrap_or_default(), faults);
    let header = or_default::<HeaderName>(header, "/header", faults);
    let format = or_default::<HeaderFormat>(format, "/format", faults);
    let terms = Terms {
        hosts,
        header: header?,
        format: format?,
    };
    Some((terms, value?))
}

fn check_size_and_text(value: &Secret, faults: &mut Faults) {
    match check_value(value) {
        Ok(()) => {}
        Err(error @ InvalidValue::TooLong { .. }) => {
            faults.add_oversize("/value", error.to_string());
        }
        Err(error @ (InvalidValue::Empty | InvalidValue::Control | InvalidValue::Space)) => {
            faults.add("/value", error.to_string());
        }
    }
}

/// What a text means, or the default where there is none.
fn or_default<T>(given: Option<String>, at: &str, faults: &mut Faults) -> Option<T>
where
    T: Default + FromStr<Err: Display>,
{
    let Some(text) = given else {
        return Some(T::default());
    };
    let read = text.parse().map_err(|error: T::Err| error.to_string());
    read.map_err(|message| faults.add(at, message)).ok()
}

fn hosts(listed: Vec<Value>, faults: &mut Faults) -> Vec<HostPattern> {
    let count = listed.len();
    if count > HOSTS_MAX {
        faults.add_oversize(
            "/hosts",
            format!("has {count} hosts; at most {HOSTS_MAX} are allowed"),
        );
        return Vec::new();
    }
    if count == 0 && !faults.has("/hosts") {
        faults.add("/hosts", "must name at least one host");
    }
    let mut hosts = Vec::with_capacity(count);
    for (index, item) in listed.into_iter().enumerate() {
        let at = format!("/hosts/{index}");
        let found = kind(&item);
        let Value::String(text) = item else {
            wrong_type(&at, "a string", found, faults);
            continue;
        };
        match text.parse::<HostPattern>() {
            Ok(host) if hosts.contains(&host) => faults.add(at, "is listed twice"),
            Ok(host) => hosts.push(host),
            Err(error) => faults.add(at, error.to_string()),
        }
    }
    hosts
}
