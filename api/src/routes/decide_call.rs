//! `POST /v1/tasks/{id}/calls/{call_id}/decision`: say what became of a call whose outcome is unknown, or whether one that
//! was held is made.
//!
//! The log decides whether there is something to decide, and it is read at the version of the task on which the decision
//! is committed. So a decision that comes twice, or after the task went on without it, is refused and changes nothing.

use std::sync::Arc;

use agent_core::call::{CallDecided, CallDecision, CallHistory};
use agent_core::decide::Input;
use agent_core::id::CallId;
use agent_core::journal;
use agent_core::task::Task;
use axum::Json;
use axum::extract::{Path, Request, State};

use super::cancel_task::SMALL_BODY;
use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::request::body::{check_stated_length, read};
use crate::request::fields::{Faults, Fields};
use crate::request::json;
use crate::view::{self, TaskView};
use crate::wire::DecisionRequest;

const NOTE_BYTES_MAX: usize = 2000;

/// Decide about a call.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/calls/{call_id}/decision",
    tag = "tasks",
    params(("id" = String, Path, description = "The task"), ("call_id" = String, Path, description = "The call, as the reason of the wait names it")),
    request_body(content = DecisionRequest, description = "What became of the call, or whether it is to be made"),
    responses(
        (status = 200, description = "The task, which goes on", body = TaskView),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours, or no such call of it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Nothing is to be decided about the call; the detail says why", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Faults, all of them listed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn decide_call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, call)): Path<(String, String)>,
    request: Request,
) -> Result<Json<TaskView>, Problem> {
    let (decision, note) = read_request(&app, request).await?;
    let app = app.as_ref();
    let call = call
        .parse::<CallId>()
        .map_err(|_| Problem::not_found("call"))?;
    for _ in 0..owner::ATTEMPTS_MAX {
        let task = owner::load(app, &caller.tenant, &id).await?;
        let history = history(app, &task, &call).await?;
        let step = open_step(&task, &history, decision)?;
        let decided = CallDecided {
            call: call.clone(),
            tool: history.tool,
            decision,
            note: note.clone(),
        };
        let input = Input::CallDecided { step, decided };
        if owner::commit_once(app, &task, input).await? {
            let task = owner::load(app, &caller.tenant, &id).await?;
            return Ok(Json(view::full(app, &task).await?));
        }
    }
    Err(owner::never_rests())
}

/// The step that waits for this decision, or why none does.
fn open_step(
    task: &Task,
    history: &CallHistory,
    decision: CallDecision,
) -> Result<agent_core::id::StepId, Problem> {
    let Some(step) = history.step.clone() else {
        return Err(Problem::not_found("call"));
    };
    if let Some(closed) = history.closed(decision) {
        return Err(Problem::conflict(closed));
    }
    if task.state.is_final() {
        return Err(Problem::conflict(format!(
            "the task is {}; nothing is to be decided any more",
            task.state.label()
        )));
    }
    Ok(step)
}

/// What the task's log tells about a call.
async fn history(app: &App, task: &Task, call: &CallId) -> Result<CallHistory, Problem> {
    let mut history = CallHistory::of(call.clone());
    let (tenant, mut after) = (&task.tenant, 0);
    loop {
        let page = owner::next_events(app, task, after).await?;
        let Some(last) = page.last() else {
            return Ok(history);
        };
        after = last.seq;
        for event in page.iter().filter(|event| CallHistory::hears(&event.kind)) {
            let public = journal::load_json(app.parts.blobs.as_ref(), tenant, &event.public);
            let public = public.await.map_err(owner::unreadable)?;
            history.push(&event.kind, event.step.as_ref(), &public);
        }
    }
}

async fn read_request(
    app: &App,
    request: Request,
) -> Result<(CallDecision, Option<String>), Problem> {
    let (head, body) = request.into_parts();
    check_stated_length(&head.headers, SMALL_BODY)?;
    let bytes = read(body, SMALL_BODY, &app.uploads.holder()).await?;
    let value = json::parse(&bytes)?;
    let mut faults = Faults::default();
    json::refuse_nul(&value, "", &mut faults);
    let (mut decision, mut note) = (None, None);
    if let Some(mut fields) = Fields::of(value, "", &mut faults) {
        let named = fields.required_text("decision", &mut faults);
        decision = named.as_deref().and_then(CallDecision::from_label);
        if named.is_some() && decision.is_none() {
            faults.add(
                "/decision",
                "must be done, not_done, repeat, approve or deny",
            );
        }
        note = fields.text("note", &mut faults);
        fields.finish(&mut faults);
    }
    if note
        .as_ref()
        .is_some_and(|text| text.len() > NOTE_BYTES_MAX)
    {
        faults.add_oversize("/note", format!("has more than {NOTE_BYTES_MAX} bytes"));
    }
    faults.into_result()?;
    let decision = decision.ok_or_else(Problem::internal)?;
    Ok((decision, note))
}
