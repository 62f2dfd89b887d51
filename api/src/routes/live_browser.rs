//! `/v1/tasks/{id}/browser`: what a task's browser shows now, and what a person does in it while the task waits for them.
//!
//! Only the process that runs a browser can show it. Pictures are asked for one after the other, so that whoever watches gets as many as
//! their line is good for, and none is made when nobody asks.

use std::sync::Arc;
use std::time::Duration;

use agent_core::ports::live::{History, MouseButton, NotShown, PersonAct, Whose};
use agent_core::step::StepState;
use agent_core::task::{Task, WaitKind};
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::cancel_task::SMALL_BODY;
use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Code, Problem, ProblemBody};
use crate::request::body::{check_stated_length, read};
use crate::request::fields::{Faults, Fields};
use crate::request::json;
use crate::request::query::Query;
use crate::view::LiveBrowserView;
use crate::wire::InputRequest;

/// How long a picture is waited for.
const FRAME_WITHIN: Duration = Duration::from_secs(10);
/// The number of a picture, in its headers.
const NUMBER: HeaderName = HeaderName::from_static("errand-frame");
/// Most characters of a text that is typed at once.
const TEXT_CHARS_MAX: usize = 5_000;
/// Most pixels of a place or a way.
const PIXELS_MAX: f64 = 10_000.0;

/// Show a task's browser.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/browser",
    tag = "browser",
    params(("id" = String, Path, description = "The task")),
    responses(
        (status = 200, description = "Its tabs, and what a person is asked to do", body = LiveBrowserView),
        (status = 400, description = "A parameter; there are none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It cannot be shown now; the detail says why", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn show_browser(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<LiveBrowserView>, Problem> {
    Query::of(&uri).finish()?;
    let task = owner::load(&app, &caller.tenant, &id).await?;
    let shown = app.parts.live.browser(&whose(&task)).await;
    Ok(Json(match shown {
        Ok(browser) => LiveBrowserView::of(&task, browser),
        Err(NotShown::None) => LiveBrowserView::none(),
        Err(other) => return Err(problem(&other)),
    }))
}

/// Get the next picture of a page.
#[utoipa::path(
    get,
    path = "/v1/tasks/{id}/browser/frame",
    tag = "browser",
    params(
        ("id" = String, Path, description = "The task"),
        ("tab" = Option<String>, Query, description = "The tab; the one that the agent works in if absent"),
        ("after" = Option<u64>, Query, description = "The number of the picture that you have; 0 if absent"),
    ),
    responses(
        (status = 200, description = "A newer picture, with its number in the header `errand-frame`", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 204, description = "The page has not changed for about ten seconds; ask again"),
        (status = 400, description = "A bad parameter", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours, or no such tab", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Nothing can be shown; the detail says why", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many watch", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn get_frame(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(&uri);
    let tab = query.take("tab", "the name of a tab", |text| Some(text.to_owned()));
    let after = query.number("after", 0, u64::MAX).unwrap_or(0);
    query.finish()?;
    let task = owner::load(&app, &caller.tenant, &id).await?;
    let watching = caller.watch(&app)?;
    let asked = (whose(&task), app.parts.live.as_ref());
    let frame = asked.1.frame(&asked.0, tab.as_deref(), after, FRAME_WITHIN);
    let frame = tokio::select! {
        frame = frame => frame.map_err(|error| problem(&error))?,
        () = app.ending.closing.cancelled() => None,
    };
    drop(watching);
    let Some(frame) = frame else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let mut response = frame.jpeg.to_vec().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NUMBER, HeaderValue::from(frame.number));
    Ok(response)
}

/// Do something to a page, as the person whom the task waits for.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/browser/input",
    tag = "browser",
    params(("id" = String, Path, description = "The task")),
    request_body(content = InputRequest, description = "What is done"),
    responses(
        (status = 204, description = "It was done; look at the next picture"),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours, or no such tab", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It was not done; the detail says why", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Faults, all of them listed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn put_input(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (tab, act) = read_request(&app, request).await?;
    let task = owner::load(&app, &caller.tenant, &id).await?;
    let live = app.parts.live.as_ref();
    let done = live.act(&whose(&task), tab.as_deref(), act).await;
    done.map_err(|error| problem(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose browser it is, and which of its steps wait.
fn whose(task: &Task) -> Whose {
    let waits = |step: &&agent_core::step::Step| {
        let kind = step.waiting.as_ref().map(|waiting| waiting.kind);
        step.state == StepState::Waiting && kind == Some(WaitKind::Approval)
    };
    let waiting = task.steps.iter().filter(waits);
    Whose {
        tenant: task.tenant.clone(),
        task: task.id.clone(),
        waiting: waiting.map(|step| step.id.clone()).collect(),
    }
}

fn problem(error: &NotShown) -> Problem {
    match error {
        NotShown::Tab(_) => Problem::not_found("tab"),
        NotShown::None | NotShown::NotAsked | NotShown::Refused(_) | NotShown::Failed(_) => {
            Problem::new(StatusCode::CONFLICT, Code::Conflict, error.to_string())
        }
    }
}

async fn read_request(app: &App, request: Request) -> Result<(Option<String>, PersonAct), Problem> {
    let (head, body) = request.into_parts();
    check_stated_length(&head.headers, SMALL_BODY)?;
    let bytes = read(body, SMALL_BODY, &app.uploads.holder()).await?;
    let value = json::parse(&bytes)?;
    let mut faults = Faults::default();
    json::refuse_nul(&value, "", &mut faults);
    let (mut tab, mut act) = (None, None);
    if let Some(mut fields) = Fields::of(value, "", &mut faults) {
        tab = fields.text("tab", &mut faults);
        act = read_act(&mut fields, &mut faults);
        fields.finish(&mut faults);
    }
    faults.into_result()?;
    Ok((tab, act.ok_or_else(Problem::internal)?))
}

/// What is done. Nothing only where a fault was noted.
fn read_act(fields: &mut Fields, faults: &mut Faults) -> Option<PersonAct> {
    let action = fields.required_text("action", faults)?;
    Some(match action.as_str() {
        "click" => PersonAct::Click {
            at: place(fields, ("x", "y"), faults)?,
            button: button(fields, faults)?,
            count: count(fields, faults)?,
        },
        "move" => PersonAct::Move {
            to: place(fields, ("x", "y"), faults)?,
        },
        "scroll" => PersonAct::Scroll {
            at: place(fields, ("x", "y"), faults)?,
            by: place(fields, ("dx", "dy"), faults)?,
        },
        "type" => PersonAct::Type(text(fields, "text", faults)?),
        "key" => PersonAct::Key(text(fields, "keys", faults)?),
        "dialog" => {
            let accept = fields.flag("accept", faults);
            if accept.is_none() && !faults.any() {
                faults.add("/accept", "is required");
            }
            PersonAct::Dialog {
                accept: accept?,
                text: fields.text("text", faults),
            }
        }
        "go" => PersonAct::Go(way(fields, faults)?),
        _ => {
            let known = "must be click, move, scroll, type, key, dialog or go";
            faults.add("/action", known);
            return None;
        }
    })
}

fn place(
    fields: &mut Fields,
    names: (&'static str, &'static str),
    faults: &mut Faults,
) -> Option<(f64, f64)> {
    let mut pixels = |name: &'static str| {
        let at = fields.at(name);
        let number = fields.number(name, faults);
        let fits = number.filter(|number| number.abs() <= PIXELS_MAX);
        if fits.is_none() && !faults.has(&at) {
            faults.add(
                at,
                format!("must be a number of pixels, at most {PIXELS_MAX}"),
            );
        }
        fits
    };
    let (x, y) = (pixels(names.0), pixels(names.1));
    Some((x?, y?))
}

fn button(fields: &mut Fields, faults: &mut Faults) -> Option<MouseButton> {
    let named = fields.text("button", faults);
    match named.as_deref() {
        None | Some("left") => Some(MouseButton::Left),
        Some("middle") => Some(MouseButton::Middle),
        Some("right") => Some(MouseButton::Right),
        Some(_) => {
            faults.add("/button", "must be left, middle or right");
            None
        }
    }
}

fn count(fields: &mut Fields, faults: &mut Faults) -> Option<u8> {
    let count = fields.count("count", faults).unwrap_or(1);
    let count = u8::try_from(count)
        .ok()
        .filter(|count| (1..=3).contains(count));
    if count.is_none() {
        faults.add("/count", "must be 1, 2 or 3");
    }
    count
}

fn text(fields: &mut Fields, name: &'static str, faults: &mut Faults) -> Option<String> {
    let text = fields.required_text(name, faults)?;
    if text.chars().count() > TEXT_CHARS_MAX {
        let said = format!("has more than {TEXT_CHARS_MAX} characters");
        faults.add_oversize(fields.at(name), said);
        return None;
    }
    Some(text)
}

fn way(fields: &mut Fields, faults: &mut Faults) -> Option<History> {
    let to = fields.required_text("to", faults)?;
    match to.as_str() {
        "back" => Some(History::Back),
        "forward" => Some(History::Forward),
        "reload" => Some(History::Reload),
        _ => {
            faults.add("/to", "must be back, forward or reload");
            None
        }
    }
}
