//! `POST /v1/tasks/{id}/budget`: change the limits of a task; one that waits for them goes on.

use std::sync::Arc;

use agent_core::budget::{Budget, Spend};
use agent_core::decide::Input;
use agent_core::task::Task;
use axum::Json;
use axum::extract::{Path, Request, State};

use super::cancel_task::SMALL_BODY;
use crate::app::App;
use crate::caller::Caller;
use crate::owner;
use crate::problem::{Problem, ProblemBody};
use crate::request::body::{check_stated_length, read};
use crate::request::fields::Faults;
use crate::request::json;
use crate::submit;
use crate::view::{self, TaskView};
use crate::wire::BudgetRequest;

/// Change a task's limits.
#[utoipa::path(
    post,
    path = "/v1/tasks/{id}/budget",
    tag = "tasks",
    params(("id" = String, Path, description = "The task")),
    request_body(content = BudgetRequest, description = "The limits to change; the others stay"),
    responses(
        (status = 200, description = "The task with its new limits", body = TaskView),
        (status = 400, description = "The body cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such task of yours", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The task has ended, or kept changing", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Faults, all of them listed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The store does not answer", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("key" = []))
)]
pub async fn raise_budget(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<TaskView>, Problem> {
    let asked = read_request(&app, request).await?;
    let task = owner::apply(&app, &caller.tenant, &id, |task| {
        if task.state.is_final() {
            return Err(Problem::conflict(
                "the task has ended; its limits are of no use any more",
            ));
        }
        let budget = asked.over(task.budget);
        check(&app, task, &asked, &budget)?;
        // Limits that are in force already need no commit, so that a repeated request changes nothing.
        let changes = budget != task.budget;
        Ok(changes.then_some(Input::BudgetRaised { budget }))
    })
    .await?;
    Ok(Json(view::full(&app, &task).await?))
}

async fn read_request(app: &App, request: Request) -> Result<BudgetRequest, Problem> {
    let (head, body) = request.into_parts();
    check_stated_length(&head.headers, SMALL_BODY)?;
    let bytes = read(body, SMALL_BODY, &app.uploads.holder()).await?;
    let value = json::parse(&bytes)?;
    let mut faults = Faults::default();
    let asked = submit::budget(value, "", &mut faults).unwrap_or_default();
    if asked == BudgetRequest::default() && !faults.any() {
        faults.add(
            "",
            "name at least one of model_calls, tool_calls, tokens, wall_ms",
        );
    }
    faults.into_result()?;
    Ok(asked)
}

fn check(app: &App, task: &Task, asked: &BudgetRequest, budget: &Budget) -> Result<(), Problem> {
    let mut faults = Faults::default();
    for (name, max) in submit::above_ceiling(app, budget) {
        faults.add(
            format!("/{name}"),
            format!("this server allows at most {max}"),
        );
    }
    for (name, asked, used) in below_use(asked, &task.spent_at(task.read_at_ms)) {
        faults.add(
            format!("/{name}"),
            format!("{asked} is below what is used already: {used}"),
        );
    }
    faults.into_result()
}

fn below_use(asked: &BudgetRequest, spent: &Spend) -> Vec<(&'static str, u64, u64)> {
    [
        ("model_calls", asked.model_calls, spent.model_calls),
        ("tool_calls", asked.tool_calls, spent.tool_calls),
        ("tokens", asked.tokens, spent.tokens),
        ("wall_ms", asked.wall_ms, spent.wall_ms),
    ]
    .into_iter()
    .filter_map(|(name, asked, used)| {
        let used = u64::try_from(used).unwrap_or(0);
        asked
            .filter(|asked| *asked < used)
            .map(|asked| (name, asked, used))
    })
    .collect()
}
